"""Releases in memory, side by side."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest, ReleaseError
from services.inference import metrics
from services.inference.background import give_way
from services.inference.store import ReleaseStore

T = TypeVar("T")


class ReleaseSlots(Generic[T]):
    """What a service serves from: release id → what `open_release` made of its folder.

    A release is in `ids()` only after its files' hashes and its schema were checked and it was
    opened, which runs its golden tensors. One that fails is refused and never serves.

    Attributes:
        refused_current: why it is not the current release that was loaded first; empty: it is, or
            another was named.
    """

    def __init__(self, store: ReleaseStore, open_release: Callable[[Path], T]) -> None:
        self._store = store
        self._open = open_release
        self._slots: dict[str, T] = {}
        self._sizes: dict[str, int] = {}
        self._loading = Lock()
        self.refused_current = ""

    def ids(self) -> tuple[str, ...]:
        """Ids of the loaded releases, oldest load first."""
        return tuple(self._slots)

    def get(self, release: str) -> T | None:
        """The loaded release; None when it is not."""
        return self._slots.get(release)

    def load(self, release: str) -> T:
        """Loads a release beside the others; blocks, so call it on a thread while serving.

        Raises:
            ReleaseError: when it is not there, damaged, or not what it was when it was made.
        """
        with self._loading:
            if (loaded := self._slots.get(release)) is not None:
                return loaded
            try:
                opened = self._opened(release)
            except ReleaseError:
                metrics.REFUSED.inc()
                raise
            self._slots[release] = opened
            metrics.LOADED.labels(release).inc()
            return opened

    def unload(self, release: str) -> T | None:
        """Forgets a release and returns it; queries that run on it end undisturbed."""
        if (forgotten := self._slots.pop(release, None)) is not None:
            metrics.LOADED.labels(release).dec()
            self._sizes.pop(release, None)
        return forgotten

    def check(self, release: str) -> None:
        """Whether there is such a release; reads nothing of it. ReleaseError says which are."""
        self._store.check(release)

    def size(self, release: str) -> int:
        """Bytes of the files of a loaded release; 0 when it is not."""
        return self._sizes.get(release, 0)

    def _opened(self, release: str) -> T:
        try:
            folder = self._store.fetch(release)
            manifest = Manifest.read(folder)
            if manifest.id != release:
                raise ReleaseError(f"{folder} holds the release {manifest.id}, not {release}")
            manifest.verify(folder, give_way)
            _check_schema(folder, manifest)
            self._sizes[release] = _size(folder)
            return self._open(folder)
        except ReleaseError:
            raise
        except Exception as error:  # whatever is wrong with it, it is refused
            raise ReleaseError(f"release {release} cannot be opened: {error!r}") from error


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _check_schema(folder: Path, manifest: Manifest) -> None:
    schema = FeatureSchema.read(folder)
    if schema.hash != manifest.schema_hash:
        raise ReleaseError(
            f"release {manifest.id} was trained with the feature schema "
            f"{manifest.schema_hash[:12]}, its {layout.SCHEMA} is {schema.hash[:12]}"
        )
