"""Calls as JSON over HTTP, for greenlets: the client under locust's FastHttpUser."""

import json
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from geventhttpclient.client import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed

from loadtest.calls import LATE, UNREACHED, Answer, Ask, Told
from services.chassis.tls import Tls, client_context

CONNECTIONS = 256  # kept open at most; HTTP/1.1 has one call at a time on each


class HttpCaller:
    """Connections to one URL, as many as there are calls at once."""

    def __init__(self, url: str, deadline: float, tls: Tls) -> None:
        secure = {"ssl_context_factory": lambda: client_context(tls)} if tls.calls else {}
        self._client = HTTPClient.from_url(
            url,
            concurrency=CONNECTIONS,
            connection_timeout=deadline,
            network_timeout=deadline,
            **secure,
        )

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
        code, body, answer = self._called("GET", path)
        return _listed(body) if code == 200 else answer

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
        code, body, answer = self._called("POST", "/v1/events", json.dumps({"events": events}))
        if code != 200:
            return answer
        return Answer("EVENTS_NOT_STORED") if body.get("errors") else Answer()

    def close(self) -> None:
        self._client.close()

    def _called(self, method: str, path: str, body: str = "") -> tuple[int, Any, Answer]:
        """Status, 0 when there is none; the JSON; and the answer of a call that failed."""
        headers = {"content-type": "application/json"} if body else {}
        try:
            response = self._sent(method, path, body.encode(), headers)
            text = response.read()
        except TimeoutError:
            return 0, {}, Answer(LATE)
        except (OSError, HTTPConnectionClosed):
            return 0, {}, Answer(UNREACHED)
        try:
            given = json.loads(text)
        except ValueError:  # not the gateway's own words
            given = {}
        return response.status_code, given, _failed(response.status_code, given)

    def _sent(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        """A POST is sent again when the server had closed the idle connection it went to: every
        event has an id, so that it counts once."""
        try:
            return self._client.request(method, path, body, headers)
        except HTTPConnectionClosed:
            return self._client.request(method, path, body, headers)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _failed(code: int, body: Any) -> Answer:
    error = body.get("error", {})
    return Answer(error.get("status", f"HTTP {code}"), delay_ms=error.get("retry_after_ms"))


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
