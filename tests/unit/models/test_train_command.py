from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.schema.manifest import Manifest
from models.schema.parameters import Parameters
from recstack.cli import app
from recstack.cli.failure import Failure
from tests.releases import tiny_dataset

RUNNER = CliRunner()


def failure(*arguments: str) -> str:
    result = RUNNER.invoke(app, ["train", *arguments])
    assert isinstance(result.exception, Failure)
    return str(result.exception)


def test_a_release_is_made_and_its_metrics_printed(tmp_path: Path) -> None:
    data, releases = tmp_path / "tiny", tmp_path / "releases"
    tiny_dataset(data)
    arguments = ["--data", str(data), "--releases", str(releases), "--epochs", "0.05"]
    result = RUNNER.invoke(app, ["train", *arguments, "--index", "hnsw"])
    assert result.exit_code == 0, result.output
    current = (releases / "current").read_text().strip()
    assert current in result.output
    assert "prerank" in result.output
    assert "lost without it" in result.output
    manifest = Manifest.read(releases / current)
    assert manifest.data_name == "tiny"
    quotas = Parameters.read(releases / current).quotas
    found = {name for name, one in manifest.recall.items() if one.get("quota")}
    assert found == set(quotas) == set(manifest.channels)
    assert manifest.recall["merged"]["alone"] == 1.0  # 120 items


def test_no_data_set(tmp_path: Path) -> None:
    said = failure("--data", str(tmp_path / "none"), "--releases", str(tmp_path / "releases"))
    assert f"no data set in {tmp_path / 'none'}" in said
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize(
    ("kind", "said"), [("tree", "'tree' is not one of flat"), ("ivfpq", "120 items are too few")]
)
def test_an_index_that_cannot_be_built_is_said_before_training(
    tmp_path: Path, kind: str, said: str
) -> None:
    data = tmp_path / "tiny"
    tiny_dataset(data)
    arguments = ("--data", str(data), "--releases", str(tmp_path / "releases"), "--index", kind)
    assert said in failure(*arguments)
    assert not (tmp_path / "releases").exists()
