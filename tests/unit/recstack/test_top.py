"""The stats of several workers as one view."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from rich.console import Console

from recstack.top import StatsUnavailableError, added_up, fetch, rendered, stats_urls
from recstack.workspace import Workspace
from services.gateway.stats import Stats
from services.gateway.stats_report import report


def body(latency: float, requests: int, worker: int) -> dict[str, Any]:
    """The /stats of a worker that answered some requests, each after `latency` seconds."""
    now = 100.0
    stats = Stats(lambda: now)
    for _ in range(requests):
        stats.meter("Recommend").add(latency, degraded=True)
    now = 105.0
    return dict(json.loads(json.dumps(report(stats, "r1", worker))))


@contextmanager
def serving(answer: dict[str, Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_percentiles_are_of_all_workers_together() -> None:
    with serving(body(0.010, 900, 1)) as fast, serving(body(0.500, 100, 2)) as slow:
        whole = added_up(fetch([fast, slow]))["60"]["Recommend"]
    assert whole["requests"] == 1000
    assert whole["p50_ms"] == pytest.approx(10, rel=0.05)
    assert whole["p99_ms"] == pytest.approx(500, rel=0.05)
    assert whole["degraded_rate"] == 1.0


def test_a_worker_that_does_not_answer_is_left_out() -> None:
    with serving(body(0.010, 7, 1)) as url:
        reports = fetch(["http://127.0.0.1:1", url])
    assert [report["worker"] for report in reports] == [1]


def test_nobody_answering_is_said() -> None:
    with pytest.raises(StatsUnavailableError, match=r"127\.0\.0\.1:1"):
        fetch(["http://127.0.0.1:1"])


def test_people_see_every_window_of_what_was_asked_and_nothing_else() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(rendered(added_up([body(0.010, 7, 1)]), workers=1))
    _, ten, minute, five = console.export_text().splitlines()
    assert ten.split()[:3] == ["Recommend", "10", "s"]
    assert minute.split()[:2] == ["1", "min"]
    assert five.split()[:2] == ["5", "min"]
    assert five.endswith("100.00%")


def test_the_running_stack_says_where_its_workers_are(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert stats_urls(workspace, "http://default") == ["http://default"]
    with workspace.locked():
        workspace.announce({"stats": ["http://a", "http://b"]})
        assert stats_urls(workspace, "http://default") == ["http://a", "http://b"]
