"""`recstack rollout` and `recstack shadow` against a service that says what a test wants."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from recstack.admin import AdminError
from recstack.cli import app, rollout, rollout_plan, rollout_watch, shadow
from recstack.cli.failure import Failure
from recstack.cli.rollout_service import Unheard, views
from recstack.cli.rollout_tables import rendered, span
from recstack.rollouts import Rollouts
from services.chassis.redis import RedisError
from services.rollout.errors import ConflictError
from services.rollout.phase import Phase
from services.rollout.record import View
from tests.unit.rollout.door import TOKEN, StandIn, serving
from tests.unit.rollout.samples import LOOK, RECORD, SPEC, VIEW

Run = Callable[..., Awaitable[Result]]
END = Phase.PROMOTED
HOME = "\x1b[H"
"""What comes before each picture of a live view."""
NOBODY = View("one:50048", 1_700_000_000.0, None, None, ())


@pytest.fixture
def told() -> StandIn:
    return StandIn()


@pytest.fixture
async def run(told: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """Runs a command as people type it; what is neither an answer nor an exit code is raised."""
    monkeypatch.setattr(rollout_watch, "POLL_SECONDS", 0.0)
    monkeypatch.setenv("COLUMNS", "300")  # tables are then not folded
    token = tmp_path / "admin.token"
    token.write_text(TOKEN)

    async def run(*arguments: str, **more: Any) -> Result:
        given = ["--token-file", str(token)]
        done = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, *given], **more)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    async with serving(told) as port:
        monkeypatch.setenv("RECSTACK_ROLLOUT_ADDRESS", f"127.0.0.1:{port}")
        yield run


def seen(phase: Phase, **changed: Any) -> View:
    return replace(VIEW, record=replace(RECORD, phase=phase, **changed), look=None)


def text(view: View) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(rendered(view))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_plan_that_ships_is_explained() -> None:
    done = invoke("rollout", "plan")
    assert done.exit_code == 0
    assert "5 % of the users have the new release" in done.output
    assert done.output == invoke("rollout", "plan", str(rollout_plan.DEFAULT)).output


def test_every_problem_of_a_plan_is_named(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("steps: [{percent: 120}, {percent: 5}]\nguards: {error: {}, slow: {ratio: x}}")
    with pytest.raises(Failure, match="is no plan") as failed:
        rollout_plan.read(file)
    assert [line.strip().partition(": ")[0] for line in failed.value.hint.splitlines()] == [
        "guards.error",
        "guards.slow.ratio",
        "steps.0.percent",
        "steps.1",
    ]
    done = invoke("rollout", "plan", str(file))
    assert isinstance(done.exception, Failure)  # main makes exit code 2 of it
    with pytest.raises(Failure, match="cannot be read"):
        rollout_plan.read(tmp_path / "absent.yaml")


async def test_start_waits_until_it_runs(told: StandIn, run: Run, tmp_path: Path) -> None:
    told.views = [seen(Phase.PREPARING), seen(Phase.PREPARING), seen(Phase.RUNNING)]
    file = tmp_path / "plan.yaml"
    file.write_text(SPEC)
    done = await run("rollout", "start", "r2", "--spec", str(file), "--stable", "r1", "--by", "ada")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "steps: 10 %, 100 % of the users, in 1 minutes at the soonest",
        "guards: errors",
        "rollout 17: r2 instead of r1",
        "waiting: gateway g2: rank: r2 is loading",
        "waiting: a report cannot be read",
        "17 running, step 1 of 2, 10 % of the users",
    ]
    assert told.asked[0] == ("start", "r2", SPEC, "r1", "ada")


async def test_start_that_is_refused(told: StandIn, run: Run) -> None:
    told.views = [
        seen(Phase.PREPARING),
        seen(Phase.REFUSED, why="rank: no such release", since=0.0),
    ]
    done = await run("rollout", "start", "r2")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].endswith("rank: no such release")


async def test_start_that_somebody_aborts(told: StandIn, run: Run) -> None:
    ended = seen(Phase.ROLLED_BACK, why="aborted by ada", since=0.0)
    told.views = [seen(Phase.PREPARING, since=0.0), ended]
    done = await run("rollout", "start", "r2")
    assert done.exit_code == 3
    assert done.output.splitlines()[-1] == "17 rolled back, before step 1 of 2: aborted by ada"


async def test_start_need_not_wait(told: StandIn, run: Run) -> None:
    assert (await run("rollout", "start", "r2", "--no-wait")).exit_code == 0
    assert [name for name, *_ in told.asked] == ["start"]


async def test_a_start_that_another_one_followed(told: StandIn, run: Run) -> None:
    told.views = [seen(Phase.RUNNING, rollout="18")]
    with pytest.raises(Failure, match="rollout 17 is not the last one any more"):
        await run("rollout", "start", "r2")


async def test_a_bad_plan_is_not_sent(told: StandIn, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("steps: []")
    with pytest.raises(Failure, match="is no plan"):
        await run("rollout", "start", "r2", "--spec", str(file))
    assert not told.asked


async def test_what_the_service_refuses_is_told(told: StandIn, run: Run) -> None:
    told.problem = ConflictError("rollout 17 runs")
    with pytest.raises(Failure, match="FAILED_PRECONDITION: rollout 17 runs") as failed:
        await run("rollout", "start", "r2")
    assert not failed.value.hint


async def test_a_service_that_is_away(run: Run) -> None:
    with pytest.raises(Failure, match=r"127\.0\.0\.1:1: UNAVAILABLE") as failed:
        await run("rollout", "status", "--address", "127.0.0.1:1")
    assert "recstack up" in failed.value.hint


@pytest.mark.parametrize(
    ("problem", "hint"), [(RedisError("gone"), "recstack doctor"), (ConflictError("no"), "")]
)
async def test_what_may_be_done_about_it(
    told: StandIn, run: Run, problem: Exception, hint: str
) -> None:
    told.problem = problem
    with pytest.raises(Failure) as failed:
        await run("rollout", "abort")
    assert hint in failed.value.hint
    assert bool(failed.value.hint) == bool(hint)
    assert "recstack up" not in failed.value.hint


async def test_a_wrong_token(run: Run, tmp_path: Path) -> None:
    (tmp_path / "admin.token").write_text("not the one")
    with pytest.raises(Failure, match="UNAUTHENTICATED"):
        await run("rollout", "abort")


async def test_status(run: Run) -> None:
    done = await run("rollout", "status")
    assert done.output == text(VIEW) or done.output.split() == text(VIEW).split()
    found = json.loads((await run("rollout", "status", "--json")).output)
    assert found["record"]["release"] == "r2"
    assert found["look"]["verdicts"][0]["numbers"]["evidence"] == 3000


def test_the_table_of_a_rollout() -> None:
    shown = [line.split() for line in text(VIEW).splitlines()]
    for row in (
        "phase running",
        "step step 1 of 2, 10 % of the users",
        "in this step 10 s of at least 1 min",
        "leader one:50048",
        "requests 100 104",
        "errors 2",
        "errors roll back 0.02 0.001 3e+03 of 2,700 worse",
        "clicks hold no data",
        "waits: 10 s of 60",
        "g1 12 s 7 yes r1",
        "g2 1 s - no r1 rank: r2 is loading",
        "problem: a report cannot be read",
    ):
        assert row.split() in shown, row


def test_tables_without_much_to_tell() -> None:
    assert text(NOBODY).splitlines() == [
        "there has been no rollout",
        "",
        "no gateway reports: is one running?",
    ]
    ended = seen(Phase.PROMOTED, ended_at=1_700_007_500.0, step=1)
    assert "after 2 h 5 min" in text(replace(ended, gateways=()))
    assert "no gateway" not in text(replace(ended, gateways=()))
    unreadable = replace(VIEW, record=replace(RECORD, spec="steps: of another version"))
    assert "step 1, 10 % of the users" in text(unreadable)
    bracketed = replace(VIEW, record=replace(RECORD, by="[red]ada", why="[/x] why"))
    assert "[red]ada" in text(bracketed)
    assert "[/x] why" in text(bracketed)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("end", "code"), [(Phase.PROMOTED, 0), (Phase.ROLLED_BACK, 3), (Phase.REFUSED, 1)]
)
async def test_watch_ends_with_the_rollout(told: StandIn, run: Run, end: Phase, code: int) -> None:
    told.views = [VIEW, VIEW, replace(VIEW, look=replace(LOOK, reasons=("11 s of 60",))), seen(end)]
    done = await run("rollout", "watch", "--every", "0.1")
    assert done.exit_code == code
    ends = {
        Phase.PROMOTED: "step 1 of 2, 100 % of the users",
        Phase.ROLLED_BACK: "step 1 of 2, 10 % of the users",
        Phase.REFUSED: "step 1 of 2, 10 % of the users",
    }
    assert done.output.splitlines() == [
        "17 running, step 1 of 2, 10 % of the users: clicks: no data; 10 s of 60",
        f"17 {end}, {ends[end]}",
    ]


async def test_watch_says_what_is_waited_for(told: StandIn, run: Run) -> None:
    def waiting(*reasons: str) -> View:
        look = replace(LOOK, reasons=reasons, verdicts=(), arms={})
        return replace(seen(Phase.PREPARING, since=0.0), look=look)

    loads = waiting("gateway g2: rank: r2 is loading")
    assert "waits: gateway g2: rank: r2 is loading" in text(loads)
    told.views = [loads, loads, waiting("gateway g2: it applies policy 6, not 7 yet"), seen(END)]
    done = await run("rollout", "watch", "--every", "0.1")
    assert done.output.splitlines()[:2] == [
        "17 preparing, before step 1 of 2: gateway g2: rank: r2 is loading",
        "17 preparing, before step 1 of 2: gateway g2: it applies policy 6, not 7 yet",
    ]


async def test_watch_without_a_rollout(told: StandIn, run: Run) -> None:
    told.views = [NOBODY]
    with pytest.raises(Failure, match="there has been no rollout"):
        await run("rollout", "watch")


async def test_a_service_that_comes_back_is_watched_on(told: StandIn, run: Run) -> None:
    told.views = [VIEW, ConflictError("not the leader"), RedisError("gone"), VIEW]

    def look(port: int) -> list[View | Unheard]:
        with Rollouts(f"127.0.0.1:{port}", TOKEN) as client:
            return list(islice(views(client, every=0.01, patience=60.0), 4))

    async with serving(told) as port:
        first, one, two, last = await asyncio.to_thread(look, port)
    assert first == last == VIEW
    assert isinstance(one, Unheard)
    assert isinstance(two, Unheard)
    assert one.seconds < two.seconds
    assert str(replace(one, seconds=12.3)) == (
        "not heard for 12 s: FAILED_PRECONDITION: not the leader"
    )


async def test_the_live_view_says_that_it_is_old(
    told: StandIn, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal
    monkeypatch.setenv("TERM", "xterm")
    told.views = [VIEW, RedisError("gone"), VIEW, seen(END)]
    done = await run("rollout", "watch", "--every", "0.1")
    assert done.exit_code == 0
    shown = [part for part in done.output.split(HOME) if "rollout 17" in part]
    first, old, again, _ = shown
    assert "not heard for 0 s: UNAVAILABLE: Redis" in old
    assert old.index("not heard") < old.index("rollout 17")
    assert "not heard" not in first + again


@pytest.mark.parametrize("failures", [1, 3])
async def test_a_start_is_not_taken_for_none_while_the_service_is_away(
    told: StandIn, run: Run, failures: int
) -> None:
    away = [RedisError("gone")] * failures
    told.views = [*away, seen(Phase.PREPARING), *away, seen(Phase.RUNNING)]
    done = await run("rollout", "start", "r2")
    assert done.exit_code == 0
    waited = [line for line in done.output.splitlines() if line.startswith("waiting: UNAVAILABLE")]
    assert len(waited) == 1
    assert done.output.splitlines()[-1].startswith("17 running")


async def test_a_start_that_is_not_heard_of_any_more(
    told: StandIn, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_watch, "views", partial(views, patience=0.0))
    told.views = [RedisError("gone")]
    with pytest.raises(Failure, match="rollout 17 was started, and is not heard of") as failed:
        await run("rollout", "start", "r2")
    assert "recstack rollout status" in failed.value.hint


async def test_patience_ends(told: StandIn) -> None:
    told.problem = ConflictError("not the leader")

    def look(port: int) -> None:
        with Rollouts(f"127.0.0.1:{port}", TOKEN) as client, pytest.raises(AdminError):
            next(views(client, every=0.01, patience=0.0))

    async with serving(told) as port:
        await asyncio.to_thread(look, port)


async def test_promote_asks(told: StandIn, run: Run) -> None:
    done = await run("rollout", "promote", input="n\n")
    assert done.exit_code == 1
    assert "clicks: no data" in done.output
    assert "let 100 % of the users have r2 now?" in done.output
    assert [name for name, *_ in told.asked] == ["view"]
    done = await run("rollout", "promote", "--why", "enough", "--by", "ada", input="y\n")
    assert done.exit_code == 0
    assert told.asked[-1][1:] == ("ada", "enough", "17", 0)
    assert (await run("rollout", "promote", "--yes", "--by", "ada")).exit_code == 0
    assert told.asked[-1][1:] == ("ada", "", "", None)


async def test_promote_of_what_is_prepared_is_not_asked_for(told: StandIn, run: Run) -> None:
    """The first step may begin before the answer, which would be taken for the second one."""
    told.views = [seen(Phase.PREPARING)]
    with pytest.raises(Failure, match="it is still prepared"):
        await run("rollout", "promote", input="y\n")
    assert [name for name, *_ in told.asked] == ["view"]


async def test_promote_when_nothing_runs(told: StandIn, run: Run) -> None:
    for view in (NOBODY, seen(Phase.PROMOTED)):
        told.views = [view]
        with pytest.raises(Failure, match="no rollout runs"):
            await run("rollout", "promote")


@pytest.mark.parametrize("command", ["pause", "resume", "abort"])
async def test_commands(told: StandIn, run: Run, command: str) -> None:
    done = await run("rollout", command, "--why", "because", "--by", "ada")
    assert done.output == "17 running, step 1 of 2, 10 % of the users\n"
    assert told.asked == [(command, "ada", "because", "")]


async def test_history(told: StandIn, run: Run) -> None:
    done = await run("rollout", "history", "17", "--limit", "9", "--holds")
    assert told.asked == [("decisions", 9, "17", True)]
    lines = [line.strip() for line in done.output.splitlines()]
    assert "hold" in lines[1]
    assert "requests: canary 100, control 104" in lines
    numbers = "canary 0.02, control 0.001, evidence 3e+03 of 2,700"
    assert f"errors roll back: worse; {numbers}" in lines
    assert "clicks hold: no data" in lines
    found = json.loads((await run("rollout", "history", "--json")).output)
    assert told.asked[-1] == ("decisions", 50, "", False)
    assert [one["kind"] for one in found] == ["hold", "shadow started"]


async def test_shadow(told: StandIn, run: Run) -> None:
    done = await run("shadow", "start", "r2", "--percent", "2.5", "--by", "ada")
    assert told.asked == [("start_shadow", "r2", 2.5, 4, "ada")]
    assert done.output == "5 % of the requests are copied to r2, 4 at a time a gateway at most\n"
    done = await run("shadow", "show", "--examples", "1")
    shown = done.output.splitlines()
    assert "copies: compared 4, degraded 0, failed 0, dropped 1" in shown
    overlap = next(line for line in shown if line.startswith("overlap of the lists "))
    assert overlap.endswith("0.750")
    assert "request q2: overlap 0.00" in shown
    assert "request q1: overlap 1.00" not in shown
    assert "g2: rank: r2 is loading" in done.stderr
    assert json.loads((await run("shadow", "show", "--json")).output)["percent"] == 5
    await run("shadow", "stop", "--by", "ada")
    assert told.asked[-1] == ("stop_shadow", "ada")


def test_what_was_not_compared_has_no_mean() -> None:
    assert list(shadow.means({"compared": 0.0, "overlap": 0.0})) == []


@pytest.mark.parametrize("group", [rollout.app, shadow.app])
def test_every_command_says_what_it_does(group: typer.Typer) -> None:
    for command in group.registered_commands:
        assert command.callback is not None
        assert command.callback.__doc__, command.name
