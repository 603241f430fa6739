"""Releases of running services: loaded beside the one that serves, refused, unloaded."""

import asyncio
import fcntl
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis.asyncio
from pydantic import SecretStr
from typer.testing import CliRunner

from models.schema import layout
from models.schema.manifest import Manifest, ReleaseError, hash_files
from recstack.cli import app
from recstack.cli.failure import Failure
from services.chassis import log
from services.chassis.channel import open_channel
from services.chassis.errors import InvalidArgumentError, StartupError
from services.domain.context import RequestContext
from services.domain.outcome import Reason
from services.domain.stages import RerankQuery
from services.domain.traffic import Policy
from services.inference.client import ReleaseClient
from services.inference.holder import (
    HolderAwayError,
    NoSuchReleaseError,
    ReleaseInUseError,
    ReleaseState,
)
from services.rerank.client import rerank_client
from tests.integration.stack import Stack, running
from tests.integration.whole import whole_stack
from tests.redis import RedisServer, free_port, own_redis
from tests.releases import another_release, release, release_copy
from tests.traffic import publish

__all__ = ["own_redis", "release", "release_copy"]

PATIENCE = 60.0
TOKEN = "0123456789abcdef"
STAGES = ("recall", "prerank", "rank", "rerank")
HOLDERS = ("gateway", *STAGES)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Services are in the process of the commands, and would write where those do."""
    with log.only("critical"):
        yield


@asynccontextmanager
async def holder(stack: Stack, name: str) -> AsyncIterator[ReleaseClient]:
    async with open_channel(f"127.0.0.1:{stack.servers[name].port}") as channel:
        yield ReleaseClient(channel, PATIENCE)


async def ended(client: ReleaseClient, release: str) -> tuple[ReleaseState, str]:
    """How loading ended."""
    async with asyncio.timeout(PATIENCE):
        while True:
            records = {record.release: record for record in await client.list()}
            record = records[release]
            if record.state is not ReleaseState.LOADING:
                return record.state, record.reason
            await asyncio.sleep(0.02)


async def test_every_stage_loads_a_release_beside_the_one_that_serves(
    release_copy: Path, own_redis: RedisServer
) -> None:
    other = another_release(release_copy, "other")
    broken = another_release(release_copy, "broken")
    graph = broken / layout.USER_TOWER
    graph.write_bytes(graph.read_bytes()[:-1])
    async with running(release_copy, own_redis) as stack:
        for name in STAGES:
            async with holder(stack, name) as client:
                (start,) = await client.list()
                assert (start.release, start.state) == (release_copy.name, ReleaseState.LOADED)
                assert (await client.load(other.name)).release == other.name
                await client.load(broken.name)
                assert await ended(client, other.name) == (ReleaseState.LOADED, "")
                state, reason = await ended(client, broken.name)
                assert state is ReleaseState.REFUSED
                assert f"{layout.USER_TOWER} was changed" in reason
                with pytest.raises(NoSuchReleaseError, match="no release nothing in"):
                    await client.load("nothing")
                with pytest.raises(InvalidArgumentError, match=r"release: '\.\./x' is not the id"):
                    await client.load("../x")
                with pytest.raises(ReleaseInUseError, match="stands on release"):
                    await client.unload(release_copy.name)
                with pytest.raises(NoSuchReleaseError, match="release nothing is not loaded"):
                    await client.unload("nothing")
            assert not (await stack.recommend(f"user of {name}", k=5)).degraded


async def test_queries_find_a_release_while_it_is_loaded(
    release_copy: Path, own_redis: RedisServer
) -> None:
    other = another_release(release_copy, "other").name
    rows = np.arange(3, dtype=np.int32)
    query = RerankQuery(
        other, RequestContext(now=0), rows, np.ones(3, np.float32), k=2, remaining=PATIENCE
    )
    async with (
        running(release_copy, own_redis) as stack,
        holder(stack, "rerank") as client,
        open_channel(f"127.0.0.1:{stack.servers['rerank'].port}") as channel,
    ):

        async def failure() -> Reason | None:
            (outcome,) = await rerank_client(channel).call([query], PATIENCE)
            return outcome.failure.reason if outcome.failure else None

        assert await failure() is Reason.RELEASE_NOT_LOADED
        await client.load(other)
        await ended(client, other)
        assert await failure() is None
        await client.unload(other)
        assert await failure() is Reason.RELEASE_NOT_LOADED
        await client.load(other)
        await ended(client, other)
        await client.unload(release_copy.name, instead=other)
        assert await failure() is None


async def test_what_most_people_wait_for_does_not_wait_for_other_processes(
    release_copy: Path, own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, usual, urgent = (another_release(release_copy, name).name for name in "abc")
    async with running(release_copy, own_redis) as stack, holder(stack, "rank") as client:
        await client.load(first)
        await ended(client, first)
        (lock,) = tmp_path.glob("recstack-background-*.lock")
        with lock.open() as taken:
            fcntl.flock(taken, fcntl.LOCK_EX)
            await client.load(usual)
            await client.load(urgent, urgent=True)
            assert await ended(client, urgent) == (ReleaseState.LOADED, "")
            assert (await client.list())[-2].state is ReleaseState.LOADING
        assert await ended(client, usual) == (ReleaseState.LOADED, "")


async def test_nobody_at_the_address() -> None:
    async with open_channel(f"127.0.0.1:{free_port()}") as channel:
        with pytest.raises(HolderAwayError, match="UNAVAILABLE"):
            await ReleaseClient(channel, PATIENCE).list()


async def test_no_list_suffers_from_a_release_that_is_loaded(
    release_copy: Path, own_redis: RedisServer
) -> None:
    other = another_release(release_copy, "other").name
    async with running(release_copy, own_redis) as stack, holder(stack, "rank") as client:
        await client.load(other)
        state, asked = ReleaseState.LOADING, 0
        while state is ReleaseState.LOADING or asked < 10:
            assert not (await stack.recommend(f"user {asked}", k=5)).degraded
            asked, state = asked + 1, (await client.list())[-1].state
        assert state is ReleaseState.LOADED


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a gateway with AdminService, which commands then find."""
    file, port = tmp_path / "admin.token", free_port()
    file.write_text(TOKEN)
    monkeypatch.setenv("RECSTACK_ADMIN_TOKEN_FILE", str(file))
    monkeypatch.setenv("RECSTACK_ADMIN_ADDRESS", f"127.0.0.1:{port}")
    return {"admin_port": port, "admin_token": SecretStr(TOKEN)}


