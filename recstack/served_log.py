"""The log of a stack on this machine: what it is read with, and the data set made of it."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from models.schema.manifest import Manifest
from recstack.redis_users import password_file
from recstack.workspace import Workspace
from services.chassis.errors import StartupError
from services.chassis.redis import Login, RedisError, open_redis
from services.chassis.tls import OFF, Tls
from services.inference.store import ReleaseStore
from services.items.record import ItemRecord
from services.items.table import ItemTable
from services.journal.pseudonym import read_key

if TYPE_CHECKING:
    from models.data.dataset import Dataset
    from models.data.importer import Imported, Target

LOG = Path("var/log")
KEY = Path("var/secrets/pseudonym.key")
REDIS_TIMEOUT = 5.0
READER = "recall"  # the user of Redis that may read items and nothing of users


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a stack left its log.

    Attributes:
        folder: of the Parquet files.
        key_file: of the pseudonyms.
        redis_url: the item table; empty: that of the stack whose key this is, if it runs.
        tls: files for a Redis that speaks TLS.
    """

    folder: Path = LOG
    key_file: Path = KEY
    redis_url: str = ""
    tls: Tls = OFF

    def key(self) -> bytes:
        """The key of the pseudonyms; StartupError when it cannot be read."""
        return read_key(self.key_file)

    def items(self) -> list[ItemRecord]:
        """What was put since the release was trained; nothing when no stack runs here.

        Raises:
            StartupError: the Redis that was named does not answer.
        """
        secrets = self.key_file.parent
        running = Workspace(secrets.parent).running().get("redis", ())
        if not self.redis_url and not running:
            return []
        login = Login(tls=self.tls)
        if not self.redis_url:
            login = replace(login, user=READER, password_file=password_file(secrets, READER))
        try:
            return asyncio.run(_items(self.redis_url or running[0], login))
        except (RedisError, OSError) as error:
            raise StartupError(f"the item table cannot be read: {error}") from None


async def _items(url: str, login: Login) -> list[ItemRecord]:
    async with open_redis(SecretStr(url), login, REDIS_TIMEOUT) as redis:
        table = ItemTable(redis)
        await table.refresh()
        return list(table.records())


def made_from_log(place: LogPlace, base: "Dataset", target: "Target") -> "Imported":
    """The data set `target`: the base, and what the stack logged since.

    Raises:
        DataError: the log or the base cannot be read.
        StartupError: the key or the item table cannot be read.
    """
    from models.data import DataError
    from models.data.from_log import from_log
    from models.data.served import ServedLog

    if not place.folder.is_dir():
        raise DataError(f"there is no log in {place.folder}; `recstack up` writes one")
    return from_log(ServedLog(place.folder), base, place.key(), target, place.items())


def current_release(releases: str) -> Manifest:
    """The release that serves; ReleaseError when there is none."""
    store = ReleaseStore(releases)
    return Manifest.read(store.fetch(store.current()))


def data_of(release: Manifest, folder: Path) -> "Dataset":
    """The data that a release was trained on, or a later state of the log it was made from.

    Raises:
        DataError: it is not in the folder of data sets, or another one of its name is.
    """
    from models.data import DataError
    from models.data.dataset import Dataset

    dataset = Dataset.open(folder / release.data_name)
    about = dataset.description
    if about.fingerprint != release.data_fingerprint and not about.pseudonymous:
        raise DataError(
            f"{dataset.folder} is not the data that release {release.id} was trained on"
        )
    return dataset


def loaded_data(release: Manifest, folder: Path) -> "Dataset":
    """The data whose users were loaded: that of a release, or what its log went on from.

    Raises:
        DataError: it is not there.
    """
    from models.data.dataset import Dataset

    dataset = Dataset.open(folder / release.data_name)
    root = dataset.description.base
    return Dataset.open(folder / root) if root else dataset
