"""Where releases lie."""

import fcntl
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import fsspec
import pytest

from models.schema import layout
from models.schema.manifest import Manifest, ReleaseError
from services.inference.store import ReleaseStore
from tests.unit.inference.small_release import GRAPH, write_release

PATIENCE = 30.0


def test_finds_releases_of_a_folder_where_they_are(tmp_path: Path) -> None:
    for release in ("b", "a"):
        write_release(tmp_path, release)
    (tmp_path / "not-a-release").mkdir()
    (tmp_path / "current").write_text("a\n")
    store = ReleaseStore(str(tmp_path))
    assert store.ids() == ("a", "b")
    assert store.current() == "a"
    assert store.fetch("a") == tmp_path / "a"


def test_a_release_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    store = ReleaseStore(str(tmp_path / "nowhere"))
    with pytest.raises(ReleaseError, match=r"no release x in .*: there are none"):
        store.fetch("x")
    with pytest.raises(ReleaseError, match=r"no current release in .*: there are none"):
        store.current()
    write_release(tmp_path / "nowhere", "a")
    write_release(tmp_path / "nowhere", "b")
    with pytest.raises(ReleaseError, match=r"no release x in .*: there are a, b"):
        store.fetch("x")


@pytest.mark.parametrize("release", ["", "..", "a/b", "../a", "-a", "a" * 129, "a\n"])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, release: str) -> None:
    write_release(tmp_path, "a")
    with pytest.raises(ReleaseError, match="is not the id of a release"):
        ReleaseStore(str(tmp_path)).fetch(release)


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe", b"../a"])
def test_a_current_file_without_an_id_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "current").write_bytes(content)
    with pytest.raises(ReleaseError, match="current does not hold the id of a release"):
        ReleaseStore(str(tmp_path)).current()


def test_releases_of_another_file_system_are_copied_once(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}"  # the memory file system is one for the whole process
    made = write_release(tmp_path / "made", "a")
    memory.put(str(made), f"{root}/a", recursive=True)
    memory.pipe(f"{root}/current", b"a")
    store = ReleaseStore(f"memory:/{root}", cache=tmp_path / "cache")
    assert (store.ids(), store.current()) == (("a",), "a")
    folder = store.fetch("a")
    Manifest.read(folder).verify(folder)
    memory.rm(f"{root}/a/{GRAPH}")
    assert store.fetch("a") == folder
    assert (folder / GRAPH).read_bytes() == (made / GRAPH).read_bytes()


def test_a_copy_is_made_anew_when_the_release_was(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}"
    store = ReleaseStore(f"memory:/{root}", cache=tmp_path / "cache")
    memory.put(str(write_release(tmp_path / "one", "a")), f"{root}/a", recursive=True)
    store.fetch("a")
    memory.rm(f"{root}/a", recursive=True)
    again = write_release(tmp_path / "two", "a", offset=0.5)
    memory.put(str(again), f"{root}/a", recursive=True)
    assert Manifest.read(store.fetch("a")) == Manifest.read(again)


def test_who_needs_the_same_copy_waits_for_it(tmp_path: Path) -> None:
    begun, go_on = Event(), Event()
    copied: list[str] = []

    class Slow(ReleaseStore):
        def _copy(self, folder: str, to: Path) -> None:
            copied.append(folder)
            begun.set()
            assert go_on.wait(PATIENCE)
            super()._copy(folder, to)

    memory = fsspec.filesystem("memory")
    root, cache = f"/{tmp_path.name}", tmp_path / "cache"
    made = write_release(tmp_path / "made", "a")
    memory.put(str(made), f"{root}/a", recursive=True)
    with ThreadPoolExecutor(3) as threads:
        fetched = [
            threads.submit(Slow(f"memory:/{root}", cache=cache).fetch, "a") for _ in range(3)
        ]
        assert begun.wait(PATIENCE)
        (lock,) = cache.glob("*/.a.lock")
        with lock.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        go_on.set()
        folders = {one.result(PATIENCE) for one in fetched}
    (folder,) = folders
    Manifest.read(folder).verify(folder)
    assert len(copied) == 1
    assert sorted(path.name for path in folder.parent.iterdir()) == [".a.lock", "a"]


def test_the_newest_come_first(tmp_path: Path) -> None:
    for release, created in (("b", "2026-01-02"), ("c", "2026-01-01"), ("a", "2026-01-03")):
        folder = write_release(tmp_path, release)
        replace(Manifest.read(folder), created=created).write(folder)
    for release, damaged in (("x", b"{"), ("y", b"[]"), ("z", b"\xff")):
        (write_release(tmp_path, release) / layout.MANIFEST).write_bytes(damaged)
    assert ReleaseStore(str(tmp_path)).newest()[:3] == ("a", "b", "c")


@pytest.mark.parametrize("url", ["nonsense://bucket/releases", "s3://bucket/releases"])
def test_a_url_that_cannot_be_read_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as on a machine without it
    with pytest.raises(ReleaseError, match=f"cannot read releases from {url}: "):
        ReleaseStore(url)
