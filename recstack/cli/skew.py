"""`recstack skew`: whether serving and training see the same."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recstack.cli import tls
from recstack.cli.data import KeyFile, LogFolder
from recstack.cli.failure import Failure
from recstack.cli.output import new_table, print_table
from recstack.served_log import KEY, LOG, LogPlace, current_release, loaded_data

if TYPE_CHECKING:
    from models.data.served import ServedLog
    from models.skew.check import Check

EXAMPLES = 10
DIFFERENT = 1  # exit code

Histories = Annotated[
    bool, typer.Option("--histories/--no-histories", help="Whether histories are checked too.")
]


def skew(
    log: LogFolder = LOG,
    releases: Annotated[str, typer.Option(help="Folder or URL of the releases.")] = "var/releases",
    data: Annotated[
        Path | None,
        typer.Option(help="The data whose users were loaded; by default by the current release."),
    ] = None,
    key: KeyFile = KEY,
    histories: Histories = True,
) -> None:
    """Replay served requests, and compare with what was served.

    Scores: context and candidates are encoded and ranked again by the release that served them;
    they may differ by 1e-5. Histories: built again from the loaded data and the logged events.
    Exit code 1 when there is a difference.
    """
    from models.data.served import ServedLog
    from models.skew.scores import check_scores
    from services.inference.store import ReleaseStore

    served = ServedLog(log)
    checks = [check_scores(served.requests(), ReleaseStore(releases))]
    if histories:
        checks.append(_histories(served, LogPlace(log, key, tls=tls.given()), releases, data))
    if not any(check.compared for check in checks):
        hint = "the events service writes a file every 30 s, while requests are served"
        raise Failure(f"nothing to compare in {log}", hint)
    _print(checks)
    if any(check.differences for check in checks):
        raise typer.Exit(DIFFERENT)


def _histories(served: "ServedLog", place: LogPlace, releases: str, data: Path | None) -> "Check":
    from models.data.dataset import Dataset
    from models.data.from_log import pseudonymised
    from models.skew.histories import check_histories
    from recstack.preparation import DATA

    base = Dataset.open(data) if data else loaded_data(current_release(releases), DATA)
    tables = pseudonymised(base, place.key())
    return check_histories(served.requests(), tables, served.events())


def _print(checks: "list[Check]") -> None:
    table = new_table("check", "compared", "different", "largest difference", "skipped")
    for check in checks:
        skipped = ", ".join(f"{count} {why}" for why, count in check.skipped.items())
        worst = f"{check.worst:.1e}" if check.worst else "0"
        table.add_row(check.name, str(check.compared), str(len(check.differences)), worst, skipped)
    print_table(table)
    for check in checks:
        for one in check.differences[:EXAMPLES]:
            when = datetime.fromtimestamp(one.time, UTC).isoformat()
            typer.echo(f"  {check.name}: request {one.request_id} of {when}: {one.what}")
        if len(check.differences) > EXAMPLES:
            typer.echo(f"  ... and {len(check.differences) - EXAMPLES} more")
