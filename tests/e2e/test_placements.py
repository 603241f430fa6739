"""The same requests get the same lists wherever the stages run."""

import json
import time
from pathlib import Path

import pytest

from recstack.results import Recommendations
from services.gateway.http.kept import SECONDS
from tests.e2e.stack import RunningStack, run_recstack, up

USERS = [*(str(user) for user in range(1, 41)), "nobody"]
ROUNDS = 3
STANDALONE = ("--standalone", "--workers", "2")


def lists(stack: RunningStack) -> list[Recommendations]:
    """Each user asks several times: what was shown before has a say in what comes next."""
    with stack.client() as client:
        return [client.recommend(user) for _ in range(ROUNDS) for user in USERS]


def test_both_placements_give_the_same_lists(stack: RunningStack, tmp_path: Path) -> None:
    with up(tmp_path / "services") as services:
        expected = lists(services)
    with up(tmp_path / "standalone", *STANDALONE) as standalone:
        found = lists(standalone)
        assert sorted(standalone.pids()) == ["events", "redis", "rollout", "standalone"]
    for one, other in zip(expected, found, strict=True):
        assert not one.degraded
        assert not other.degraded
        assert [i.item_id for i in one.items] == [i.item_id for i in other.items]
        assert [i.channels for i in one.items] == [i.channels for i in other.items]
        assert [i.score for i in one.items] == pytest.approx([i.score for i in other.items])


def test_the_stats_of_workers_add_up(workers: RunningStack) -> None:
    here = ("--var", str(workers.workspace.root))
    here = (*here, "--port-offset", str(workers.workspace.port_offset))

    def explained() -> int:
        time.sleep(SECONDS)  # a body of /stats may be as old
        report = json.loads(run_recstack("top", "--json", *here).stdout)
        return int(report["300"].get("Explain", {}).get("requests", 0))

    before = explained()
    for _ in range(8):
        with workers.client() as client:  # a connection each: both workers get some
            client.explain("50")
    assert explained() == before + 8
    assert "2 workers" in run_recstack("top", "--once", *here).stdout
