"""Releases in memory: what is verified before one serves."""

from pathlib import Path

import pytest

from models.schema import layout
from models.schema.manifest import Manifest, ReleaseError
from services.inference.golden import open_checked
from services.inference.session import OnnxModel
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore
from tests.unit.inference.small_release import (
    GOLDEN,
    GRAPH,
    write_golden,
    write_manifest,
    write_release,
)


def slots_of(releases: Path) -> ReleaseSlots[OnnxModel]:
    return ReleaseSlots(
        ReleaseStore(str(releases)), lambda folder: open_checked(folder, GRAPH, GOLDEN)
    )


def test_several_releases_are_loaded_side_by_side(tmp_path: Path) -> None:
    slots = slots_of(tmp_path)
    for release in ("a", "b"):
        write_release(tmp_path, release)
        assert slots.load(release) is slots.get(release)
    assert slots.ids() == ("a", "b")
    assert slots.load("a") is slots.get("a")
    slots.unload("a")
    assert (slots.get("a"), slots.ids()) == (None, ("b",))
    slots.unload("a")


def test_any_flipped_byte_is_refused(tmp_path: Path) -> None:
    folder = write_release(tmp_path, "a")
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for position in (0, len(whole) // 2, len(whole) - 1):
            broken = bytearray(whole)
            broken[position] ^= 1
            path.write_bytes(broken)
            slots = slots_of(tmp_path)
            with pytest.raises(ReleaseError):
                slots.load("a")
            assert slots.ids() == ()
        path.write_bytes(whole)
    slots_of(tmp_path).load("a")


def test_missing_and_unknown_files_are_named(tmp_path: Path) -> None:
    folder = write_release(tmp_path, "a")
    (folder / "extra.txt").write_text("who put this here")
    (folder / GRAPH).unlink()
    with pytest.raises(ReleaseError, match=r"graph\.onnx is missing.*extra\.txt is not in the man"):
        slots_of(tmp_path).load("a")


def test_a_release_under_another_name_is_refused(tmp_path: Path) -> None:
    write_release(tmp_path, "a").rename(tmp_path / "b")
    with pytest.raises(ReleaseError, match="holds the release a, not b"):
        slots_of(tmp_path).load("b")


def test_another_schema_than_it_was_trained_with_is_refused(tmp_path: Path) -> None:
    folder = write_release(tmp_path, "a")
    write_manifest(folder, "a", schema_hash="0" * 64)
    with pytest.raises(ReleaseError, match="trained with the feature schema 000000000000"):
        slots_of(tmp_path).load("a")


def test_wrong_golden_values_are_refused_though_all_hashes_fit(tmp_path: Path) -> None:
    folder = write_release(tmp_path, "a")
    write_golden(folder / GOLDEN, offset=1.0)
    write_manifest(folder, "a", Manifest.read(folder).schema_hash)
    with pytest.raises(ReleaseError, match="off its golden values"):
        slots_of(tmp_path).load("a")


def test_a_refused_release_can_be_mended(tmp_path: Path) -> None:
    folder = write_release(tmp_path, "a")
    graph = (folder / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(graph[:-1])
    slots = slots_of(tmp_path)
    with pytest.raises(ReleaseError, match=r"graph\.onnx was changed"):
        slots.load("a")
    (folder / GRAPH).write_bytes(graph)
    slots.load("a")
    assert slots.ids() == ("a",)


def test_a_schema_that_is_not_one_is_refused(tmp_path: Path) -> None:
    folder = write_release(tmp_path, "a")
    (folder / layout.SCHEMA).write_text("[]")
    write_manifest(folder, "a", schema_hash="")
    with pytest.raises(ReleaseError, match="release a cannot be opened"):
        slots_of(tmp_path).load("a")
