"""The commands on users, sessions and lists against a running stack, as people type them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recstack.cli import app
from recstack.cli.failure import Failure
from tests.integration.whole import Whole, whole_stack
from tests.redis import RedisServer, own_redis
from tests.releases import release

__all__ = ["own_redis", "release"]


@pytest.fixture
async def stack(
    release: Path, own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Whole]:
    async with whole_stack(release, own_redis, tmp_path, monkeypatch) as running:
        monkeypatch.setenv("RECSTACK_ADDRESS", running.address)
        yield running


async def run(*arguments: str) -> str:
    """What a command prints."""
    result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.output


async def run_json(*arguments: str) -> Any:
    return json.loads(await run(*arguments, "--json"))


async def test_users(stack: Whole, tmp_path: Path) -> None:
    said = await run("user", "put", "--user", "7", "--attribute", "age=24", "--preference", "even")
    assert said == "stored: 1 of 1 users\n"
    export = json.loads(await run("user", "export", "7"))
    assert export["user"] == {"user_id": "7", "profile": {"age": "24"}, "preferences": ["even"]}
    file = tmp_path / "users.jsonl"
    file.write_text('{"user_id": "8", "profile": {"age": "9"}}\n\n{"user_id": "9"}\n')
    assert await run("user", "put", str(file)) == "stored: 2 of 2 users\n"
    assert json.loads(await run("user", "export", "8"))["user"]["profile"] == {"age": "9"}
    assert await run("user", "erase", "7", "8") == "erased: 2 of 2 users\n"
    with pytest.raises(Failure, match="nothing is stored of this user"):
        await run("user", "export", "7")


async def test_users_that_are_wrong(stack: Whole, tmp_path: Path) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, app, ["user", "erase", "7", "8"])
    assert str(result.exception) == "2 users were not erased"
    assert "user 8: user_id: nothing is stored of this user" in result.output
    file = tmp_path / "users.jsonl"
    file.write_text(f'{{"user_id": "1"}}\n{{"user_id": "{"u" * 257}"}}\n')
    result = await asyncio.to_thread(CliRunner().invoke, app, ["user", "put", str(file)])
    assert str(result.exception) == "1 users were not stored"
    assert "stored: 1 of 2 users" in result.output
    assert "user_id: at most 256 bytes" in result.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: Expecting property name"),
        ('{"user": "7"}', "line 1: unknown field 'user'"),
        ('{"profile": {}}', "line 1: no user_id"),
        ('{"user_id": 7}', "line 1: ids, names and values must be strings"),
        ('{"user_id": "7", "profile": {"age": 24}}', "line 1: ids, names and values"),
        ('{"user_id": "7", "profile": ["age"]}', "line 1: profile must be an object"),
        ('{"user_id": "7", "preferences": "Drama"}', "line 1: .* preferences a list"),
        ("[]", "line 1: not an object"),
        ("", "has no users"),
    ],
)
async def test_files_that_are_wrong(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "users.jsonl"
    file.write_text(line)
    with pytest.raises(Failure, match=f"users.jsonl.*{message}"):
        await run("user", "put", str(file))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["user", "put"], "give a FILE or --user"),
        (["user", "put", "users.jsonl", "--user", "7"], "give a FILE or --user"),
        (["user", "put", "users.jsonl", "--attribute", "a=b"], "go with --user"),
        (["user", "put", "--user", "7", "--attribute", "age"], "--attribute: 'age' is not name"),
        (["user", "put", "absent.jsonl"], "absent.jsonl cannot be read"),
        (["recommend"], "give --user or --session"),
        (["recommend", "--user", "7", "--session", "7"], "give --user or --session"),
        (["recommend", "--user", "7", "--context", "=x"], "--context: '=x' is not name=value"),
        (["event", "--item", "1"], "give --user or --session"),
        (["explain"], "give --user or --session"),
        (["recommend", "--user", "7", "--k", "9" * 20], "this cannot be sent"),
        (["user", "export", "\udcff"], "this cannot be sent"),
    ],
)
async def test_arguments_that_are_wrong(arguments: list[str], message: str) -> None:
    with pytest.raises(Failure, match=message):
        await run(*arguments)


async def test_lists_and_events_of_a_session(stack: Whole) -> None:
    first = await run_json("recommend", "--session", "s", "--k", "3", "--context", "device=tv")
    shown = [item["item_id"] for item in first["items"]]
    token = first["next_page_token"]
    with pytest.raises(Failure, match="page_token: it belongs to another request"):
        await run("recommend", "--session", "s", "--page-token", token)
    more = ("--context", "device=tv", "--page-token", token)
    second = await run_json("recommend", "--session", "s", "--k", "3", *more)
    assert not set(shown) & {item["item_id"] for item in second["items"]}
    said = await run("event", "--session", "s", "--item", shown[0], "--type", "like")
    assert said == f"stored: session s, like, item {shown[0]}\n"
    export = json.loads(await run("user", "export", "session:s"))
    assert [event["type"] for event in export["events"]] == ["like"]
    assert "session s" in await run("explain", "--session", "s")
    assert "session s" in await run("recommend", "--session", "s")


async def test_filters(stack: Whole) -> None:
    everything = await run_json("recommend", "--user", "7", "--k", "20")
    category = everything["items"][0]["categories"][0]
    excluded = [item["item_id"] for item in everything["items"][:2]]
    options = [part for item in excluded for part in ("--exclude", item)]
    some = await run_json("recommend", "--user", "8", "--category", category, *options)
    assert some["items"]
    assert all(category in item["categories"] for item in some["items"])
    assert not set(excluded) & {item["item_id"] for item in some["items"]}
    nothing = await run_json("recommend", "--user", "8", "--tag", "unheard of")
    assert (nothing["items"], nothing["degraded"]) == ([], [])
