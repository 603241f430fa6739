"""A rollout, watched."""

import time
from collections.abc import Iterator

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from recstack.admin import AdminError
from recstack.cli.failure import Failure
from recstack.cli.output import print_table
from recstack.cli.rollout_service import Unheard, views
from recstack.cli.rollout_tables import NONE, line, rendered
from recstack.rollouts import Rollouts
from services.rollout.phase import Phase
from services.rollout.record import Entry, Record, View

CODES = {Phase.PROMOTED: 0, Phase.ROLLED_BACK: 3, Phase.REFUSED: 1}
INTERRUPTED = 130
POLL_SECONDS = 0.5


def follow(service: Rollouts, every: float) -> int:
    """Shows the rollout until it ends; the exit code that says how.

    Raises:
        Failure: there is none.
        AdminError: the service is away.
    """
    looks = _until_end(service, every)
    try:
        if Console().is_terminal:
            last = _live(looks)
            print_table(rendered(last))
        else:
            last = _lines(looks)
    except KeyboardInterrupt:
        typer.echo("the rollout goes on", err=True)
        return INTERRUPTED
    assert last.record is not None
    return CODES[last.record.phase]


def until_decided(service: Rollouts, started: Record) -> int:
    """Waits until a rollout has its first users, saying for what; the exit code.

    Raises:
        Failure: another rollout took its place, or the service went away since.
    """
    said: set[str] = set()
    try:
        for found in views(service, POLL_SECONDS, heard=time.monotonic()):
            if isinstance(found, View) and (code := _decided(found, started)) is not None:
                return code
            for lack in _lacking(found):
                if lack not in said:
                    typer.echo(f"waiting: {lack}")
                    said.add(lack)
    except KeyboardInterrupt:
        hint = "the rollout goes on; `recstack rollout abort` ends it"
        raise Failure("no longer waiting", hint) from None
    except AdminError as error:
        why = f"rollout {started.rollout} was started, and is not heard of any more: {error}"
        raise Failure(why, "see `recstack rollout status`") from None
    raise AssertionError("views end with an error")


def _decided(view: View, started: Record) -> int | None:
    """The exit code once it is said whether the rollout has users; None: it is prepared."""
    one = view.record
    if one is None or one.rollout != started.rollout:
        raise Failure(f"rollout {started.rollout} is not the last one any more")
    if one.phase is Phase.PREPARING:
        return None
    code = CODES.get(one.phase, 0)
    typer.secho(line(one, view.look), fg="red" if code else None)
    return code


def _until_end(service: Rollouts, every: float) -> Iterator[View | Unheard]:
    """Views until the end, one at least, and first; between them calls that failed."""
    for found in views(service, every):
        if isinstance(found, View) and found.record is None:
            raise Failure(NONE, "start one with `recstack rollout start RELEASE`")
        yield found
        if isinstance(found, View) and found.record and found.record.ended:
            return


def _live(looks: Iterator[View | Unheard]) -> View:
    with Live(auto_refresh=False, screen=True) as live:
        for found in looks:
            if isinstance(found, View):
                last, shown = found, rendered(found)
            else:  # above it: what is too long for the screen is cut off at the end
                shown = Group(Text(str(found), "bold yellow"), "", rendered(last))
            live.update(shown, refresh=True)
    return last


def _lines(looks: Iterator[View | Unheard]) -> View:
    said: object = None
    for view in (found for found in looks if isinstance(found, View)):
        one, look = view.record, view.look
        assert one is not None
        if (now := (one.phase, one.step, _says(look))) != said:
            typer.echo(line(one, look))
            said = now
    return view


def _says(look: Entry | None) -> object:
    """What people want to hear of when it changes: what guards say, else what is waited for."""
    if look is None:
        return None
    return tuple(verdict.kind for verdict in look.verdicts) or look.reasons


def _lacking(view: View | Unheard) -> list[str]:
    """What it waits for."""
    if isinstance(view, Unheard):
        return [view.why]
    if not view.gateways and not view.problems:
        return ["no gateway reports"]
    lacking = [f"gateway {one.gateway}: {lack}" for one in view.gateways for lack in one.lacks]
    return [*lacking, *view.problems]
