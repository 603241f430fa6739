import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from models.data.dataset import Dataset, save
from models.data.interactions import REJECTED_SCHEMA
from models.schema.manifest import Manifest, ReleaseError
from recstack.cli import app
from recstack.cli.failure import Failure
from tests.releases import tiny_dataset

RUNNER = CliRunner()
PLOTS = {"ndcg_by_stage", "recall_at_n", "exposure", "losses_by_stage", "calibration"}
PNG = b"\x89PNG\r\n\x1a\n"


def done(*arguments: object) -> str:
    result = RUNNER.invoke(app, ["evaluate", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def failure(*arguments: object) -> str:
    result = RUNNER.invoke(app, ["evaluate", *map(str, arguments)])
    assert isinstance(result.exception, Failure | ReleaseError), result.output
    return str(result.exception)


@pytest.fixture
def split(tmp_path: Path) -> tuple[Path, Path]:
    train, test = tmp_path / "train.txt", tmp_path / "test.txt"
    train.write_text("0 1 2 3\n1 2 3\n2 1 4\n3 4 5\n")
    test.write_text("0 4\n1 1 5\n2 3\n3\n")
    return train, test


def test_a_release_is_reported_everywhere(release: Path, tmp_path: Path) -> None:
    page, numbers, plots = tmp_path / "page.md", tmp_path / "numbers.json", tmp_path / "plots"
    said = done(
        *("--releases", release.parent, "--release", release.name, "--against", release.name),
        *("--k", "5,10", "--markdown", page, "--json", numbers, "--plots", plots),
    )
    for title in ("Accuracy at 5", "Beyond accuracy", "True items lost", "less the best channel"):
        assert title in said
        assert title in page.read_text()
    raw = json.loads(numbers.read_text())
    assert raw["title"] == release.name
    first = raw["tables"][0]
    assert first["columns"][1] == "ndcg@5"
    assert set(first["rows"][0][1]) == {"mean", "low", "high"}
    assert {path.stem for path in plots.iterdir()} == PLOTS
    assert all(path.read_bytes().startswith(PNG) for path in plots.iterdir())


def test_the_current_release_is_the_default(release: Path) -> None:
    assert release.name in done("--releases", release.parent)


def test_a_published_split_runs_as_it_is(split: tuple[Path, Path], tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    said = done(
        *("--train", split[0], "--test", split[1], "--k", "2", "--plots", plots),
        *("--model", "ease,popular", "--model", "user_cf"),
    )
    for word in ("ranking: whole catalog", "users without test items: 1", "ease less the others"):
        assert word in said
    assert "sampled" not in said
    assert {path.stem for path in plots.iterdir()} == PLOTS - {"losses_by_stage", "calibration"}


def test_sampled_ranking_is_labelled_wherever_it_goes(
    split: tuple[Path, Path], tmp_path: Path
) -> None:
    page, numbers = tmp_path / "page.md", tmp_path / "numbers.json"
    said = done(
        *("--train", split[0], "--test", split[1], "--model", "popular", "--k", "1,2"),
        *("--sampled", "1", "--markdown", page, "--json", numbers),
    )
    assert said.count("sampled: 1 random negatives a user") >= 4
    titles = [line for line in page.read_text().splitlines() if line.startswith("##")]
    assert titles
    assert all("sampled" in title for title in titles)
    assert all("sampled" in one["title"] for one in json.loads(numbers.read_text())["tables"])


def test_given_negatives(split: tuple[Path, Path], tmp_path: Path) -> None:
    negatives = tmp_path / "negatives.txt"
    negatives.write_text("0 5\n1 4\n2 5 2\n")
    said = done(
        *("--train", split[0], "--test", split[1], "--negatives", negatives),
        *("--model", "item_knn", "--k", "1"),
    )
    assert "sampled: given negatives" in said


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("last-out", "last item of each user"),
        ("time", "newest 20% of all interactions by one moment"),
        ("random", "random 20% of the interactions, seed 1"),
        ("k-fold", "3 random folds of the interactions, seed 1"),
    ],
)
def test_every_protocol_on_a_data_set(tmp_path: Path, protocol: str, said: str) -> None:
    tiny_dataset(tmp_path / "tiny")
    found = done(
        *("--data", tmp_path / "tiny", "--model", "popular", "--protocol", protocol),
        *("--folds", "3", "--k", "5"),
    )
    assert said in found


def test_a_release_on_new_events(release: Path, tmp_path: Path) -> None:
    """The tiny data of another seed has the same items and other users' events."""
    from models.training.synthetic import make_dataset

    other = make_dataset(tmp_path / "other", 40, 120, 99)
    asked = ("--releases", release.parent, "--data", other.folder, "--k", "5")
    said = done(*asked, "--protocol", "last-out")
    assert "users: 40" in said
    assert "True items lost" in said
    moment = int(other.tables().interactions["time"].quantile(0.8) or 0)
    said = done(*asked, "--after", moment, "--against", release.name)
    assert f"protocol: new items after {moment}" in said
    assert f"{release.name} less {release.name}" in said
    older = older_copy(release, tmp_path / "both")
    said = done(
        *("--releases", older.parent, "--release", older.name, "--against", release.name),
        *("--data", later_copy(other, tmp_path, release).folder, "--k", "5"),
    )
    assert f"protocol: new items after {made_at(release)}" in said
    ids = other.tables()
    test = tmp_path / "test.tsv"
    test.write_text(f"{ids.users['user_id'][0]}\tnothing\n")
    assert "items that the data does not have: 1" in failure(*asked, "--test", test)


def made_at(release: Path) -> int:
    return int(datetime.fromisoformat(Manifest.read(release).created).timestamp())


def older_copy(release: Path, folder: Path) -> Path:
    """The release, and beside it the same of an hour before; gives the latter."""
    shutil.copytree(release, folder / release.name)
    older = folder / "older"
    shutil.copytree(release, older)
    created = datetime.fromtimestamp(made_at(release) - 3600, UTC).isoformat()
    replace(Manifest.read(release), id="older", created=created).write(older)
    return older


def later_copy(data: Dataset, folder: Path, release: Path) -> Dataset:
    """The data with its newest fifth of times after the release was made."""
    tables = data.tables()
    times = tables.interactions["time"]
    later = pl.col("time") - int(times.quantile(0.8) or 0) + made_at(release)
    moved = replace(tables, interactions=tables.interactions.with_columns(later))
    about = replace(data.description, name="later")
    return save(folder, about, moved, pl.DataFrame(schema=REJECTED_SCHEMA))


def test_what_cannot_be_done_is_said(
    release: Path, split: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = split
    tiny_dataset(tmp_path / "tiny")
    tiny = tmp_path / "tiny"
    cases = [
        (("--train", train), "--train needs --test"),
        (("--test", test), "--test needs --train, or --data"),
        (("--model", "ease"), "--model needs --train and --test, or --data"),
        (("--train", train, "--test", test, "--data", tiny), "two ways to give data"),
        (("--train", train, "--test", test, "--release", "x"), "not for plain models"),
        (("--train", train, "--test", tmp_path / "none"), "none does not exist"),
        (("--train", train, "--test", test, "--model", "magic"), "no model 'magic'"),
        (("--train", train, "--test", test, "--k", "0,x"), "--k: '0,x' is not a list"),
        (("--data", tiny, "--model", "ease", "--protocol", "magic"), "no protocol 'magic'"),
        (("--data", tiny, "--model", "ease", "--test", test), "--test needs --train"),
        (("--releases", release.parent, "--sampled", "9"), "--sampled is for plain models"),
        (("--releases", release.parent, "--protocol", "time"), "need --data"),
        (("--releases", release.parent, "--after", "9"), "need --data"),
        (("--train", train, "--test", test, "--protocol", "random"), "not for a given --test"),
        (("--releases", tmp_path), "no current release"),
        (("--releases", tmp_path, "--release", "none"), "no release none"),
        (("--releases", release.parent, "--data", tiny), "trained on this very data"),
        (
            ("--releases", release.parent, "--markdown", tmp_path / "no" / "page.md"),
            "cannot write",
        ),
    ]
    for arguments, expected in cases:
        assert expected in failure(*arguments)
