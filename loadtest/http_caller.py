"""Calls as JSON over HTTP, for greenlets."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from loadtest.calls import LATE, UNREACHED, UNREADABLE, Answer, Ask, Told
from loadtest.http_connections import BrokenOffError, Connections
from services.chassis.tls import Tls


class HttpCaller:
    """Connections to one URL, as many as there are calls at once."""

    def __init__(self, url: str, tls: Tls) -> None:
        self._connections = Connections(url, tls)

    def ask(self, ask: Ask, deadline: float) -> Answer:
        asker = (
            f"users/{_quoted(ask.user_id)}"
            if ask.user_id
            else f"sessions/{_quoted(ask.session_id)}"
        )
        query = {
            "k": str(ask.k),
            "placement": ask.placement,
            "context": [f"{name}:{value}" for name, value in ask.context.items()],
            "page_token": ask.page_token,
        }
        given = {name: value for name, value in query.items() if value}
        path = f"/v1/{asker}/recommendations?{urlencode(given, doseq=True)}"
        return self._called("GET", path, b"", deadline, _listed)

    def tell(self, told: Told, deadline: float) -> Answer:
        asker = {"user_id": told.user_id} if told.user_id else {"session_id": told.session_id}
        events = [
            {
                **asker,
                "event_id": uuid4().hex,
                "item_id": deed.item_id,
                "type": f"EVENT_TYPE_{deed.type.upper()}",
                "value": deed.value,
                "request_id": told.request_id,
            }
            for deed in told.deeds
        ]
        body = json.dumps({"events": events}).encode()
        return self._called("POST", "/v1/events", body, deadline, _recorded)

    def close(self) -> None:
        self._connections.close()

    def _called(
        self,
        method: str,
        path: str,
        body: bytes,
        deadline: float,
        answer: Callable[[Any], Answer],
    ) -> Answer:
        try:
            reply = self._connections.call(method, path, body, deadline)
        except TimeoutError:
            return Answer(LATE)
        except (OSError, BrokenOffError):
            return Answer(UNREACHED)
        return replace(_read(reply.status, reply.body, answer), resent=reply.resent)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _read(status: int, text: bytes, answer: Callable[[Any], Answer]) -> Answer:
    """Whatever is not of the gateway has an outcome too: a proxy between may answer anything."""
    try:
        body = json.loads(text)
        return answer(body) if status == 200 else _failed(body["error"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return Answer(UNREADABLE if status == 200 else f"HTTP {status}")


def _failed(error: Any) -> Answer:
    return Answer(str(error["status"]), delay_ms=error.get("retry_after_ms"))


def _listed(body: Any) -> Answer:
    return Answer(
        items=tuple(item["item_id"] for item in body["items"]),
        request_id=body["request_id"],
        page_token=body.get("next_page_token", ""),
        release=body["release"],
        degraded=tuple(
            f"{skipped['stage']} {skipped['reason'].removeprefix('REASON_')}"
            for skipped in body["degraded"]
        ),
    )


def _recorded(body: Any) -> Answer:
    return Answer("EVENTS_NOT_STORED") if body.get("errors") else Answer()
