"""The users of Redis: which keys a service may touch, and by which commands.

Redis asks for both: a user does what one of its commands does to one of its keys. What a script
calls is asked for as if the service had called it.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from recstack.secrets import key_file
from services.chassis.errors import StartupError
from services.chassis.redis import read_password

ACL_FILE = "users.acl"
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class RedisUser:
    """What a user may do.

    Attributes:
        name: of the user, and of the service.
        keys: patterns of its keys, as KEYS takes them.
        commands: that it may use; +@all: every one.
    """

    name: str
    keys: tuple[str, ...]
    commands: tuple[str, ...]


_CONNECT = ("ping", "select")
_SCRIPTS = ("eval", "evalsha", "script|load")
_ITEM_TABLE = ("xrange", "xrevrange", "hscan")

# Who touches what state, and nobody else. prerank, rank and rerank touch no Redis.
USERS = (
    RedisUser(
        "feature_store",
        ("{u:*", "users:erased", "import:*", "events:[0-9]", "events:[0-9]:added", "items:version"),
        (
            *_CONNECT,
            *_SCRIPTS,
            *("get", "set", "mset", "exists", "expire", "del", "time"),
            *("hget", "hmget", "hset", "bitop", "bitcount"),
            *("zadd", "zscore", "zremrangebyscore", "xadd", "incrby"),
        ),
    ),
    RedisUser(
        "events",
        ("events:*", "requests:*", "publisher", "publisher:lease", "statistics"),
        (
            *_CONNECT,
            *_SCRIPTS,
            *("get", "set", "del", "hget", "hmget", "hset", "hdel", "hincrby", "hscan"),
            *("xread", "xrange", "xlen", "xtrim"),
        ),
    ),
    RedisUser("recall", ("items:*", "statistics"), (*_CONNECT, *_ITEM_TABLE, "get")),
    RedisUser(
        "gateway",
        ("items:*", "requests:[0-9]", "requests:[0-9]:added", "traffic:*"),
        (
            *_CONNECT,
            *_SCRIPTS,
            *_ITEM_TABLE,
            *("get", "set", "hget", "hset", "hdel", "xadd", "incrby"),
            *("pttl", "pexpire", "time", "zadd", "zremrangebyscore"),
        ),
    ),
    RedisUser(
        "rollout",
        ("traffic:*", "rollout:*"),
        (
            *_CONNECT,
            *_SCRIPTS,
            *("get", "mget", "set", "del", "pexpire"),
            *("zrangebyscore", "xadd", "xrevrange"),
        ),
    ),
    RedisUser(OPERATOR, ("*",), ("@all",)),
)


def password_file(folder: Path, user: str) -> Path:
    """Where the password of a user is kept."""
    return folder / f"redis-{user}.password"


def write_users(folder: Path) -> Path:
    """Writes the file that Redis reads its users from (`aclfile`); returns its path.

    Passwords that are not in the folder yet are made, each in a file for its owner alone. The file
    for Redis has their hashes only. The user `probe` has no password and may do nothing but PING.

    Raises:
        StartupError: the folder cannot be written to.
    """
    lines = [
        # Nobody can be it. But Redis replays the transactions of its append-only file with what it
        # may do, and drops those it may not (redis/redis#14541, valkey-io/valkey#3983).
        "user default off resetpass ~* resetchannels +@all",
        "user probe on nopass resetkeys resetchannels -@all +ping",
        *(_line(user, read_password(key_file(password_file(folder, user.name)))) for user in USERS),
    ]
    path = folder.resolve() / ACL_FILE
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        fresh.replace(path)
    except OSError as error:
        raise StartupError(f"cannot write {path}: {error.strerror}") from None
    return path


def _line(user: RedisUser, password: str) -> str:
    keys = " ".join(f"~{pattern}" for pattern in user.keys)
    commands = " ".join(f"+{command}" for command in user.commands)
    proof = sha256(password.encode()).hexdigest()
    return f"user {user.name} on #{proof} resetkeys {keys} resetchannels -@all {commands}"
