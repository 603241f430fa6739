"""Asks a shadow what others were answered, in the background."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Protocol, Self

from services.chassis.log import get_logger
from services.chassis.tasks import end
from services.domain.context import UserContext
from services.domain.traffic import Arm, Shadow, place
from services.domain.traffic_report import LaneReport
from services.gateway.requests import ListRequest
from services.gateway.shadow.comparison import compare, example
from services.gateway.shadow.tally import ShadowTally
from services.gateway.trace import Trace

MIRRORED = frozenset({Arm.STABLE, Arm.CONTROL})
AFTER_SECONDS = 0.01  # the answer is on its way by then
REMEMBERED = 4  # releases that were a shadow, by when they first were

_SALT = "shadow"
_log = get_logger("shadow")


class ShadowFunnel(Protocol):
    """The way of a request through a shadow's lane; it must mark nothing as shown."""

    async def run(
        self,
        asked: ListRequest,
        seconds: float,
        explain: bool = False,
        context: UserContext | None = None,
    ) -> Trace: ...


class Mirror:
    """Offers lists to the shadow of the policy; nobody waits for what it says.

    A request that ends badly is counted, and changes nothing for users. When the context ends,
    so does what still runs.

    Args:
        shadow: the one that the policy names now, if any.
        funnel: of a release's shadow lane; None where that is not loaded everywhere.
        room: whether this gateway has time for others than users now.
        seconds: that a request may take.
    """

    def __init__(
        self,
        shadow: Callable[[], Shadow | None],
        funnel: Callable[[str], ShadowFunnel | None],
        room: Callable[[], bool],
        seconds: float,
    ) -> None:
        self._shadow = shadow
        self._funnel = funnel
        self._room = room
        self._seconds = seconds
        self._tallies: dict[str, ShadowTally] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running:
            await end(*self._running)

    @property
    def running(self) -> int:
        """Requests that a shadow is asked now."""
        return len(self._running)

    def tally(self, release: str, stable: str) -> ShadowTally:
        """What was counted of a release as a shadow; anew when another stable one answers."""
        tally = self._tallies.get(release)
        if tally is None or tally.stable != stable:
            tally = self._tallies[release] = ShadowTally(stable)
            if len(self._tallies) > REMEMBERED:
                del self._tallies[next(iter(self._tallies))]
        return tally

    def lanes(self) -> tuple[LaneReport, ...]:
        """For the report of this gateway: a lane for each release that was a shadow.

        Threads may call it; all else is for the event loop.
        """
        tallies = tuple(self._tallies.items())
        return tuple(tally.report(release) for release, tally in tallies)

    def offer(self, trace: Trace, arm: Arm, request_id: str) -> None:
        """Takes a list that was answered; never waits, and never fails.

        Only whole answers of stable's users: what differs is then the release's doing.
        """
        try:
            self._offer(trace, arm, request_id)
        except Exception:  # noqa: BLE001 - degrade point: the user's answer is made
            _log.exception("a shadow failed", request=request_id)

    def _offer(self, trace: Trace, arm: Arm, request_id: str) -> None:
        shadow = self._shadow()
        if shadow is None or arm not in MIRRORED or trace.degraded:
            return
        stable = trace.items.release.id
        if not chosen(request_id, shadow.percent) or stable == shadow.release:
            return
        funnel = self._funnel(shadow.release)
        if funnel is None:
            return
        tally = self.tally(shadow.release, stable)
        if len(self._running) >= shadow.at_once or not self._room():
            tally.count("dropped")
            return
        # A context of its own: no span and no deadline of the user's request is in it.
        task = asyncio.create_task(self._ask(funnel, trace, request_id, tally), context=Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _ask(
        self, funnel: ShadowFunnel, stable: Trace, request_id: str, tally: ShadowTally
    ) -> None:
        await asyncio.sleep(AFTER_SECONDS)
        try:
            async with asyncio.timeout(self._seconds):
                shadow = await funnel.run(stable.request, self._seconds, context=stable.context)
            if shadow.degraded:
                tally.count("degraded")
                return
            found = compare(stable, shadow)
            tally.add(found, example(request_id, stable, shadow, found))
        except TimeoutError:
            tally.count("failed")
        except Exception:  # noqa: BLE001 - degrade point: no user waits for this
            tally.count("failed")
            _log.exception("a shadow failed", request=request_id)


def chosen(request_id: str, percent: float) -> bool:
    """Whether a request is among so many percent; the same on every gateway."""
    return place(request_id, _SALT) < percent / 100
