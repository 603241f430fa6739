"""Simulated people use a stack that was trained on their log: it shows better than popular."""

from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.simulation.config import WorldConfig
from loadtest.simulation.dataset import write
from loadtest.simulation.drive import Course, drive
from loadtest.simulation.judge import SUBJECTS, Past, judge
from loadtest.simulation.people import People
from loadtest.simulation.report import lines, report
from loadtest.simulation.world import World
from models.data.dataset import Dataset
from models.training.channels import LIVE
from models.training.pipeline import train_release
from models.training.settings import Settings
from recstack.standalone import user_imports
from recstack.users import load_users, users_of
from tests.integration.whole import PATIENCE, whole_stack
from tests.redis import RedisServer, own_redis

__all__ = ["own_redis"]

CONFIG = WorldConfig(users=200, items=400, seed=3, visits=40)
QUOTAS = {"two_tower": 60, "ease": 100, "category": 100, **LIVE, "popular": 20}
SETTINGS = Settings(threads=1, d=16, rank_e=8, quotas=QUOTAS, text_size=16, max_queries=1500)
SETTINGS = replace(SETTINGS, tower=replace(SETTINGS.tower, epochs=6))
SECONDS, RATE, SPEED = 3.0, 60.0, 40_000.0


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Dataset, Path]:
    """The log of the world, and a release trained on it."""
    data = write(CONFIG, tmp_path, "simulated", force=False, progress=_ignore)
    return data, train_release(data, tmp_path / "releases", SETTINGS, lambda _: _ignore)


async def test_a_trained_stack_beats_popular_and_chance(
    trained: tuple[Dataset, Path],
    tmp_path: Path,
    own_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, release = trained
    assert release.name.startswith("simulated-")
    world = World(CONFIG)
    people = People(world, seed=1, speed=SPEED)
    async with user_imports(own_redis.url) as imports:
        await load_users(imports, data.description.fingerprint, users_of(data.folder))
    async with whole_stack(release, own_redis, tmp_path, monkeypatch) as stack:
        course = Course(stack.address, SECONDS, RATE, k=10, deadline=PATIENCE)
        records = await drive(people, course)
    judged = judge(world, Past.read(data.folder, world), records.answered, seed=1)
    found = report(records, judged, SECONDS, k=10)
    assert found.lists > 50
    assert not found.failed
    assert found.events_failed == found.catalog_failed == found.gone == found.unknown == 0
    assert found.born
    assert found.died
    low = {name: interval[1] for name, interval in found.ratios.items()}
    assert low["popular"] > 1.0
    assert low["chance"] > 1.5
    assert found.values["oracle"] >= max(found.values[name] for name in SUBJECTS[:4])
    assert "SIMULATED" in lines(found)[0]


def _ignore(_: float) -> None:
    return None
