"""The OpenAPI document: what somebody who generates a client from it relies on."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.gateway.http.app import make_app
from tests.unit.gateway.world import World

METHODS = {"get", "put", "post", "delete"}


@pytest.fixture
def document(world: World) -> dict[str, Any]:
    return make_app(world.gateway, CollectorRegistry(), worker=1).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and operation of each call that clients make."""
    for path, methods in document["paths"].items():
        for method in methods.keys() & METHODS:
            if path.startswith("/v1/"):
                yield path, methods[method]


def test_operation_ids_are_names_of_their_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert sorted(ids) == [
        "delete_item",
        "erase_user",
        "expire_item",
        "explain",
        "explain_session",
        "export_user",
        "get_item",
        "hide_item",
        "put_item",
        "put_user",
        "recommend",
        "recommend_session",
        "record_events",
        "show_item",
        "similar_items",
    ]


def test_every_call_is_told_in_full(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for path, operation in operations(document):
        assert operation["description"], path
        assert set(operation["tags"]) <= tags, path
        assert {"200", "400", "408", "429", "503", "default"} <= operation["responses"].keys(), path
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], path
        if body := operation.get("requestBody"):
            schema = body["content"]["application/json"]["schema"]
            name = schema["$ref"].rpartition("/")[2]
            assert document["components"]["schemas"][name]["examples"], path


def test_failures_have_one_form_an_example_and_headers(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert answer["description"], (path, status)
            assert "x-request-id" in answer["headers"], (path, status)
            if status != "200":
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}
                assert content["example"]["error"].keys() >= {"status", "field", "message"}
        assert "Retry-After" in operation["responses"]["429"]["headers"]


def test_limits_are_told(document: dict[str, Any]) -> None:
    found = dict(operations(document))
    of = {p["name"]: p for p in found["/v1/users/{user_id}/recommendations"]["parameters"]}
    assert (of["k"]["schema"]["minimum"], of["k"]["schema"]["maximum"]) == (1, 100)
    assert of["user_id"]["schema"]["maxLength"] == 256
    assert of["exclude"]["schema"]["maxItems"] == 1000
