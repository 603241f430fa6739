"""`recstack data from-log`, `recstack skew` and `recstack train --data log`, as people run them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.data.dataset import Dataset
from models.schema.manifest import Manifest, hash_files
from models.training.synthetic import make_dataset
from recstack.cli import app
from recstack.served_log import LogPlace
from recstack.users import users_of
from services.chassis.errors import StartupError
from services.domain.context import History
from services.domain.events import EventType
from services.journal.pseudonym import pseudonym
from tests.redis import free_port
from tests.unit.data.log_files import event, write_events, write_requests
from tests.unit.journal.requests import make_entry

RUNNER = CliRunner()
KEY = bytes(range(32))
NOW = 1_700_000_000


@pytest.fixture(autouse=True)
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder var of a stack that served a release of the data set shop."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "var"
    base = make_dataset(folder / "data" / "shop", users=4, items=12, seed=1)
    release = folder / "releases" / "shop-1"
    release.mkdir(parents=True)
    Manifest(
        id="shop-1",
        created="2026-01-01",
        code_version="1",
        schema_hash="",
        data_fingerprint=base.description.fingerprint,
        data_name="shop",
        channels=(),
        tasks=(),
        metrics={},
        metrics_protocol="",
        files=hash_files(release),
    ).write(release)
    (folder / "releases" / "current").write_text("shop-1")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "pseudonym.key").write_text(KEY.hex())
    return folder


def run(*arguments: str) -> Result:
    return RUNNER.invoke(app, arguments)


def serve(var: Path, history: History) -> None:
    """A request of the first user and what the user did then, in the log."""
    asked = replace(make_entry(1).asked, user=pseudonym("u0000", KEY), time=NOW, history=history)
    entry = replace(make_entry(1), asked=asked, release="gone")
    write_requests(var / "log", [(NOW * 1000 + 9, entry)])
    click = event(asked.user, "i0003", EventType.CLICK, NOW + 60)
    write_events(var / "log", [((NOW + 60) * 1000, click)])


def loaded(var: Path) -> History:
    return next(iter(users_of(var / "data" / "shop"))).history


def test_the_data_of_a_log_goes_on_from_that_of_the_current_release(var: Path) -> None:
    serve(var, loaded(var))
    done = run("data", "from-log")
    assert done.exit_code == 0, done.output
    made = Dataset.open(var / "data" / "log")
    before = Dataset.open(var / "data" / "shop").description.counts["interactions"]
    assert made.description.base == "shop"
    assert made.description.counts["interactions"] == before + 1
    again = run("data", "from-log")
    assert again.exit_code == 2
    assert "already there; --force replaces it" in again.output


def test_skew_says_that_nothing_differs(var: Path) -> None:
    serve(var, loaded(var))
    done = run("skew")
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines()]
    assert ["histories", "1", "0", "0"] in rows
    assert "1 release gone is not here" in " ".join(done.output.split())


def test_skew_lists_what_differs_and_exits_with_1(var: Path) -> None:
    serve(var, loaded(var).head(2))
    done = run("skew")
    assert done.exit_code == 1
    assert "histories: request request-1 of 2023-11-14T22:13:20+00:00: its oldest" in done.output


def test_skew_without_anything_to_compare_is_a_failure(var: Path) -> None:
    done = run("skew")
    assert done.exit_code != 0
    assert f"nothing to compare in {Path('var/log')}" in str(done.exception)


def test_training_on_a_log_that_is_not_there_is_a_failure(var: Path) -> None:
    done = run("train", "--data", "log")
    assert "there is no log in var/log" in str(done.exception)


def test_data_of_another_fingerprint_is_not_the_base(var: Path) -> None:
    serve(var, loaded(var))
    about = var / "data" / "shop" / "dataset.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "fingerprint": "x"}))
    done = run("data", "from-log")
    assert done.exit_code == 2
    assert "is not the data that release shop-1 was trained on" in done.output


def test_a_key_that_cannot_be_read_is_said(var: Path) -> None:
    serve(var, loaded(var))
    done = run("data", "from-log", "--key", "nothing.key")
    assert isinstance(done.exception, StartupError)
    assert "nothing.key" in str(done.exception)


def test_a_redis_that_was_named_must_answer() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(StartupError, match="item table"):
        LogPlace(redis_url=url).items()
