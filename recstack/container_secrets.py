"""The secrets of a stack of containers: each service sees its own and no other."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from recstack.redis_users import ACL_FILE, OPERATOR, password_file, write_users
from recstack.secrets import key_file
from recstack.security import ADMIN_TOKEN
from services.chassis.errors import StartupError

PSEUDONYM_KEY, PAGE_KEY = "pseudonym.key", "page.key"
GRAFANA_PASSWORD = "grafana.password"
ALL = "all"


def _password(user: str) -> str:
    return password_file(Path(), user).name


# Who gets to see what: each has a folder of its own, so that one that is broken into has no more.
READERS: Mapping[str, Sequence[str]] = {
    "redis": (ACL_FILE, _password(OPERATOR)),
    "feature_store": (_password("feature_store"), PSEUDONYM_KEY),
    "events": (_password("events"),),
    "recall": (_password("recall"),),
    "gateway": (_password("gateway"), PSEUDONYM_KEY, PAGE_KEY, ADMIN_TOKEN),
    "rollout": (_password("rollout"), ADMIN_TOKEN),
    "bootstrap": (_password("feature_store"), PSEUDONYM_KEY),
    "grafana": (GRAFANA_PASSWORD,),
}


def make_secrets(folder: Path) -> None:
    """Makes keys, passwords and the users of Redis in `folder`/all, and a folder for each reader.

    A reader's folder holds what READERS gives it and no more, as further names of the same files.
    Secrets that are there stay as they are.

    Raises:
        StartupError: one cannot be written.
    """
    everything = folder / ALL
    for name in (PSEUDONYM_KEY, PAGE_KEY, ADMIN_TOKEN, GRAFANA_PASSWORD):
        key_file(everything / name)
    write_users(everything)
    try:
        for reader, names in READERS.items():
            own = folder / reader
            own.mkdir(mode=0o700, exist_ok=True)
            for name in names:
                _give(everything / name, own / name)
            for path in own.iterdir():
                if path.name not in names:  # it was given to an earlier version
                    path.unlink()
    except OSError as error:
        raise StartupError(f"cannot write to {folder}: {error.strerror}") from None


def _give(secret: Path, name: Path) -> None:
    """Makes `name` the same file; readers see the old one or the new one."""
    if name.exists() and name.samefile(secret):
        return
    fresh = name.with_name(f"{name.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.hardlink_to(secret)
    fresh.replace(name)
