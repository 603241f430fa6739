"""Loading the release a service starts with."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from models.schema.manifest import ReleaseError
from services.chassis.errors import StartupError
from services.chassis.log import get_logger
from services.chassis.settings import ReleaseSettings
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore

T = TypeVar("T")
_log = get_logger("release")


async def load_slots(
    settings: ReleaseSettings, open_release: Callable[[Path], T]
) -> ReleaseSlots[T]:
    """Slots with the release of the settings loaded.

    Where they name none it is the current one, or when that is refused the newest other that is
    not: traffic may name another by now, and a service that does not start can load none.

    Raises:
        StartupError: when it is not there or refused; says why and what to do.
    """
    # What was imported stays, and is not looked through again at every full collection of garbage,
    # which new objects in great number, as of a release, cause. Releases go, so they come after.
    gc.freeze()
    try:
        store = ReleaseStore(settings.releases)
        slots = ReleaseSlots(store, open_release)
        if settings.release:
            await asyncio.to_thread(slots.load, settings.release)
        else:
            await asyncio.to_thread(_load_current, store, slots)
    except (ReleaseError, OSError) as error:
        hint = error.hint if isinstance(error, ReleaseError) else ReleaseError.hint
        raise StartupError(str(error), hint) from error
    _log.info("release loaded", release=slots.ids()[0])
    return slots


def _load_current(store: ReleaseStore, slots: ReleaseSlots[T]) -> None:
    current = store.current()
    try:
        slots.load(current)
    except ReleaseError as error:
        passing = isinstance(error.__cause__, (OSError, MemoryError))  # a restart mends that
        if passing or not (instead := _load_another(store, slots, current)):
            raise
        slots.refused_current = str(error)
        _log.error(
            "the current release is refused, another one is served",
            current=current,
            reason=str(error),
            release=instead,
        )


def _load_another(store: ReleaseStore, slots: ReleaseSlots[T], refused: str) -> str:
    """Loads the newest other release that is not refused, too; its id, empty when there is none."""
    with suppress(OSError):
        for release in store.newest():
            if release != refused and _loads(slots, release):
                return release
    return ""


def _loads(slots: ReleaseSlots[T], release: str) -> bool:
    try:
        slots.load(release)
    except ReleaseError as error:
        _log.warning("release refused", release=release, reason=str(error))
        return False
    return True
