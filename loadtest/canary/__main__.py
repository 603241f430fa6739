"""`python -m loadtest.canary`: good and bad releases are rolled out to simulated people.

Exit code 0: each rollout ended as it had to; 1: one did not; 2: it could not be done.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import structlog
from rich.console import Console

from loadtest.canary.kinds import KINDS, ReleaseKind, copy
from loadtest.canary.outcome import Outcome
from loadtest.canary.prepared import Prepared, prepared
from loadtest.canary.run import Course, demonstrate
from loadtest.canary.table import table
from recstack.admin import AdminError
from services.chassis.errors import StartupError

ROOT = Path("var/demo")
SPEC = Path("deploy/rollout/demo.yaml")
OFFSET = 12_900  # above the ports that outgoing connections get
WIDE = 150  # columns of the table where the output is no terminal


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    given = _options()
    try:
        outcomes = _run(given)
    except (StartupError, AdminError, OSError) as error:
        print(f"error: {error}\n  {getattr(error, 'hint', '')}".rstrip(), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1 if any(one.problems for one in outcomes) else 0)


def _run(given: argparse.Namespace) -> list[Outcome]:
    course = Course(given.spec.read_text("utf-8"), given.rate, offset=given.port_offset)
    found = prepared(given.root, _say)
    outcomes: list[Outcome] = []
    for number in range(given.repeat):
        start = time.monotonic()
        course = replace(course, seed=given.seed + number)
        some = asyncio.run(demonstrate(found, course, _kinds(given), _say))
        outcomes += some
        _show(some, given.rate)
        _say(f"{time.monotonic() - start:.0f} s")
        _write(found, given, outcomes)
    return outcomes


def _kinds(given: argparse.Namespace) -> Sequence[ReleaseKind]:
    if given.aa:
        return [copy(number + 1) for number in range(given.aa)]
    return [kind for kind in KINDS if not given.only or kind.name in given.only]


def _show(outcomes: Sequence[Outcome], rate: float) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    console.print(table(outcomes, rate))


def _write(found: Prepared, given: argparse.Namespace, outcomes: Sequence[Outcome]) -> None:
    path = found.root / ("aa.json" if given.aa else "canary.json")
    lines = [{**asdict(one), "problems": one.problems} for one in outcomes]
    path.write_text(json.dumps({"rate": given.rate, "rollouts": lines}, indent=1) + "\n")
    _say(f"written to {path}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make demo-canary ARGS=...", description=__doc__)
    names = [kind.name for kind in KINDS]
    parser.add_argument(
        "--only", action="append", choices=names, help="this kind alone; may repeat"
    )
    parser.add_argument("--repeat", type=int, default=1, help="all of it so often")
    parser.add_argument("--aa", type=int, default=0, help="so many copies of stable instead")
    parser.add_argument("--rate", type=float, default=75.0, help="lists a second")
    parser.add_argument("--seed", type=int, default=1, help="of the people")
    parser.add_argument("--spec", type=Path, default=SPEC, help="the plan of the rollouts")
    parser.add_argument("--root", type=Path, default=ROOT, help="what is kept")
    parser.add_argument("--port-offset", type=int, default=OFFSET, help="added to every port")
    return parser.parse_args()


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
