"""The load generator against a stack."""

import json
import subprocess
import sys

from tests.e2e.stack import RunningStack


def test_a_short_load_is_answered_and_counted(stack: RunningStack) -> None:
    module = (sys.executable, "-m", "loadtest.closed_loop")
    options = ("--address", stack.grpc, "--seconds", "1", "--concurrency", "4")
    done = subprocess.run((*module, *options), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["requests"] >= 4
    assert result["errors"] == 0
    assert result["p50_ms"] <= result["p90_ms"] <= result["p99_ms"]