async def run(*arguments: str) -> str:
    """What a command prints."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["release", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


async def held() -> dict[str, dict[str, str]]:
    """Holder → release → state, as the command tells."""
    (told,) = json.loads(await run("list", "--json")).values()
    return {
        one["holder"]: {each["release"]: each["state"] for each in one["releases"]}
        for one in told["holders"]
    }


async def by_hand() -> dict[str, list[str]]:
    """Holder → what it was told by hand, as the command tells."""
    (told,) = json.loads(await run("list", "--json")).values()
    return {
        one["holder"]: [each["release"] for each in one["releases"] if each["by_hand"]]
        for one in told["holders"]
    }


def everywhere(*releases: str) -> dict[str, dict[str, str]]:
    return {holder: dict.fromkeys(releases, "loaded") for holder in HOLDERS}


async def works_through_commands(releases: Path, start: str, other: str) -> None:
    assert await held() == everywhere(start)
    assert await run("load", other) == f"release {other} is loaded everywhere\n"
    assert await held() == everywhere(start, other)
    assert await by_hand() == {one: [other] for one in HOLDERS}
    assert f"{start} (start)" in await run("list")
    with pytest.raises(Failure, match=r"FAILED_PRECONDITION: the service stands on release"):
        await run("unload", start)
    with pytest.raises(Failure, match=r"NOT_FOUND: no release nothing in .*: there are"):
        await run("load", "nothing")
    with pytest.raises(Failure, match=r"NOT_FOUND: release nothing is not loaded"):
        await run("unload", "nothing")
    with pytest.raises(Failure, match=r"INVALID_ARGUMENT: release: '\.\./x' is not the id"):
        await run("load", "../x")
    with pytest.raises(Failure, match=r"INVALID_ARGUMENT: instead: release nothing is not loaded"):
        await run("unload", start, "--instead", "nothing")
    with pytest.raises(Failure, match="FAILED_PRECONDITION: this gateway answers from release"):
        await run("unload", start, "--instead", other)
    broken = another_release(releases / start, "broken")
    (broken / layout.RANK).write_bytes(b"")
    with pytest.raises(Failure, match=r"is refused: gateway: .*rank\.onnx was changed.*; rank:"):
        await run("load", broken.name)
    assert (await held())["rank"][broken.name] == "refused"
    assert await run("unload", broken.name) == "release broken is unloaded\n"
    assert await run("unload", other) == f"release {other} is unloaded\n"
    assert await held() == everywhere(start)


async def test_commands_reach_every_service(
    release_copy: Path, own_redis: RedisServer, admin: dict[str, Any]
) -> None:
    other = another_release(release_copy, "other").name
    async with running(release_copy, own_redis, **admin) as stack:
        await works_through_commands(release_copy.parent, release_copy.name, other)
        assert not (await stack.recommend("u", k=5)).degraded
        await stack.servers["rank"].drain(0)
        with pytest.raises(Failure, match="rank: UNAVAILABLE"):
            await run("load", other)


async def test_commands_reach_every_stage_of_a_worker(
    release_copy: Path,
    own_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    admin: dict[str, Any],
) -> None:
    other = another_release(release_copy, "other").name
    async with whole_stack(release_copy, own_redis, tmp_path, monkeypatch, **admin) as stack:
        await works_through_commands(release_copy.parent, release_copy.name, other)
        assert not (await stack.client.recommend("u", k=5)).degraded


async def test_what_traffic_names_is_loaded_and_stays(
    release_copy: Path, own_redis: RedisServer, admin: dict[str, Any]
) -> None:
    start, other = release_copy.name, another_release(release_copy, "other").name
    third = another_release(release_copy, "third").name
    async with (
        redis.asyncio.Redis(port=own_redis.port) as leader,
        running(release_copy, own_redis, **admin),
    ):
        await publish(leader, Policy(1, start, canary=other))
        async with asyncio.timeout(PATIENCE):
            while await held() != everywhere(start, other):
                await asyncio.sleep(0.1)
        with pytest.raises(Failure, match="FAILED_PRECONDITION: traffic names release other"):
            await run("unload", other)
        with pytest.raises(Failure, match=f"FAILED_PRECONDITION: traffic names release {start}"):
            await run("unload", start, "--instead", other)
        await publish(leader, Policy(2, start, canary=third))
    async with running(release_copy, own_redis, **admin):  # it serves when it has loaded it
        assert await held() == everywhere(start, third)


async def test_a_current_release_that_is_damaged_stops_no_gateway_that_traffic_gives_another(
    release_copy: Path, own_redis: RedisServer
) -> None:
    broken = another_release(release_copy, "broken")
    (broken / layout.RANK).write_bytes(b"")
    (release_copy.parent / "current").write_text(broken.name)
    current = {"release": ""}
    with pytest.raises(StartupError, match=r"rank\.onnx was changed"):
        async with running(release_copy, own_redis, **current):
            pass
    async with redis.asyncio.Redis(port=own_redis.port) as leader:
        await publish(leader, Policy(1, release_copy.name))
    async with running(release_copy, own_redis, **current) as stack:
        answer = await stack.recommend("u", k=5)
        assert (answer.release, list(answer.degraded)) == (release_copy.name, [])


async def test_commands_with_a_wrong_token_learn_nothing(
    release_copy: Path, own_redis: RedisServer, admin: dict[str, Any], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.token"
    wrong.write_text(TOKEN[::-1])
    async with running(release_copy, own_redis, **admin):
        for command in (["list"], ["load", "other"], ["unload", release_copy.name]):
            with pytest.raises(Failure, match="UNAUTHENTICATED"):
                await run(*command, "--token-file", str(wrong))
        assert await held() == everywhere(release_copy.name)


async def test_a_folder_is_shown_verified_and_compared(release_copy: Path) -> None:
    releases = ("--releases", str(release_copy.parent))
    shown = json.loads(await run("show", *releases, "--json"))
    assert shown["id"] == release_copy.name
    assert layout.RANK in await run("show", release_copy.name, *releases)
    assert f"release {release_copy.name} may serve" in await run("verify", *releases)
    other = another_release(release_copy, "other")
    pairs = json.loads(await run("diff", release_copy.name, "other", *releases, "--json"))
    assert {pair["overlap"] for pair in pairs} == {1.0}
    assert any(len(pair["history"]) > 1 for pair in pairs)
    scores = np.load(other / layout.RANK_ITEMS)
    np.save(other / layout.RANK_ITEMS, scores[::-1])
    manifest = Manifest.read(other)
    with pytest.raises(ReleaseError, match=r"rank/items\.npy was changed"):
        await run("verify", "other", *releases)
    replace(manifest, files=hash_files(other)).write(other)
    text = await run("diff", release_copy.name, "other", *releases, "--users", "30")
    assert "30 users" in text
    worse = json.loads(await run("diff", release_copy.name, "other", *releases, "--json"))
    assert np.mean([pair["overlap"] for pair in worse]) < 0.9
