"""The log as a data set: labelled, whole, the same for the same seed."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from loadtest.simulation.config import DAY, WorldConfig
from loadtest.simulation.dataset import write
from models.data import DataError
from models.data.dataset import Dataset
from models.data.exposures import EXPOSURES, read_exposures
from recstack.cli.simulate import app
from services.chassis.errors import StartupError
from services.domain.events import EventType

CONFIG = WorldConfig(users=40, items=150, seed=5, visits=20)


def make(folder: Path, name: str = "simulated", config: WorldConfig = CONFIG) -> Path:
    return write(config, folder, name, force=False, progress=lambda _: None).folder


def test_the_same_seed_is_the_same_data_set(tmp_path: Path) -> None:
    def fingerprint(part: str, seed: int) -> str:
        config = WorldConfig(users=40, items=150, seed=seed, visits=20)
        made = write(config, tmp_path / part, "simulated", force=False, progress=lambda _: None)
        return made.description.fingerprint

    assert fingerprint("a", 5) == fingerprint("b", 5)
    assert fingerprint("c", 6) != fingerprint("a2", 5)


def test_it_says_what_it_is_and_remembers_its_world(tmp_path: Path) -> None:
    folder = make(tmp_path)
    assert "SIMULATED" in (folder / "dataset.json").read_text()
    assert WorldConfig.read(folder) == CONFIG
    with pytest.raises(DataError, match="does not say what it is"):
        make(tmp_path, "real")
    with pytest.raises(DataError, match="--force"):
        make(tmp_path)
    with pytest.raises(StartupError, match="no simulated data set"):
        WorldConfig.read(tmp_path)


def test_the_log_ends_when_it_is_told_and_nothing_else_changes(tmp_path: Path) -> None:
    later = make(tmp_path, config=replace(CONFIG, end=CONFIG.end + 1000))
    first = pl.read_parquet(make(tmp_path, "simulated-2") / "interactions.parquet")
    again = pl.read_parquet(later / "interactions.parquet")
    assert (again["time"] - first["time"]).unique().to_list() == [1000]
    assert again.drop("time").equals(first.drop("time"))
    last = int(again["time"].max())  # type: ignore[arg-type]
    assert abs(last - WorldConfig.read(later).end) < DAY
    with pytest.raises(ValueError, match="1970"):
        replace(CONFIG, end=5)


def test_the_command_ends_the_log_now_or_when_it_is_told(tmp_path: Path) -> None:
    size = ["log", "--users", "10", "--items", "100", "--visits", "3", "--to", str(tmp_path)]
    before = int(time.time())
    for more in ([], ["--name", "simulated-old", "--end", "2026-03-01"]):
        done = CliRunner().invoke(app, [*size, *more])
        assert done.exit_code == 0, done.output
    assert before <= WorldConfig.read(tmp_path / "simulated").end <= int(time.time())
    assert WorldConfig.read(tmp_path / "simulated-old").end == 1_772_323_200


def test_what_was_shown_is_in_the_fingerprint(tmp_path: Path) -> None:
    folder = make(tmp_path)
    found = Dataset.open(folder).description.fingerprint
    shown = pl.read_parquet(folder / EXPOSURES)
    shown.with_columns(pl.col("place") + 1).write_parquet(folder / EXPOSURES)
    assert Dataset.open(folder).description.fingerprint != found
    (folder / EXPOSURES).unlink()
    without = Dataset.open(folder)
    assert without.description.fingerprint == without.tables().fingerprint() != found


def test_interactions_are_what_was_done_with_what_was_shown(tmp_path: Path) -> None:
    folder = make(tmp_path)
    done = pl.read_parquet(folder / "interactions.parquet")
    shown = pl.read_parquet(folder / EXPOSURES)
    for kind, column in (("CLICK", "clicked"), ("PURCHASE", "purchased"), ("DISMISS", "dismissed")):
        assert done.filter(pl.col("event") == int(EventType[kind])).height == shown[column].sum()
    assert done["order"].to_list() == [
        n for _, some in done.group_by("user_id", maintain_order=True) for n in range(len(some))
    ]
    times = done.group_by("user_id", maintain_order=True).agg(pl.col("time").diff().min())
    assert times["time"].drop_nulls().min() >= 0
    assert set(done["user_id"]) <= set(pl.read_parquet(folder / "users.parquet")["user_id"])


def test_exposures_are_read_as_rows(tmp_path: Path) -> None:
    folder = make(tmp_path)
    table = pl.read_parquet(folder / EXPOSURES)
    users = sorted(set(table["user_id"].cast(pl.String)))[1:]
    items = pl.read_parquet(folder / "items.parquet")["item_id"].to_list()
    read = read_exposures(folder, users, items)
    assert read is not None
    assert [items[row] for row in read.rows[:50]] == table["item_id"].cast(pl.String)[:50].to_list()
    known = read.users >= 0
    assert (~known).sum() == (table["user_id"].cast(pl.String) == "sim-u000000").sum()
    halved = read.before(np.full(len(users), int(np.median(read.times))))
    assert len(halved) == (~known | (read.times < int(np.median(read.times)))).sum()
    with pytest.raises(DataError, match="which the data set does not have"):
        read_exposures(folder, users, items[:9])
    assert read_exposures(tmp_path, users, items) is None
    (folder / EXPOSURES).write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        read_exposures(folder, users, items)
