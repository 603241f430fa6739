"""Who may import whom: the project keeps the rules of .importlinter, and each of them can fail."""

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "models", "recstack", "loadtest")

# contract, module, the line that breaks it when it is added to the module
BREACHES = [
    ("no-training", "services/rank/pipeline.py", "import torch"),
    ("no-training", "services/recall/channels/popular.py", "from models.rank import din"),
    ("no-training", "models/schema/catalog.py", "import polars"),
    ("edge", "services/rank/pipeline.py", "import grpc"),
    ("edge", "services/rerank/rules/mmr.py", "from recsys.rerank.v1 import rerank_pb2"),
    ("edge", "services/inference/slots.py", "from google.protobuf import message"),
    ("algorithms", "services/recall/merge.py", "from services.rank import wire"),
    ("algorithms", "services/rerank/rules/mmr.py", "from services.rerank import servicer"),
    ("algorithms", "services/recall/index/faiss_index.py", "from services import domain_wire"),
    ("algorithms", "services/domain/ids.py", "from recsys.common.v1 import common_pb2"),
    ("services", "services/gateway/funnel.py", "from services.rank import pipeline"),
    ("services", "services/rank/wire.py", "from services.prerank import wire"),
    ("services", "services/rollout/spec.py", "from services.gateway import stats"),
    ("libraries", "services/inference/stage.py", "from services.rank import settings"),
    ("libraries", "services/domain/ids.py", "from services.chassis import log"),
    ("chassis", "services/chassis/log.py", "from services.domain import stages"),
    ("chassis", "services/chassis/log.py", "from recsys.common.v1 import common_pb2"),
    ("models", "services/recall/merge.py", "from models import registry"),
    ("models", "services/rank/pipeline.py", "from models.rank import din"),
    ("domain", "services/domain/ids.py", "import pydantic"),
    ("domain", "services/domain/ids.py", "from models.schema import layout"),
    ("schema", "models/schema/catalog.py", "import yaml"),
    ("schema", "models/schema/catalog.py", "from services.chassis import log"),
    ("composition", "recstack/cli/up.py", "from services.rank import pipeline"),
    ("command", "services/rank/pipeline.py", "from recstack import ports"),
    ("command", "models/schema/catalog.py", "from recstack.cli import train"),
]


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the rules on the packages in the folder."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--config", ".importlinter", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},  # for the project's own kind of contract
        capture_output=True,
        text=True,
        check=False,
    )


def rules() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project to break."""
    folder = tmp_path_factory.mktemp("project")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


@pytest.fixture
def breach(copy: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The contract that is broken while the test runs."""
    contract, module, line = request.param
    path = copy / module
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    yield contract
    path.write_text(before)


def test_the_project_keeps_the_rules():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize("breach", BREACHES, ids=lambda b: f"{b[0]}: {b[2]}", indirect=True)
def test_a_breach_is_found(copy, breach):
    result = lint(copy, "--contract", breach)
    assert result.returncode == 1
    assert "0 kept, 1 broken" in result.stdout, result.stdout + result.stderr


def test_every_rule_has_a_breach():
    contracts = {
        name.removeprefix("importlinter:contract:")
        for name in rules().sections()
        if name.startswith("importlinter:contract:")
    }
    assert {contract for contract, _, _ in BREACHES} == contracts


def test_every_service_is_in_the_rules():
    services = {f"services.{path.parent.name}" for path in ROOT.glob("services/*/__main__.py")}
    independent = rules()["importlinter:contract:services"]["modules"].split()
    layer = rules()["importlinter:contract:libraries"]["layers"].strip().splitlines()[0]
    assert set(independent) == services
    assert set(layer.replace(":", " ").split()) == services
