"""A small release made by the real training code, for every suite that serves from one."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.data.dataset import Dataset
from models.schema.manifest import Manifest
from models.training.channels import LIVE
from models.training.pipeline import train_release
from models.training.settings import Settings
from models.training.synthetic import make_dataset

USERS, ITEMS, SEED = 60, 120, 7

QUOTAS = {
    "two_tower": 40,
    "item_cf": 40,
    "swing": 20,
    "user_cf": 20,
    "ease": 20,
    "content": 20,
    "category": 20,
    **LIVE,
    "popular": 20,
}
TINY = Settings(seed=SEED, threads=1, d=16, rank_e=8, quotas=QUOTAS, text_size=16, prerank_limit=60)
TINY = replace(TINY, tower=replace(TINY.tower, epochs=6), rank=replace(TINY.rank, epochs=2))


def tiny_dataset(folder: Path) -> Dataset:
    """60 users, 120 items, in the internal format."""
    return make_dataset(folder, USERS, ITEMS, SEED)


def tiny_release(tmp: Path) -> Path:
    """Trains a release of the tiny data set under `tmp`; returns its folder.

    Its parent is a folder of releases whose `current` names it.
    """
    return train_release(tiny_dataset(tmp / "tiny"), tmp / "releases", TINY, lambda _: _ignore)


def another_release(release: Path, name: str, releases: Path | None = None) -> Path:
    """The same under another id, beside it or in another folder of releases."""
    copy = (releases or release.parent) / name
    shutil.copytree(release, copy)
    replace(Manifest.read(copy), id=name).write(copy)
    return copy


def _ignore(_: float) -> None:
    return None


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny release, made once a session and process; treat it as read-only."""
    return tiny_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def release_copy(release: Path, tmp_path: Path) -> Path:
    """A copy of the tiny release that a test may damage."""
    copy = tmp_path / "releases" / release.name
    shutil.copytree(release, copy)
    (copy.parent / "current").write_text(release.name + os.linesep)
    return copy
