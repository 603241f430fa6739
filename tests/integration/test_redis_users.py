"""Each service works as its own user of Redis, and none of them can touch what is another's."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from recstack.redis_server import Access
from recstack.redis_users import OPERATOR, USERS, password_file, write_users
from recstack.served_log import READER, LogPlace
from recstack.standalone import user_imports
from recstack.workspace import Workspace
from services.chassis.errors import StartupError
from services.chassis.redis import Login, open_redis, read_password
from services.items.record import Item
from services.items.store import ItemStore
from services.rollout.leader import LeaderConfig
from services.rollout.rollouts import Rollouts
from tests.integration.test_state import documented, imported, until, use
from tests.integration.whole import whole_stack
from tests.redis import RedisServer, running
from tests.releases import release

__all__ = ["release"]

SERVICES = [user.name for user in USERS if user.name != OPERATOR]
# A key of each row of docs/state.md, and who may touch it; everybody else may not.
OWNERS = {
    "{u:196}": {"feature_store"},
    "users:erased": {"feature_store"},
    "import:movies": {"feature_store"},
    "items:table": {"gateway", "recall"},
    "items:stream": {"gateway", "recall"},
    "items:version": {"gateway", "recall", "feature_store"},
    "events:0": {"events", "feature_store"},
    "events:0:added": {"events", "feature_store"},
    "events:0:items": {"events"},
    "events:0:counters": {"events"},
    "events:0:files": {"events"},
    "events:0:counters:lease": {"events"},
    "events:0:files:lease": {"events"},
    "requests:0": {"events", "gateway"},
    "requests:0:added": {"events", "gateway"},
    "requests:0:files": {"events"},
    "requests:0:files:lease": {"events"},
    "publisher": {"events"},
    "publisher:lease": {"events"},
    "statistics": {"events", "recall"},
    "rollout:leader": {"rollout"},
    "rollout:record": {"rollout"},
    "rollout:log": {"rollout"},
    "rollout:looks": {"rollout"},
    "traffic:policy": {"gateway", "rollout"},
    "traffic:lease": {"gateway", "rollout"},
    "traffic:gateways": {"gateway", "rollout"},
    "traffic:gateway:one": {"gateway", "rollout"},
}
WRITES = (
    ("SET", "KEY", "x"),
    ("EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "KEY"),
    ("HSET", "KEY", "field", "x"),
    ("XADD", "KEY", "*", "e", "x"),
    ("DEL", "KEY"),
)
DANGEROUS = (
    ("FLUSHALL",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("CONFIG", "GET", "dir"),
    ("ACL", "LIST"),
    ("DEBUG", "SLEEP", "0"),
    ("SHUTDOWN", "NOSAVE"),
    ("REPLICAOF", "NO", "ONE"),
    ("MONITOR",),
    ("CLIENT", "LIST"),
    ("EVAL", "return redis.call('KEYS', '*')", "0"),
)


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their folder."""
    return tmp_path_factory.mktemp("var") / "secrets"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, passwords: Path) -> Iterator[RedisServer]:
    """A server with the users of a stack."""
    users = write_users(passwords)
    operator = read_password(password_file(passwords, OPERATOR))
    with running(
        tmp_path_factory.mktemp("redis"), password=operator, access=Access(users)
    ) as started:
        yield started


def client(
    server: RedisServer, passwords: Path, user: str, password: str | None = None
) -> "redis.Redis":
    """`password`: instead of the right one."""
    if password is None:
        password = read_password(password_file(passwords, user))
    return redis.Redis(
        port=server.port,
        username=user,
        password=password,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
    )


