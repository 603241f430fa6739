"""docs/own-data.md, run as it stands there: import, serve, log, train on the log, serve again."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models.data.served import ServedLog
from models.training.synthetic import make_dataset
from recstack.client import DEFAULT_ADDRESS
from services.domain.events import EventType
from tests.e2e.stack import RECSTACK, ROOT, RunningStack, up, wait_until
from tests.e2e.test_readme import BLOCK

BLOCKS = {name: code for name, _, code in BLOCK.findall((ROOT / "docs/own-data.md").read_text())}
USERS, ITEMS = 40, 120


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the page in a folder of their own."""

    folder: Path

    def runs(self, name: str, environment: Mapping[str, str] | None = None) -> str:
        """Runs a block; what it printed. Training is shorter than on the page."""
        code = BLOCKS[name].replace("recstack train", "recstack train --epochs 0.1")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{RECSTACK.parent}{os.pathsep}{os.environ['PATH']}"}
            | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def starts(self, name: str) -> Iterator[RunningStack]:
        """Starts the stack of a block. The log gets its files sooner than on the page, and a slow
        machine makes no request degraded: those would not be compared."""
        arguments = shlex.split(BLOCKS[name])
        assert arguments[:2] == ["recstack", "up"]
        quick = {"RECSTACK_EVENTS_FILE_SECONDS": "0.2", "RECSTACK_GATEWAY_DEADLINE_SECONDS": "10"}
        with up(self.folder / "var", *arguments[2:], environment=quick, cwd=self.folder) as stack:
            yield stack


def test_from_own_logs_to_a_release_trained_on_what_was_served(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    write_logs(tmp_path)
    reader.runs("import")
    reader.runs("train")
    first = (tmp_path / "var/releases/current").read_text().strip()
    with reader.starts("up") as stack:
        told = told_of(stack)
        visits(reader, stack)
        reader.runs("item", told)
        wait_for_log(stack, requests=60, events=360)
        assert differences(reader.runs("skew", told)) == {"rank scores": 0, "histories": 0}
        reader.runs("train_log", told)
    second = (tmp_path / "var/releases/current").read_text().strip()
    manifest = json.loads((tmp_path / "var/releases" / second / "manifest.json").read_text())
    assert (manifest["parent"], manifest["data_name"]) == (first, "log")
    check_data(tmp_path / "var/data/log")
    with reader.starts("up_again") as stack:
        assert f"release {second}" in stack.ready
        answer = stack.answer("recommend", "--user", "u0000", "--k", "5")
        assert (answer["release"], answer["cold_start"]) == (second, False)
        wait_for_log(stack, requests=61, events=360)
        assert "release" in reader.runs("after", told_of(stack))


def write_logs(folder: Path) -> None:
    """The synthetic data set as files that somebody's own system would write."""
    tables = make_dataset(folder / "source" / "shop", USERS, ITEMS, seed=7).tables()
    name_of = {int(kind): kind.name.lower() for kind in EventType}
    tables.interactions.select(
        pl.col("user_id").alias("user"),
        pl.col("item_id").alias("item"),
        pl.col("event").replace_strict(name_of, return_dtype=pl.String),
        pl.from_epoch("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("time"),
    ).write_csv(folder / "interactions.csv")
    tables.users.rename({"user_id": "user"}).write_csv(folder / "users.csv")
    tables.items.rename({"item_id": "item"}).with_columns(
        pl.col("categories").list.join("|")
    ).write_csv(folder / "items.csv")


def told_of(stack: RunningStack) -> dict[str, str]:
    """What commands must be told of a stack that is not at the usual place."""
    return {
        "RECSTACK_ADDRESS": stack.grpc,
        "RECSTACK_LOG": str(stack.workspace.logs),
        "RECSTACK_REDIS_URL": stack.redis,
    }


def visits(reader: Reader, stack: RunningStack) -> None:
    code = BLOCKS["visits"].replace(f'"{DEFAULT_ADDRESS}"', f'"{stack.grpc}", timeout=10')
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["6"] * 60


def wait_for_log(stack: RunningStack, requests: int, events: int) -> None:
    log = ServedLog(stack.workspace.logs)
    wait_until(
        lambda: len(list(log.requests())) >= requests and log.events().height >= events,
        f"{requests} requests and {events} events are in {log.folder}",
    )


def differences(table: str) -> dict[str, int]:
    """Check → number of differences, from the table that is printed."""
    rows = re.findall(r"^(rank scores|histories) +(\d+) +(\d+)", table, re.MULTILINE)
    assert all(int(compared) >= 60 for _, compared, _ in rows), table
    return {name: int(different) for name, _, different in rows}


def check_pseudonyms(log: ServedLog) -> None:
    """No user id is in the log; the ids of 20 users would be found if they were."""
    text = "".join(map(repr, [log.events().rows(), *log.requests()]))
    assert re.search(r"\bi[0-9]{4}\b", text)  # item ids are
    assert not re.search(r"\bu[0-9]{4}\b", text)


def check_data(folder: Path) -> None:
    items = pl.read_parquet(folder / "items.parquet")
    assert items.filter(pl.col("item_id") == "brand-new")["title"].to_list() == ["Brand new"]
    users = pl.read_parquet(folder / "users.parquet")
    assert users.height == USERS
    assert users["user_id"].str.contains("^[0-9a-f]{32}$").all()
    counts = pl.read_parquet(folder / "interactions.parquet")["event"].value_counts()
    assert counts.filter(pl.col("event") == int(EventType.IMPRESSION))["count"].item() == 300
