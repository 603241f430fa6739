"""Every key in Redis is in docs/state.md and within its bound; an erased user leaves none."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import redis
from pydantic import SecretStr

from recstack import Event
from recstack.catalog_results import CatalogItem, User
from recstack.client import InvalidRequestError, NotFoundError
from recstack.results import Recommendations
from recstack.standalone import user_imports
from services.chassis.redis import open_redis
from services.domain.context import History
from services.domain.ids import item_key
from services.domain.user_state import UserImport
from services.rollout.leader import LeaderConfig
from services.rollout.rollouts import Rollouts
from tests.integration.whole import PATIENCE, Whole, whole_stack
from tests.redis import RedisServer, own_redis
from tests.releases import another_release, release, release_copy

__all__ = ["own_redis", "release", "release_copy"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "state.md"
ROW = re.compile(r"^\| `(.+?)` \| (\w+) \| .+? \| \w+ \| (.+?) \|$", re.MULTILINE)
SLACK = 200  # entries: Redis trims whole blocks
USER = "the user Zoë 4711"
PLAN = """
steps: [{percent: 50, seconds: 36000, requests: 1000000}, {percent: 100}]
guards: {errors: {}}
block_seconds: 0.5
"""


@dataclass(frozen=True)
class Documented:
    """A row of the table of keys."""

    key: str
    type: str
    bound: str

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """What its keys look like."""
        parts = re.split(r"<.+?>", self.key)
        return re.compile(b".+".join(re.escape(part).encode() for part in parts))


def documented() -> list[Documented]:
    return [Documented(*row) for row in ROW.findall(DOCUMENT.read_text("utf-8"))]


def row_of(key: bytes) -> Documented:
    """The most telling row for a key."""
    found = [row for row in documented() if row.pattern.fullmatch(key)]
    assert found, f"{key!r} is not in docs/state.md"
    return max(found, key=lambda row: len(row.key))


def within(raw: redis.Redis, key: bytes, bound: str, items: int) -> bool:
    """Whether a key keeps the bound of its row."""
    number = int((re.search(r"trimmed to ([\d,]+)", bound) or ["", "0"])[1].replace(",", ""))
    kilobytes = (re.search(r"^\d+ KB at most", bound) or ["0 KB"])[0]
    laws: dict[str, Callable[[], Any]] = {
        "expires": lambda: raw.ttl(key) > 0,
        "trimmed": lambda: number > 0 and raw.xlen(key) <= number + SLACK,
        "one value": lambda: raw.strlen(key) <= 20,
        kilobytes: lambda: raw.strlen(key) <= int(kilobytes.split()[0]) * 1024,
        "fixed fields": lambda: raw.hlen(key) <= 3,
        "a field an item": lambda: raw.hlen(key) <= items,
    }
    (law,) = [law for name, law in laws.items() if bound.startswith(name)]
    return bool(law())


async def until(done: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.05)


async def use(stack: Whole) -> Recommendations:
    """A bit of everything, with the user among others."""
    client = stack.client
    await client.put_users([User(USER, {"age": "24"}, ("comedy",)), User("other", {"age": "9"})])
    first = await client.recommend(USER, 5, context={"device": "tv"})
    for number in range(40):
        who = (USER, "other", f"user {number}")[number % 3]
        await client.recommend(who, 5)
        await client.recommend(session_id=f"session {number % 3}", k=3)
    shown = [item.item_id for item in first.items]
    events = [
        Event(who, item, kind, request_id=first.request_id)  # type: ignore[arg-type]
        for who in (USER, "other", *map(str, range(20)))
        for item in shown
        for kind in ("impression", "click", "like")
    ]
    assert (await client.record_events(events)).accepted == len(events)
    await client.put_items([CatalogItem(f"new {n}", "New", ("comedy",)) for n in range(5)])
    await client.hide_items(["new 1"])
    await client.delete_items(["new 2"])
    return first


async def test_every_key_is_documented_and_bounded(
    release_copy: Path,
    own_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    another_release(release_copy, "canary")
    async with (
        whole_stack(release_copy, own_redis, tmp_path, monkeypatch) as stack,
        open_redis(SecretStr(own_redis.url), timeout=PATIENCE, retries=0) as client,
        Rollouts(client, LeaderConfig("one")) as rollouts,
    ):
        await use(stack)
        await until(lambda: rollouts.leads)
        await rollouts.start("canary", PLAN, "", "ann")
        async with user_imports(own_redis.url) as imports:
            await imports.add("a data set", [imported("another")], last=True)
        await stack.client.erase_users(["other"])
        await until(lambda: stack.redis.exists("statistics"))
        await until(lambda: stack.redis.exists("requests:0:files"))
        await until(lambda: stack.redis.exists("rollout:looks"))
        keys = list(stack.redis.scan_iter())
        rows = {key: row_of(key) for key in keys}
        for key, row in rows.items():
            if not stack.redis.exists(key):
                continue  # a lease that nobody needed any more
            assert stack.redis.type(key).decode() == row.type, key
            assert within(stack.redis, key, row.bound, items=100), key
    missing = {row.key for row in documented()} - {row.key for row in rows.values()}
    assert not missing, "these are in docs/state.md alone"


async def test_an_erased_user_leaves_nothing(
    release: Path,
    own_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with whole_stack(release, own_redis, tmp_path, monkeypatch) as stack:
        first = await use(stack)
        export = await stack.client.export_user(USER)
        assert export.user == User(USER, {"age": "24"}, ("comedy",))
        assert len(export.events) == 10
        assert all(event.item.item_id for event in export.events)
        assert {item.item_id for item in first.items} <= {i.item_id for i in export.shown}
        assert stack.redis.exists(f"{{u:{USER}}}")
        erased = await stack.client.erase_users([USER])
        assert (erased.changed, erased.errors) == (1, ())
        assert not [key for key in stack.redis.scan_iter() if holds(stack.redis, key)]
        with pytest.raises(NotFoundError, match="nothing is stored of this user"):
            await stack.client.export_user(USER)
        async with user_imports(own_redis.url) as imports:
            await imports.add("a data set", [imported(USER)], last=True)
        answer = await stack.client.recommend(USER, 5)
        assert answer.cold_start
        assert {item.item_id for item in answer.items} & {item.item_id for item in first.items}
        again = await stack.client.erase_users([USER])
        assert again.changed == 1, "what the last list showed"
        for kind in ("events", "requests"):
            folder = stack.log / kind
            await until(lambda: list(folder.rglob("*.parquet")))  # noqa: B023 - ends at once
            files = list(folder.rglob("*.parquet"))
            assert not [file for file in files if USER in str(pq.read_table(file).to_pylist())]


def holds(raw: redis.Redis, key: bytes) -> bool:
    """Whether the user's id is in a key, or anywhere in what it holds."""
    read: dict[bytes, Callable[[], Any]] = {
        b"hash": lambda: raw.hgetall(key),
        b"zset": lambda: raw.zrange(key, 0, -1),
        b"stream": lambda: raw.xrange(key),
        b"string": lambda: raw.get(key),
        b"none": lambda: None,
    }
    text = repr((key, read[raw.type(key)]()))
    return repr(USER.encode())[2:-1] in text


