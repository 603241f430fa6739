"""The release that a service starts with."""

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models.schema.manifest import Manifest
from services.chassis.errors import StartupError
from services.chassis.settings import ReleaseSettings
from services.inference.golden import open_checked
from services.inference.session import OnnxModel
from services.inference.startup import load_slots
from tests.unit.inference.small_release import GOLDEN, GRAPH, write_release

CREATED = {
    "a": "2026-01-01",
    "b": "2026-01-02",
    "c": "2026-01-03",
    "now": "2026-01-04",
}


def opened(folder: Path) -> OnnxModel:
    return open_checked(folder, GRAPH, GOLDEN)


def damage(folder: Path) -> None:
    (folder / GRAPH).write_bytes(b"")


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """Four releases, the last of which is the current one and has wrong golden values."""
    for release, created in CREATED.items():
        folder = write_release(tmp_path, release, offset=1.0 if release == "now" else 0.0)
        replace(Manifest.read(folder), created=created).write(folder)
    (tmp_path / "current").write_text("now")
    return tmp_path


async def test_the_newest_other_takes_the_place_of_a_current_one_that_is_refused(
    releases: Path,
) -> None:
    damage(releases / "c")
    with capture_logs() as lines:
        slots = await load_slots(ReleaseSettings(port=0, releases=str(releases)), opened)
    assert slots.ids() == ("b",)
    (loud,) = [line for line in lines if line["log_level"] == "error"]
    assert (loud["current"], loud["release"]) == ("now", "b")
    assert "off its golden values" in loud["reason"]


async def test_a_current_one_that_is_not_there_is_refused_too(releases: Path) -> None:
    (releases / "current").write_text("gone")
    slots = await load_slots(ReleaseSettings(port=0, releases=str(releases)), opened)
    assert slots.ids() == ("c",)


async def test_what_passes_is_left_to_a_restart(
    releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Path) -> OnnxModel:
        raise OSError("too many open files")

    with pytest.raises(StartupError, match="too many open files"):
        await load_slots(ReleaseSettings(port=0, releases=str(releases)), away)


async def test_when_none_loads_the_reason_is_that_of_the_current_one(releases: Path) -> None:
    for release in CREATED:
        if release != "now":
            damage(releases / release)
    with pytest.raises(StartupError, match="off its golden values"):
        await load_slots(ReleaseSettings(port=0, releases=str(releases)), opened)


async def test_one_that_is_named_loads_or_nothing_does(releases: Path) -> None:
    settings = ReleaseSettings(port=0, releases=str(releases), release="now")
    with pytest.raises(StartupError, match="off its golden values"):
        await load_slots(settings, opened)
    settings = ReleaseSettings(port=0, releases=str(releases), release="a")
    assert (await load_slots(settings, opened)).ids() == ("a",)
