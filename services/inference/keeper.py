"""Releases of this process: loaded in the background while it serves, and unloaded again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from models.schema.manifest import ReleaseError
from services.chassis.errors import InvalidArgumentError
from services.chassis.log import get_logger
from services.inference.background import give_back, in_background
from services.inference.holder import (
    HolderAwayError,
    NoSuchReleaseError,
    ReleaseInUseError,
    ReleaseRecord,
    ReleaseState,
)
from services.inference.slots import ReleaseSlots
from services.inference.store import is_id

_log = get_logger("release")


class ReleaseKeeper:
    """ReleaseHolder over the slots of this process."""

    def __init__(self, slots: ReleaseSlots[Any], now: Callable[[], float] = time.time) -> None:
        """`slots`: with the release of the start loaded; `now`: unix seconds."""
        self._slots = slots
        self._now = now
        self._change = Lock()  # the loop and the loading threads change records
        (self._start,) = slots.ids()
        self._records = {self._start: self._loaded(self._start)}
        self._by_hand: set[str] = set()

    @property
    def start(self) -> str:
        """The release it stands on: the one it started with, or was told to take instead."""
        return self._start

    @property
    def records(self) -> tuple[ReleaseRecord, ...]:
        """As `list`, without waiting."""
        return tuple(map(self._marked, tuple(self._records.values())))

    async def list(self) -> tuple[ReleaseRecord, ...]:
        return self.records

    async def load(
        self, release: str, *, urgent: bool = False, by_hand: bool = False
    ) -> ReleaseRecord:
        _check_id("release", release)
        if (record := self._kept(release)) is None:
            await self._check_there(release)
            record = self._kept(release) or self._begun(release, urgent)
        if by_hand:
            self._by_hand.add(release)
        return self._marked(record)

    async def unload(self, release: str, instead: str = "") -> None:
        _check_id("release", release)
        if instead:
            _check_id("instead", instead)
        with self._change:
            if release not in self._records:
                have = ", ".join(self._records)
                raise NoSuchReleaseError(f"release {release} is not loaded; there are {have}")
            if release == self._start:
                if not instead:
                    raise ReleaseInUseError(
                        f"the service stands on release {release}: name a loaded one instead"
                    )
                self._check_instead(instead)
                self._start = instead
            self._records.pop(release)
        self._by_hand.discard(release)
        last = [self._slots.unload(release)]
        in_background(f"unload-{release}", partial(_let_go, last))
        _log.info("release unloaded", release=release)

    async def _check_there(self, release: str) -> None:
        try:
            await asyncio.to_thread(self._slots.check, release)
        except ReleaseError as error:
            raise NoSuchReleaseError(str(error)) from None
        except OSError as error:
            raise HolderAwayError(f"releases cannot be read: {error}") from None

    def _begun(self, release: str, urgent: bool) -> ReleaseRecord:
        record = ReleaseRecord(release, ReleaseState.LOADING, since=int(self._now()))
        with self._change:
            self._records.pop(release, None)
            self._records[release] = record
        in_background(f"load-{release}", partial(self._load, record), urgent=urgent)
        return record

    def _kept(self, release: str) -> ReleaseRecord | None:
        """Its record, unless it is to be loaded."""
        record = self._records.get(release)
        return None if record is None or record.state is ReleaseState.REFUSED else record

    def _marked(self, record: ReleaseRecord) -> ReleaseRecord:
        return replace(record, by_hand=True) if record.release in self._by_hand else record

    def _check_instead(self, instead: str) -> None:
        if instead == self._start:
            raise InvalidArgumentError("instead", "the release that is to be unloaded")
        if instead not in self._slots.ids():
            raise InvalidArgumentError("instead", f"release {instead} is not loaded")

    def _load(self, record: ReleaseRecord) -> None:
        """On a thread of its own."""
        release = record.release
        if self._records.get(release) is not record:
            return  # it was unloaded before its turn
        try:
            self._slots.load(release)
            ended = self._loaded(release)
        except ReleaseError as error:
            ended = self._record(release, ReleaseState.REFUSED, str(error))
        with self._change:
            if wanted := self._records.get(release) is record:
                self._records[release] = ended
        if not wanted:
            self._slots.unload(release)
        elif ended.reason:
            _log.warning("release refused", release=release, reason=ended.reason)
        else:
            _log.info("release loaded", release=release, seconds=ended.since - record.since)

    def _loaded(self, release: str) -> ReleaseRecord:
        return self._record(release, ReleaseState.LOADED, size=self._slots.size(release))

    def _record(
        self, release: str, state: ReleaseState, reason: str = "", size: int = 0
    ) -> ReleaseRecord:
        return ReleaseRecord(release, state, reason, size, int(self._now()))


def _let_go(last: list[Any]) -> None:
    """Off the event loop: what is large takes its time."""
    last.clear()
    give_back()


def _check_id(field: str, release: str) -> None:
    if not is_id(release):
        raise InvalidArgumentError(field, f"{release[:140]!r} is not the id of a release")
