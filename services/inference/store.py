"""Where releases lie: a folder, or any fsspec URL such as s3://bucket/releases."""

import fcntl
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from models.schema import layout
from models.schema.manifest import PART, ReleaseError
from services.inference.background import give_way

CURRENT = "current"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_id(release: str) -> bool:
    """Whether a text can be the id of a release."""
    return _ID.fullmatch(release) is not None


class ReleaseStore:
    """Releases under one URL, each a folder named by its id.

    Releases of a local folder are used where they are; others are copied to `cache` once.
    """

    def __init__(self, url: str, cache: Path = Path("var/cache/releases")) -> None:
        """`url`: a folder or an fsspec URL; nothing is read yet.

        Raises:
            ReleaseError: for a kind of URL that is unknown, or whose package is not installed.
        """
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ReleaseError(f"cannot read releases from {url}: {error}") from error
        self._local = "file" in _protocols(self._files)
        self._cache = cache / hashlib.sha256(url.encode()).hexdigest()[:12]
        self.url = url

    def ids(self) -> tuple[str, ...]:
        """Ids of the releases that are there, sorted."""
        if not self._files.exists(self._root):
            return ()
        self._files.invalidate_cache(self._root)
        found = (
            Path(path).parent.name for path in self._files.glob(self._path("*", "manifest.json"))
        )
        return tuple(sorted(name for name in found if is_id(name)))

    def newest(self) -> tuple[str, ...]:
        """The same, by when they were made, newest first; last those whose manifest is damaged."""
        return tuple(sorted(self.ids(), key=self._created, reverse=True))

    def current(self) -> str:
        """The id in the text file `current`.

        Raises:
            ReleaseError: when there is no such file or it does not hold an id.
        """
        try:
            release = self._files.cat_file(self._path(CURRENT)).decode().strip()
        except FileNotFoundError:
            raise ReleaseError(f"no current release in {self.url}: {self._there()}") from None
        except UnicodeDecodeError:
            release = ""
        if not is_id(release):
            raise ReleaseError(f"{self._path(CURRENT)} does not hold the id of a release")
        return str(release)

    def check(self, release: str) -> None:
        """Looks whether there is such a release.

        Raises:
            ReleaseError: when it is not there; says which are.
        """
        if not is_id(release):
            raise ReleaseError(f"{release[:140]!r} is not the id of a release")
        if not self._files.exists(self._path(release, layout.MANIFEST)):
            raise ReleaseError(f"no release {release} in {self.url}: {self._there()}")

    def fetch(self, release: str) -> Path:
        """The folder of a release on this machine.

        Raises:
            ReleaseError: when it is not there; says which are.
        """
        self.check(release)
        return Path(self._root) / release if self._local else self._copied(release)

    def _copied(self, release: str) -> Path:
        """The cached copy; made anew when the release was made anew."""
        folder = self._cache / release
        if self._is_copy(folder, release):
            return folder
        self._cache.mkdir(parents=True, exist_ok=True)
        with _locked(self._cache / f".{release}.lock"):
            if self._is_copy(folder, release):  # of another process meanwhile
                return folder
            with tempfile.TemporaryDirectory(dir=self._cache) as temporary:
                part = Path(temporary) / release
                self._copy(self._path(release), part)
                shutil.rmtree(folder, ignore_errors=True)
                part.rename(folder)
        return folder

    def _is_copy(self, folder: Path, release: str) -> bool:
        stamp, copied = self._path(release, layout.MANIFEST_HASH), folder / layout.MANIFEST_HASH
        return copied.exists() and copied.read_bytes() == self._files.cat_file(stamp)

    def _created(self, release: str) -> str:
        try:
            manifest = self._files.cat_file(self._path(release, layout.MANIFEST))
            return str(json.loads(manifest)["created"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _copy(self, folder: str, to: Path) -> None:
        """One file after the other, by parts: a copy beside live traffic gives way to it."""
        for path in self._files.find(folder):
            target = to / path.removeprefix(f"{folder}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._files.open(path, "rb") as source, target.open("wb") as copy:
                while part := source.read(PART):
                    copy.write(part)
                    give_way()

    def _path(self, *parts: str) -> str:
        return "/".join((str(self._root).rstrip("/"), *parts))

    def _there(self) -> str:
        ids = self.ids()
        return f"there are {', '.join(ids)}" if ids else "there are none"


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One at a time, of all threads and processes of this machine."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _protocols(files: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    protocol = files.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
