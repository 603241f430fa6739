"""A small release made by the real training code, for every suite that serves from one."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.data.dataset import Dataset
from models.training.pipeline import train_release
from models.training.settings import Settings
from models.training.synthetic import make_dataset

USERS, ITEMS, SEED = 60, 120, 7

TINY = Settings(seed=SEED, threads=1, d=16, rank_e=8, quotas=(40, 40, 20), prerank_limit=60)
TINY = replace(TINY, tower=replace(TINY.tower, epochs=6), rank=replace(TINY.rank, epochs=2))


def tiny_dataset(folder: Path) -> Dataset:
    """60 users, 120 items, in the internal format."""
    return make_dataset(folder, USERS, ITEMS, SEED)


def tiny_release(tmp: Path) -> Path:
    """Trains a release of the tiny data set under `tmp`; returns its folder.

    Its parent is a folder of releases whose `current` names it.
    """
    return train_release(tiny_dataset(tmp / "tiny"), tmp / "releases", TINY, lambda _: _ignore)


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
