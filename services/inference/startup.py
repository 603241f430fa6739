"""Loading the release a service starts with."""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from models.schema.manifest import ReleaseError
from services.chassis.errors import StartupError
from services.chassis.log import get_logger
from services.chassis.settings import ReleaseSettings
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore

T = TypeVar("T")


async def load_slots(
    settings: ReleaseSettings, open_release: Callable[[Path], T]
) -> ReleaseSlots[T]:
    """Slots with the release of the settings loaded.

    Raises:
        StartupError: when it is not there or refused; says why and what to do.
    """
    # What was imported stays, and is not looked through again at every full collection of garbage,
    # which new objects in great number, as of a release, cause. Releases go, so they come after.
    gc.freeze()
    try:
        store = ReleaseStore(settings.releases)
        slots = ReleaseSlots(store, open_release)
        release = settings.release or await asyncio.to_thread(store.current)
        await asyncio.to_thread(slots.load, release)
    except (ReleaseError, OSError) as error:
        hint = error.hint if isinstance(error, ReleaseError) else ReleaseError.hint
        raise StartupError(str(error), hint) from error
    get_logger("release").info("release loaded", release=release)
    return slots
