"""What is written of a load."""

import json
from pathlib import Path

import pytest

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
    options = Options(shape="spike", rate=10.0, seconds=10.0, report=str(tmp_path))
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


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"http": 1.5}, "--http"), ({"rate": 0.0}, "--rate"), ({"failures": -0.1}, "--failures")],
)
def test_an_option_that_cannot_be_is_named(changes: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Options(**changes)  # type: ignore[arg-type]
