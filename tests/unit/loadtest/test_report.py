"""What is written of a load."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.calls import Answer
from loadtest.options import Options
from loadtest.report import Report, as_json, markdown, write
from loadtest.result import Sender, result
from loadtest.slo import checks
from tests.unit.loadtest.calls import Made

PNG = b"\x89PNG"


def reported(made: Made, options: Options) -> Report:
    found = result(made.calls, options, Sender(1.0, 10.0, 1000))
    return Report(options, found, checks(found, options))


def test_the_folder_has_tables_numbers_and_pictures(tmp_path: Path) -> None:
    options = Options(shape="spike", rate=10.0, seconds=32.0, refused=0.1, report=str(tmp_path))
    made = Made().steadily(0, 10).failed(3.0, 0.1).refused(4.0).degraded(5.0, "rank TIMEOUT")
    folder = write(reported(made, options), made.calls)
    assert folder.parent == tmp_path
    text = (folder / "report.md").read_text()
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert pictures == [
        "degraded.png", "failures.png", "latency.png", "percentiles.png", "rate.png",
    ]  # fmt: skip
    for name in pictures:
        assert (folder / name).read_bytes().startswith(PNG)
        assert f"({name})" in text
    written = json.loads((folder / "report.json").read_text())
    assert written["holds"] is False
    assert written["result"]["lists"]["failures"] == {"UNAVAILABLE": 1}
    assert sum(written["result"]["line"]["sent"]) == 103


def test_the_verdict_is_told() -> None:
    good = reported(Made().steadily(0, 10), Options(rate=10.0, seconds=10.0))
    assert "Every SLO holds." in markdown(good)
    bad = reported(Made().steadily(0, 10, seconds=0.2), Options(rate=10.0, seconds=10.0))
    assert "| P99 of lists | 200.0 ms | 100 ms | **no** |" in markdown(bad)
    assert not json.loads(as_json(bad))["holds"]


def test_a_load_of_nothing_is_reported(tmp_path: Path) -> None:
    options = Options(rate=1.0, seconds=1.0, report=str(tmp_path))
    assert (write(reported(Made(), options), Made().calls) / "report.md").exists()


@pytest.mark.parametrize("shape", ["steady", "spike"])
def test_a_load_that_ends_while_it_warms_up_counts_nothing(shape: str, tmp_path: Path) -> None:
    options = Options(shape=shape, rate=10.0, refused=0.5, report=str(tmp_path))
    made = Made().ok(-2.5, 0.01)
    found = result(made.calls, options, Sender(1.0, 1.0, 1), seconds=-1.9)
    report = Report(options, found, checks(found, options))
    assert not report.holds
    text = (write(report, made.calls) / "report.md").read_text()
    assert "Nothing was counted" in text


def test_calls_that_were_sent_twice_are_told() -> None:
    made = Made().steadily(0, 10)
    made.recorder.add("list", 1.0, 1.0, 1.1, Answer(items=("1",), resent=True), 1)
    text = markdown(reported(made, Options(rate=10.0, seconds=10.0)))
    assert "sent a second time, as the kept connection had closed: 1" in text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"http": 1.5}, "--http"),
        ({"rate": 0.0}, "--rate"),
        ({"failures": -0.1}, "--failures"),
        ({"short": 2.0}, "--short"),
        ({"shape": "spike", "refused": 0.0}, "--refused"),
        ({"shape": "spike", "refused": 1.0, "seconds": 31.0}, "--seconds .* 32 .* --recovery 5"),
        ({"shape": "spike", "refused": 1.0, "seconds": 11.9, "recovery": 0.0}, "--seconds"),
    ],
)
def test_an_option_that_cannot_be_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Options(**changes)