def imported(user: str) -> UserImport:
    keys = np.array([item_key("i0001")], np.uint64)
    history = History(
        keys, np.array([1], np.uint32), np.array([2], np.uint8), np.zeros(1, np.float32)
    )
    return UserImport(user, {"age": "24"}, history, keys)


async def test_seen_on_impression(
    release: Path,
    own_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on = {"seen_on": "impression"}
    async with whole_stack(release, own_redis, tmp_path, monkeypatch, **on) as stack:
        first = await stack.client.recommend("u", 5)
        again = await stack.client.recommend("u", 5)
        assert [item.item_id for item in again.items] == [item.item_id for item in first.items]
        assert not stack.redis.exists("{u:u}")
        looked_at = first.items[0].item_id
        await stack.client.record_events([Event("u", looked_at, "impression")])
        after = await stack.client.recommend("u", 5)
        assert looked_at not in [item.item_id for item in after.items]
        assert {item.item_id for item in first.items[1:]} & {i.item_id for i in after.items}
        assert after.cold_start, "an impression is no history"


async def test_pages_of_the_whole_stack(
    release: Path,
    own_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with whole_stack(release, own_redis, tmp_path, monkeypatch) as stack:
        shown: list[str] = []
        page = await stack.client.recommend(session_id="s", k=10)
        while page.next_page_token:
            shown += [item.item_id for item in page.items]
            own_redis_marks = stack.redis.delete("{u:session:s}")
            assert own_redis_marks == 1, "pages do not need the marks"
            token = page.next_page_token
            page = await stack.client.recommend(session_id="s", k=10, page_token=token)
        shown += [item.item_id for item in page.items]
        assert len(shown) == len(set(shown)) > 20
        with pytest.raises(InvalidRequestError, match="page_token: it was given to another"):
            await stack.client.recommend("s", k=10, page_token=token)
        nothing = await stack.client.recommend("u", 5, tags=["unheard of"], categories=["comedy"])
        assert (nothing.items, nothing.degraded) == ((), ())
