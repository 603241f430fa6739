"""The plan of a rollout: a YAML file, read and explained."""

import sys
from pathlib import Path

import typer

from recstack.cli.failure import Failure
from services.rollout.spec import Spec, SpecError, parse_spec

DEFAULT = Path("deploy/rollout/default.yaml")
STDIN = Path("-")


def read(file: Path | None) -> tuple[str, Spec]:
    """The text of a plan and what it means; None: the default one; -: what comes on stdin.

    Raises:
        Failure: it cannot be read, or is no plan; with every problem.
    """
    chosen = file or default()
    try:
        text = sys.stdin.read() if chosen == STDIN else chosen.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the plan {chosen} cannot be read: {error}") from None
    try:
        return text, parse_spec(text)
    except SpecError as error:
        raise Failure(f"{chosen} is no plan", "\n  ".join(error.problems)) from None


def default() -> Path:
    """The plan where none is given: of this folder, else of the checkout that this is run from.

    Raises:
        Failure: there is none.
    """
    there = Path(__file__).parents[2] / DEFAULT
    for file in (DEFAULT, there):
        if file.is_file():
            return file
    raise Failure(f"there is no {DEFAULT} here", "name the file of a plan")


def print_summary(spec: Spec) -> None:
    """The steps and the guards, in two lines."""
    steps = ", ".join(f"{step.percent:g} %" for step in spec.steps)
    minutes = sum(step.seconds for step in spec.steps) / 60
    typer.echo(f"steps: {steps} of the users, in {minutes:.3g} minutes at the soonest")
    typer.echo(f"guards: {', '.join(guard.name for guard in spec.guards)}")