async def test_every_service_can_do_its_work(
    release: Path,
    server: RedisServer,
    passwords: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for user in ("feature_store", "recall", "events"):
        monkeypatch.setenv(f"RECSTACK_{user.upper()}_REDIS_USER", user)
        file = str(password_file(passwords, user))
        monkeypatch.setenv(f"RECSTACK_{user.upper()}_REDIS_PASSWORD_FILE", file)
    told = {"redis_user": "gateway", "redis_password_file": password_file(passwords, "gateway")}
    raw = client(server, passwords, OPERATOR)
    raw.flushall()
    raw.acl_log_reset()
    async with whole_stack(release, server, tmp_path, monkeypatch, **told) as stack:
        await use(stack)
        async with user_imports(server.url) as imports:
            assert not await imports.done("a data set")
            await imports.add("a data set", [imported("another")], last=True)
        await stack.client.erase_users(["other"])
        await stack.client.export_user("another")
        await stack.client.similar_items("i0001")
        await until(lambda: raw.exists("statistics"))
        await until(lambda: raw.exists("requests:0:files"))
        login = Login("rollout", password_file(passwords, "rollout"))
        async with (
            open_redis(SecretStr(server.url), login) as own,
            Rollouts(own, LeaderConfig("one")) as rollouts,
        ):
            await until(lambda: rollouts.leads)
            await rollouts.start_shadow("another", 5, 1, "ann")
            assert await rollouts.decisions(10)
            connected = {connection["user"] for connection in raw.client_list()}
        assert connected == {*SERVICES, OPERATOR}
    assert raw.acl_log() == [], "nothing was refused"


def test_the_table_here_has_every_key_of_the_document() -> None:
    assert [row.key.replace("<p>", "0") for row in documented()] == [
        key.replace("{u:196}", "{u:<user id>}")
        .replace("movies", "<fingerprint>")
        .replace(":one", ":<id>")
        for key in OWNERS
    ]


@pytest.mark.parametrize("user", SERVICES)
def test_a_service_cannot_touch_keys_of_others(
    server: RedisServer, passwords: Path, user: str
) -> None:
    operator, service = client(server, passwords, OPERATOR), client(server, passwords, user)
    for key, owners in OWNERS.items():
        operator.set(key, "value")
        if user in owners:
            assert service.get(key) == b"value"
            continue
        for refused in (("GET", "KEY"), ("HMGET", "KEY", "profile"), *WRITES):
            with pytest.raises(redis.exceptions.NoPermissionError):
                service.execute_command(*(key if word == "KEY" else word for word in refused))
        assert operator.get(key) == b"value"


@pytest.mark.parametrize("user", SERVICES)
def test_a_service_cannot_do_what_is_for_operators(
    server: RedisServer, passwords: Path, user: str
) -> None:
    service = client(server, passwords, user)
    for command in DANGEROUS:
        with pytest.raises(redis.ResponseError, match=r"(?i)permission|can't run this command"):
            service.execute_command(*command)


def test_recall_writes_nothing(server: RedisServer, passwords: Path) -> None:
    recall = client(server, passwords, "recall")
    for key in ("items:table", "statistics"):
        for refused in WRITES:
            with pytest.raises(redis.exceptions.NoPermissionError):
                recall.execute_command(*(key if word == "KEY" else word for word in refused))


def test_commands_read_the_items_of_a_stack_that_runs_and_nothing_else(
    server: RedisServer, passwords: Path
) -> None:
    workspace = Workspace(passwords.parent)
    place = LogPlace(key_file=passwords / "pseudonym.key")
    assert place.items() == [], "no stack runs"
    workspace.announce({"redis": [server.url]})
    client(server, passwords, OPERATOR).flushall()
    assert place.items() == []
    asyncio.run(put_item(server, passwords))
    assert [record.item_id for record in place.items()] == ["new"]
    password_file(passwords, READER).rename(passwords / "away")
    with pytest.raises(StartupError, match="password"):
        place.items()
    (passwords / "away").rename(password_file(passwords, READER))


async def put_item(server: RedisServer, passwords: Path) -> None:
    """As the gateway does."""
    login = Login("gateway", password_file(passwords, "gateway"))
    async with open_redis(SecretStr(server.url), login) as gateway:
        assert await ItemStore(gateway).put([Item("new", "New")], 1) == [None]


def test_nobody_comes_in_without_a_password(server: RedisServer, passwords: Path) -> None:
    with pytest.raises(redis.AuthenticationError):
        client(server, passwords, "", "").ping()
    with pytest.raises(redis.AuthenticationError):
        client(server, passwords, "recall", "guessed").ping()
    probe = client(server, passwords, "probe", "any")
    assert probe.ping()
    with pytest.raises(redis.exceptions.NoPermissionError):
        probe.get("statistics")


def test_a_password_is_changed_without_a_restart(server: RedisServer, passwords: Path) -> None:
    file = password_file(passwords, "recall")
    before = read_password(file)
    file.unlink()
    write_users(passwords)
    client(server, passwords, OPERATOR).acl_load()
    assert read_password(file) != before
    assert client(server, passwords, "recall").ping()
    with pytest.raises(redis.AuthenticationError):
        client(server, passwords, "recall", before).ping()


def test_files_are_for_their_owner_and_the_list_of_users_holds_no_password(
    passwords: Path,
) -> None:
    users = write_users(passwords)
    text = users.read_text()
    assert write_users(passwords).read_text() == text, "passwords stay"
    for file in passwords.iterdir():
        assert file.stat().st_mode & 0o077 == 0
    for user in USERS:
        assert read_password(password_file(passwords, user.name)) not in text
