"""What HTTP calls of a load become when servers break off, or answer otherwise than the gateway."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from gevent.server import StreamServer

from loadtest.calls import LATE, OK, REFUSED, UNREACHED, UNREADABLE, Answer, Ask, Told
from loadtest.http_caller import HttpCaller
from loadtest.simulation.people import Deed
from services.chassis.tls import Tls

ASK = Ask("7", "", 20)
TOLD = Told("7", "", "q", [Deed("1", "click")])
LIST = {"items": [{"item_id": "1"}], "request_id": "q", "release": "r", "degraded": []}
PATIENCE = 30.0


def answer(body: Any, status: str = "200 OK") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


class Scripted:
    """Each connection answers calls with the next of its script, and closes on the call after it;
    `hasty`: with the last answer. An answer None is never written.
    """

    def __init__(self, *scripts: list[bytes | None], hasty: bool = False) -> None:
        self.scripts = list(scripts)
        self.hasty = hasty
        self.calls = 0

    def __call__(self, connection: Any, _address: Any) -> None:
        script = self.scripts.pop(0) if self.scripts else []
        stream = connection.makefile("rb")
        for each in script if self.hasty else [*script, b""]:
            if not self._read(stream):
                return
            if each is None:
                stream.read()
            elif each:
                connection.sendall(each)
        stream.close()
        connection.close()

    def _read(self, stream: Any) -> bool:
        length = 0
        head = stream.readline()
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        stream.read(length)
        self.calls += bool(head)
        return bool(head)


@contextmanager
def caller(server: Scripted) -> Iterator[HttpCaller]:
    listening = StreamServer(("127.0.0.1", 0), server)
    listening.start()
    made = HttpCaller(f"http://127.0.0.1:{listening.server_port}", Tls())
    try:
        yield made
    finally:
        made.close()
        listening.stop()


def asked(reply: bytes | None, deadline: float = PATIENCE) -> Answer:
    with caller(Scripted([reply])) as made:
        return made.ask(ASK, deadline)


def test_a_list_is_read_and_its_connection_kept() -> None:
    server = Scripted([answer(LIST), answer(LIST), answer({})])
    with caller(server) as made:
        found = [made.ask(ASK, PATIENCE), made.ask(ASK, PATIENCE), made.tell(TOLD, PATIENCE)]
    assert [each.outcome for each in found] == [OK] * 3
    assert found[0] == Answer(OK, ("1",), "q", release="r")
    assert len(server.scripts) == 0
    assert server.calls == 3


@pytest.mark.parametrize("tell", [False, True])
def test_a_call_on_a_new_connection_is_sent_once_whatever_happens(tell: bool) -> None:
    server = Scripted()
    with caller(server) as made:
        found = made.tell(TOLD, PATIENCE) if tell else made.ask(ASK, PATIENCE)
    assert found == Answer(UNREACHED)
    assert server.calls == 1


@pytest.mark.parametrize("tell", [False, True])
def test_a_call_on_a_kept_connection_that_closes_is_sent_once_more_and_counted(tell: bool) -> None:
    server = Scripted([answer(LIST)], [answer(LIST)])
    with caller(server) as made:
        first = made.ask(ASK, PATIENCE)
        second = made.tell(TOLD, PATIENCE) if tell else made.ask(ASK, PATIENCE)
    assert (first.outcome, first.resent) == (OK, False)
    assert (second.outcome, second.resent) == (OK, True)
    assert server.calls == 3


def test_nothing_is_sent_a_third_time() -> None:
    server = Scripted([answer(LIST)])
    with caller(server) as made:
        assert made.ask(ASK, PATIENCE).outcome == OK
        assert made.ask(ASK, PATIENCE) == Answer(UNREACHED)
    assert server.calls == 3


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 200 OK\r\nConte", answer(LIST)[:-5], b"no HTTP\r\n\r\n"]
)
def test_an_answer_that_breaks_off_is_none_and_is_not_asked_for_again(begun: bytes) -> None:
    server = Scripted([answer(LIST), begun], hasty=True)
    with caller(server) as made:
        assert made.ask(ASK, PATIENCE).outcome == OK
        assert made.ask(ASK, PATIENCE) == Answer(UNREACHED)
    assert server.calls == 2


def test_an_answer_that_does_not_come_is_late() -> None:
    assert asked(None, deadline=0.05) == Answer(LATE)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(b"<html>"), UNREADABLE),
        (answer([]), UNREADABLE),
        (answer({"items": [1], "request_id": "q"}), UNREADABLE),
        (answer({"items": None}), UNREADABLE),
        (answer({}, "502 Bad Gateway"), "HTTP 502"),
        (answer([1], "500 Oh"), "HTTP 500"),
        (answer({"error": "no"}, "503 No"), "HTTP 503"),
        (answer({"error": {"status": "NOT_FOUND"}}, "404 No"), "NOT_FOUND"),
    ],
)
def test_an_answer_of_another_shape_has_an_outcome(reply: bytes, outcome: str) -> None:
    assert asked(reply) == Answer(outcome)


def test_a_refusal_says_when_to_come_again() -> None:
    error = {"error": {"status": REFUSED, "retry_after_ms": 40}}
    assert asked(answer(error, "429 Later")) == Answer(REFUSED, delay_ms=40)
