"""Whether a trained stack finds the truth of a simulated world: true value of what it shows.

`python -m tests.bench.simulated [--users 50000 --items 50000]`. In a folder of its own: writes the
log of a world, trains a release on it, starts the stack that serves it, lets the world's people use
it, and ends with exit code 1 when it does not show 2 times the true click value of popular and 80 %
of an oracle's, or when an answer was failed, short or degraded. With --folder, what is there from
another run is not made again.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.e2e.stack import RECSTACK, ROOT, up

OF_POPULAR, OF_TASTES = 2.0, 0.8
NO_RULES = "diversity: none\nfresh_floor: 0\n"
OUTPUT = ROOT / "var" / "bench" / "simulated.json"


def main(
    users: Annotated[int, typer.Option(min=10)] = 5_000,
    items: Annotated[int, typer.Option(min=100)] = 5_000,
    visits: Annotated[float, typer.Option(min=1)] = 150.0,
    seconds: Annotated[float, typer.Option(min=1, help="Of the drive.")] = 240.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Lists a second.")] = 10.0,
    rules: Annotated[
        bool, typer.Option(help="Final lists with the rules of the release; the rivals have none.")
    ] = False,
    folder: Annotated[Path | None, typer.Option(help="Kept; else a temporary one.")] = None,
) -> None:
    """Measure, and say whether it is enough."""
    with _folder(folder) as place:
        data, releases = place / "simulated", place / "releases"
        if not data.exists():
            size = ("--users", str(users), "--items", str(items), "--visits", str(visits))
            _timed("log", "simulate", "log", "--to", str(place), *size)
        if not (releases / "current").exists():
            _timed("train", "train", "--data", str(data), "--releases", str(releases))
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        none = place / "no_rules.yaml"
        none.write_text(NO_RULES, "utf-8")
        served = ("--data", str(data), "--releases", str(releases))
        with up(place / "var", *served, *(() if rules else ("--rules", str(none)))) as stack:
            course = ("--seconds", str(seconds), "--rate", str(rate), "--json", str(OUTPUT))
            _timed(
                "drive", "simulate", "drive", "--data", str(data), "--address", stack.grpc, *course
            )
    found = json.loads(OUTPUT.read_text())
    ratios, wrong = found["ratios"], faults(found)
    popular, tastes, everything = (ratios[name][0] for name in ("popular", "tastes", "oracle"))
    typer.echo(
        f"of popular {popular:.2f} (wanted {OF_POPULAR}), of an oracle of tastes {tastes:.2f} "
        f"({OF_TASTES}), of one that knows everything {everything:.2f}"
    )
    typer.echo(f"not as asked: {', '.join(wrong) or 'nothing'}")
    sys.exit(0 if popular >= OF_POPULAR and tastes >= OF_TASTES and not wrong else 1)


def faults(found: Mapping[str, Any]) -> list[str]:
    """What makes the values of a drive's report count for nothing."""
    names = ("failed", "short", "degraded", "gone", "unknown", "events_failed", "catalog_failed")
    return [f"{name} {found[name]}" for name in names if found[name]]


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        yield kept
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


def _timed(what: str, *arguments: str) -> None:
    start = time.monotonic()
    subprocess.run([str(RECSTACK), *arguments], check=True)
    typer.echo(f"{what}: {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    typer.run(main)
