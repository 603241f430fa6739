"""Answers keep coming whatever container dies, and it comes back by itself."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from recstack import Client, ClientError
from tests.compose.engine import SERVICES, ComposeStack, docker
from tests.e2e.stack import wait_until

PAUSE = 0.02
PATIENCE = 10.0  # of a client, on a machine that is busy with tests


class Asker:
    """Asks both gateways without end; one user a request."""

    def __init__(self, addresses: str) -> None:
        self._addresses = addresses
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers = 0
        self.whole = 0
        self.failures: list[str] = []

    @contextmanager
    def running(self) -> Iterator["Asker"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()

    def until(self, whole: int) -> None:
        """Waits for so many more answers that skipped nothing."""
        enough = self.whole + whole
        wait_until(lambda: self.whole >= enough, f"{whole} whole answers", seconds=60)

    def _run(self) -> None:
        with Client(self._addresses, PATIENCE) as client:
            for number in count():
                if self._stop.wait(PAUSE):
                    return
                try:
                    answer = client.recommend(f"asker-{time.monotonic_ns()}-{number}", k=5)
                except ClientError as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                else:
                    self.answers += 1
                    self.whole += not answer.degraded


@pytest.fixture
def asker(stack: ComposeStack) -> Iterator[Asker]:
    with Asker(f"{stack.grpc},{stack.second}").running() as running:
        running.until(whole=10)
        yield running


@pytest.mark.parametrize("victim", SERVICES)
def test_a_crash_fails_no_request_and_is_mended(
    stack: ComposeStack, asker: Asker, victim: str
) -> None:
    before = stack.project.state(victim)["RestartCount"]
    stack.project.crash(victim)
    wait_until(
        lambda: stack.project.state(victim)["RestartCount"] > before, f"{victim} starts again", 60
    )
    wait_until(lambda: stack.project.healthy(victim), f"{victim} is healthy", seconds=60)
    asker.until(whole=20)
    assert asker.failures == []


@pytest.mark.parametrize("victim", SERVICES)
def test_answers_come_while_a_killed_container_stays_away(
    stack: ComposeStack, asker: Asker, victim: str
) -> None:
    docker("kill", stack.project.container(victim))
    enough = asker.answers + 100
    wait_until(lambda: asker.answers >= enough, "100 answers without it", seconds=60)
    stack.project.up(victim)
    asker.until(whole=20)
    assert asker.failures == []
