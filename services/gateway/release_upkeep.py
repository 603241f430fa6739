"""Keeps loaded what traffic names, and lets go of what it no longer does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.chassis.errors import InvalidArgumentError
from services.chassis.log import get_logger
from services.chassis.tasks import end
from services.gateway.release_control import ReleaseControl
from services.inference.holder import (
    HolderAwayError,
    HolderError,
    NoSuchReleaseError,
    ReleaseState,
)

LOOK_SECONDS = 1.0  # between two looks
SETTLING_SECONDS = 0.1  # the same, while it starts
LINGER_SECONDS = 120.0  # after traffic last named it: other gateways may hear of it later
_log = get_logger("release")


class ReleaseUpkeep:
    """Looks each second what is held, and mends it.

    A stage that started again has one release of all that are named: it is told to load the
    others. A release is unloaded when traffic named it and no longer does; one that traffic never
    named stays until it is unloaded by hand.

    Attributes:
        missing: holder and release → why it does not even begin to load it.
    """

    def __init__(
        self,
        control: ReleaseControl,
        clock: Callable[[], float],
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock`: seconds, never going back; `tidy`: lets go of what keeps releases in use."""
        self.missing: dict[tuple[str, str], str] = {}
        self._tidy = tidy
        self._control = control
        self._clock = clock
        self._named_at: dict[str, float] = {}
        self._told: set[str] = set()

    async def tend(self) -> None:
        """Looks and mends once."""
        await self._control.look()
        named = tuple(self._control.named())
        wanted = named or (self._control.start,)
        for key in [key for key in self.missing if key[1] not in wanted]:
            del self.missing[key]
        for release in wanted:
            for holding in self._control.holdings():
                if release not in holding.records and not holding.problem:
                    await self._load(holding.holder, release)
        now = self._clock()
        self._tidy()
        self._named_at.update(dict.fromkeys(named, now))
        for release, last in list(self._named_at.items()):
            if named and now - last >= LINGER_SECONDS:
                self._named_at[release] = now  # who kept it is told again as much later
                if await self._unloaded(release, named[0]):
                    del self._named_at[release]

    async def settle(self, seconds: float) -> None:
        """Tends until whoever answers has loaded, or refused, all that traffic names.

        For a gateway that starts: it then serves what the others serve. Gives up after `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.tend()
                while not self._settled():
                    await asyncio.sleep(SETTLING_SECONDS)
                    await self.tend()
        except TimeoutError:
            _log.warning("not all releases are loaded", seconds=seconds)

    def _settled(self) -> bool:
        return not any(
            release in holding.records and holding.records[release].state is ReleaseState.LOADING
            for release in self._control.named()
            for holding in self._control.holdings()
        )

    async def follow(self) -> None:
        """Tends for ever."""
        while True:
            try:
                await self.tend()
            except Exception:  # noqa: BLE001 - degrade point: what is loaded stays
                _log.exception("releases cannot be looked after")
            await asyncio.sleep(LOOK_SECONDS)

    async def _load(self, holder: str, release: str) -> None:
        try:
            await self._control.load_in(holder, release)
            self.missing.pop((holder, release), None)
            _log.info("release was missing, it is being loaded", release=release, holder=holder)
        except (HolderError, InvalidArgumentError) as error:
            if not isinstance(error, HolderAwayError):
                self.missing[holder, release] = str(error)
            self._warn_once("release is missing", f"{holder}: {error}")

    async def _unloaded(self, release: str, instead: str) -> bool:
        """Unloads a release; whether nobody has it any more."""
        try:
            after = await self._control.unload(release, instead)
        except NoSuchReleaseError:
            return True
        except (HolderError, InvalidArgumentError) as error:
            self._warn_once("release is not unloaded", str(error))
            return False
        problems = [f"{one.holder}: {one.problem}" for one in after if one.problem]
        for problem in problems:
            self._warn_once("release is not unloaded", problem)
        return not problems

    def _warn_once(self, what: str, reason: str) -> None:
        if reason not in self._told:
            _log.warning(what, reason=reason)
        self._told.add(reason)


@asynccontextmanager
async def tended(upkeep: ReleaseUpkeep) -> AsyncIterator[None]:
    """Looks after the releases until the context ends."""
    task = asyncio.create_task(upkeep.follow())
    try:
        yield
    finally:
        await end(task)
