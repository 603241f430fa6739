"""Which release a stack serves, and whose users it loads."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from models.schema.manifest import FORMAT, Manifest, hash_files
from recstack import preparation
from recstack.preparation import prepare
from services.chassis.errors import StartupError
from services.inference.store import ReleaseStore
from tests.unit.recstack import dataset


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data sets "a" and "b"; the only one there is."""
    monkeypatch.setattr(preparation, "DATA", tmp_path / "data")
    dataset.write(tmp_path / "data", "a", [("1", "x")])
    dataset.write(tmp_path / "data", "b", [("1", "y")])
    return tmp_path / "data"


def fingerprint(folder: Path) -> str:
    return str(json.loads((folder / "dataset.json").read_text())["fingerprint"])


def release(releases: Path, name: str, data: Path, created: str = "2026-01-01") -> None:
    """A release of one file, trained on the data; the current one."""
    folder = releases / name
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"12345")
    Manifest(
        id=name,
        created=created,
        code_version="1",
        schema_hash="",
        data_fingerprint=fingerprint(data),
        data_name=data.name,
        channels=(),
        tasks=(),
        metrics={},
        metrics_protocol="",
        files=hash_files(folder),
    ).write(folder)
    (releases / "current").write_text(name)


def chosen(releases: Path, name: str = "", data: Path | None = None) -> tuple[str, Path | None]:
    prepared = prepare(str(releases), name, data, lambda _: None)
    return prepared.release.id, prepared.data


def test_with_nothing_said_the_current_release_with_its_data(data: Path, tmp_path: Path) -> None:
    release(tmp_path / "r", "old", data / "a")
    release(tmp_path / "r", "new", data / "b")
    assert chosen(tmp_path / "r") == ("new", data / "b")


def test_with_data_the_newest_release_trained_on_it(data: Path, tmp_path: Path) -> None:
    release(tmp_path / "r", "a1", data / "a", "2026-01-01")
    release(tmp_path / "r", "a2", data / "a", "2026-01-02")
    release(tmp_path / "r", "b1", data / "b", "2026-01-03")
    assert chosen(tmp_path / "r", data=data / "a") == ("a2", data / "a")
    (tmp_path / "r" / "current").write_text("a1")  # the current one goes before a newer one
    assert chosen(tmp_path / "r", data=data / "a") == ("a1", data / "a")


def test_a_named_release_goes_before_the_current_one(data: Path, tmp_path: Path) -> None:
    release(tmp_path / "r", "old", data / "a")
    release(tmp_path / "r", "new", data / "b")
    assert chosen(tmp_path / "r", "old") == ("old", data / "a")


def test_users_of_other_data_are_not_loaded_and_it_is_said(data: Path, tmp_path: Path) -> None:
    release(tmp_path / "r", "r1", data / "a")
    (data / "a").rename(data / "elsewhere")
    (data / "b").rename(data / "a")
    said: list[str] = []
    assert prepare(str(tmp_path / "r"), "", None, said.append).data is None
    assert "is not the data that release r1 was trained on" in said[0]
    assert "--data" in said[1]


def test_a_release_that_is_not_there_is_named_with_those_that_are(
    data: Path, tmp_path: Path
) -> None:
    release(tmp_path / "r", "r1", data / "a")
    with pytest.raises(StartupError, match=r"no release r2 .*there are r1") as error:
        chosen(tmp_path / "r", "r2")
    assert "recstack train" in error.value.hint


@pytest.mark.parametrize("victim", ["weights", "manifest.json", "manifest.sha256"])
def test_a_flipped_byte_is_refused(data: Path, tmp_path: Path, victim: str) -> None:
    release(tmp_path / "r", "r1", data / "a")
    path = tmp_path / "r" / "r1" / victim
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(StartupError, match="was changed after the release was made"):
        chosen(tmp_path / "r")


def test_a_broken_release_of_other_data_does_not_matter(data: Path, tmp_path: Path) -> None:
    release(tmp_path / "r", "broken", data / "b")
    (tmp_path / "r" / "broken" / "manifest.json").write_text("{")
    release(tmp_path / "r", "whole", data / "a")
    assert chosen(tmp_path / "r", data=data / "a") == ("whole", data / "a")


def test_data_that_is_not_there_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="no such folder"):
        chosen(tmp_path / "r", data=data / "c")


def test_nothing_is_trained_into_a_remote_store(data: Path) -> None:
    with pytest.raises(StartupError, match=r"no release of .* in memory://nothing"):
        prepare("memory://nothing", "", data / "a", lambda _: None)


def test_data_of_a_log_has_the_users_of_what_it_goes_on_from(data: Path, tmp_path: Path) -> None:
    about = json.loads((data / "b" / "dataset.json").read_text())
    (data / "b" / "dataset.json").write_text(json.dumps({**about, "base": "a"}))
    release(tmp_path / "r", "looped", data / "b")
    assert chosen(tmp_path / "r") == ("looped", data / "a")
    assert chosen(tmp_path / "r", data=data / "b") == ("looped", data / "a")
    shutil.rmtree(data / "a")
    assert chosen(tmp_path / "r") == ("looped", None)


def made_by_another_version(releases: Path, name: str) -> None:
    """As an older recstack would have left it, hash and all."""
    manifest = json.loads((releases / name / "manifest.json").read_text())
    content = json.dumps({**manifest, "format": FORMAT - 1}).encode()
    (releases / name / "manifest.json").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (releases / name / "manifest.sha256").write_text(f"{digest}\n")


def test_where_another_version_made_the_release_a_new_one_is_trained_on_its_data(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(tmp_path / "r", "old", data / "b")
    made_by_another_version(tmp_path / "r", "old")
    trained: list[Path] = []

    def train(store: ReleaseStore, on: Path, say: preparation.Say) -> str:
        trained.append(on)
        release(tmp_path / "r", "new", on)
        return "new"

    monkeypatch.setattr(preparation, "_train", train)
    said: list[str] = []
    prepared = prepare(str(tmp_path / "r"), "", None, said.append)
    assert (prepared.release.id, prepared.data, trained) == ("new", data / "b", [data / "b"])
    assert f"has format {FORMAT - 1}; this version of recstack reads {FORMAT}" in said[0]

    (tmp_path / "r" / "current").write_text("old")  # one that was trained meanwhile is served
    assert chosen(tmp_path / "r") == ("new", data / "b")
    assert len(trained) == 1


def test_a_named_release_of_another_version_is_refused(data: Path, tmp_path: Path) -> None:
    release(tmp_path / "r", "old", data / "b")
    made_by_another_version(tmp_path / "r", "old")
    with pytest.raises(StartupError, match=f"has format {FORMAT - 1}; .* reads {FORMAT}") as error:
        chosen(tmp_path / "r", "old")
    assert "recstack train" in error.value.hint


def test_a_release_of_another_version_whose_data_is_gone_is_refused(
    data: Path, tmp_path: Path
) -> None:
    release(tmp_path / "r", "old", data / "b")
    made_by_another_version(tmp_path / "r", "old")
    shutil.rmtree(data / "b")
    with pytest.raises(StartupError, match=f"reads {FORMAT}"):
        chosen(tmp_path / "r")
