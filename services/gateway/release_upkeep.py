"""Keeps loaded what traffic names, and lets go of what it no longer does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager

from services.chassis.errors import InvalidArgumentError
from services.chassis.log import get_logger
from services.chassis.tasks import end
from services.gateway.release_control import OWN, ReleaseControl
from services.gateway.releases import Holding
from services.inference.holder import (
    HolderAwayError,
    HolderError,
    NoSuchReleaseError,
    ReleaseRecord,
    ReleaseState,
)

LOOK_SECONDS = 1.0  # between two looks
SETTLING_SECONDS = 0.1  # the same, while it starts
RETRY_SECONDS = 30.0  # after a refusal: a disk or a file system may have failed, not the release
LINGER_SECONDS = 120.0  # for what nobody wants: other gateways may hear later of what traffic names
_MISSING, _KEPT = "release is missing", "release is not unloaded"
_log = get_logger("release")


class ReleaseUpkeep:
    """Looks each second what is held, and mends it.

    A stage that started again has one release of all that are wanted: it is told to load the
    others. One that was refused is tried again. What is held, not wanted and not loaded by hand is
    unloaded where traffic names others.

    Attributes:
        missing: holder and release → why it does not even begin to load it.
    """

    def __init__(
        self,
        control: ReleaseControl,
        clock: Callable[[], float],
        tidy: Callable[[], None] = lambda: None,
        current: Callable[[], bool] = lambda: True,
    ) -> None:
        """What keeps releases loaded.

        Args:
            control: of this gateway and its stages.
            clock: seconds, never going back.
            tidy: lets go of what keeps releases in use.
            current: whether what traffic names was heard just now; else others may know better
                what nobody wants.
        """
        self.missing: dict[tuple[str, str], str] = {}
        self._tidy = tidy
        self._current = current
        self._control = control
        self._clock = clock
        self._wanted: tuple[str, ...] = ()  # at the last look
        self._refused: dict[tuple[str, str], tuple[ReleaseRecord, float]] = {}  # and when seen
        self._idle: dict[str, float] = {}  # since when it is not wanted
        self._told: set[tuple[str, str, str]] = set()

    async def tend(self, *, starting: bool = False) -> None:
        """Looks and mends once; `starting`: this gateway answers nobody yet."""
        await self._control.look()
        wanted, before = self._control.wanted, self._wanted
        self._wanted = wanted
        for release in wanted:
            for holding in self._control.holdings():
                if not holding.problem:
                    await self._mend(holding, release, release not in before, starting)
        self._tidy()
        await self._let_go()
        self._forget()

    async def settle(self, seconds: float) -> None:
        """Tends until whoever answers has loaded, or refused, all that is wanted.

        For a gateway that starts: it then serves what the others serve. Gives up after `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.tend(starting=True)
                while not self._settled():
                    await asyncio.sleep(SETTLING_SECONDS)
                    await self.tend(starting=True)
        except TimeoutError:
            _log.warning("not all releases are loaded", seconds=seconds)

    def _settled(self) -> bool:
        return not any(
            release in holding.records and holding.records[release].state is ReleaseState.LOADING
            for release in self._control.wanted
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

    async def _mend(self, holding: Holding, release: str, new: bool, starting: bool) -> None:
        """Has a release loaded where it is not; `new`: it was not wanted at the last look."""
        record = holding.records.get(release)
        if record is None:
            await self._load(holding.holder, release, self._urgent(holding, release, starting))
        elif holding.has(release):
            self._told.discard((_MISSING, holding.holder, release))
        elif record.state is ReleaseState.REFUSED and (new or self._due(holding.holder, record)):
            await self._load(holding.holder, release, urgent=False)

    def _urgent(self, holding: Holding, release: str, starting: bool) -> bool:
        """Whether at full speed: nobody is served there, or lists of most people lack the stage."""
        if not holding.address:
            return starting
        first = release in self._control.named()[:1]
        return first and (starting or self._control.answers_from(release))

    def _due(self, holder: str, record: ReleaseRecord) -> bool:
        """Whether it is RETRY_SECONDS since this refusal was seen first."""
        key, now = (holder, record.release), self._clock()
        seen, since = self._refused.get(key, (None, now))
        if seen != record:
            self._refused[key] = record, now
        elif now - since >= RETRY_SECONDS:
            del self._refused[key]
            return True
        return False

    async def _load(self, holder: str, release: str, urgent: bool) -> None:
        try:
            await self._control.load_in(holder, release, urgent=urgent)
        except (HolderError, InvalidArgumentError) as error:
            if not isinstance(error, HolderAwayError):
                self.missing[holder, release] = str(error)
            self._warn_once(_MISSING, holder, release, str(error))
        else:
            self.missing.pop((holder, release), None)
            _log.info("release is being loaded", release=release, holder=holder)

    async def _let_go(self) -> None:
        """Unloads what nobody wants for long, if traffic says what is wanted."""
        now, named = self._clock(), self._control.named()
        # What lacks the stable release somewhere may be answered from another one.
        sure = named and self._current() and self._control.everywhere(named[0])
        idle = _unwanted(self._control.holdings(), self._control.wanted) if sure else ()
        self._idle = {release: self._idle.get(release, now) for release in idle}
        for release, since in list(self._idle.items()):
            if now - since >= LINGER_SECONDS:
                self._idle[release] = now  # who kept it is told again as much later
                await self._unload(release, named[0])

    async def _unload(self, release: str, instead: str) -> None:
        try:
            after = await self._control.unload(release, instead)
        except NoSuchReleaseError:
            return
        except (HolderError, InvalidArgumentError) as error:
            self._warn_once(_KEPT, OWN, release, str(error))
            return
        for one in after:
            if one.problem:
                self._warn_once(_KEPT, one.holder, release, one.problem)
            else:
                self._told.discard((_KEPT, one.holder, release))

    def _forget(self) -> None:
        """What was noted of releases that are neither wanted nor held."""
        known = {*self._control.wanted, *self._idle}
        self._told = {key for key in self._told if key[2] in known}
        for notes in (self.missing, self._refused):
            for key in [key for key in notes if key[1] not in self._control.wanted]:
                del notes[key]

    def _warn_once(self, what: str, holder: str, release: str, reason: str) -> None:
        if (key := (what, holder, release)) not in self._told:
            self._told.add(key)
            _log.warning(what, holder=holder, release=release, reason=reason)


def _unwanted(holdings: Iterable[Holding], wanted: Collection[str]) -> tuple[str, ...]:
    """Releases that somebody holds, and that nobody loaded by hand."""
    records = [record for holding in holdings for record in holding.records.values()]
    kept = {*wanted, *(record.release for record in records if record.by_hand)}
    return tuple(dict.fromkeys(one.release for one in records if one.release not in kept))


@asynccontextmanager
async def tended(upkeep: ReleaseUpkeep) -> AsyncIterator[None]:
    """Looks after the releases until the context ends."""
    task = asyncio.create_task(upkeep.follow())
    try:
        yield
    finally:
        await end(task)
