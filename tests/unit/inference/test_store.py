"""Where releases lie."""

import sys
from pathlib import Path

import fsspec
import pytest

from models.schema.manifest import Manifest, ReleaseError
from services.inference.store import ReleaseStore
from tests.unit.inference.small_release import GRAPH, write_release


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


@pytest.mark.parametrize("url", ["nonsense://bucket/releases", "s3://bucket/releases"])
def test_a_url_that_cannot_be_read_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as on a machine without it
    with pytest.raises(ReleaseError, match=f"cannot read releases from {url}: "):
        ReleaseStore(url)
