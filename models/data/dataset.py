"""The one format of interaction data: a folder of three Parquet files and what they are."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from models.data import DataError
from models.data.exposures import EXPOSURES
from models.data.interactions import REJECTED_SCHEMA
from services.domain.ids import item_keys

FORMAT = 1
INTERACTIONS = "interactions.parquet"
USERS = "users.parquet"
ITEMS = "items.parquet"
DESCRIPTION = "dataset.json"
REJECTED = "rejected.tsv"

ITEM_COLUMNS = ("item_id", "title", "categories", "tags", "text")
"""Columns of items that are no attributes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Tables:
    """The content of a data set.

    Attributes:
        interactions: user_id str, item_id str, event u8 (EventType), value f32 (rating or 0),
            time i64 (unix seconds, or the position where there is no clock), order i64 (position
            in the user's history by time, then by line of the source), then what it happened in,
            such as device, all str and "" where unknown; sorted by user_id, order.
        users: user_id str, then attributes, all str and "" where unknown; sorted by user_id.
        items: item_id str, title str, categories list[str], then attributes, as in `users`, and
            perhaps tags list[str] and text str; sorted by item_id.
    """

    interactions: pl.DataFrame
    users: pl.DataFrame
    items: pl.DataFrame

    def fingerprint(self) -> str:
        """SHA-256 of names, types and values of every column, row order included."""
        digest = hashlib.sha256()
        for frame in (self.interactions, self.users, self.items):
            for column in frame:
                digest.update(f"{column.name}\0{column.dtype}\0{len(column)}\0".encode())
                _update(digest, column)
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        return {
            "interactions": self.interactions.height,
            "users": self.users.height,
            "items": self.items.height,
        }


def _update(digest: "hashlib._Hash", column: pl.Series) -> None:
    if isinstance(column.dtype, pl.List):
        digest.update(column.list.len().to_numpy().tobytes())
        column = column.explode().drop_nulls()
    if column.dtype == pl.String:
        digest.update(column.str.len_bytes().to_numpy().tobytes())
        digest.update("".join(column).encode())
    else:
        digest.update(np.ascontiguousarray(column.to_numpy()).tobytes())


@dataclass(frozen=True, slots=True)
class Description:
    """What a data set is.

    Attributes:
        name: also the folder's name.
        source: where it came from, for people.
        licence: what its owner asks for, for people.
        has_clock: False when `time` is only a position, which compares within a user alone.
        rejected: how many rows of the source were set apart (see rejected.tsv).
        duplicates: how many repeated rows were dropped.
        fingerprint: of the content; see `Tables.fingerprint`. As opened, where the data set tells
            what was shown: with that file's bytes hashed in.
        counts: rows of each table.
        base: of a data set made from a served log: name of the one whose users were loaded. Its
            user ids are pseudonyms, not what clients call users. Empty for other data sets.
    """

    name: str
    source: str
    licence: str
    has_clock: bool
    rejected: int = 0
    duplicates: int = 0
    fingerprint: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    format: int = FORMAT
    base: str = ""

    @property
    def pseudonymous(self) -> bool:
        """Whether user ids are pseudonyms."""
        return bool(self.base)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set on disk; the tables are read when asked for."""

    folder: Path
    description: Description

    @staticmethod
    def open(folder: Path) -> "Dataset":
        """Opens the data set in `folder`.

        Raises:
            DataError: when there is none, or it is of another format.
        """
        path = folder / DESCRIPTION
        hint = "make one with `recstack data get` or `recstack data import`"
        if not folder.is_dir():
            raise DataError(f"no data set in {folder}: there is no such folder; {hint}")
        try:
            raw: dict[str, Any] = json.loads(path.read_bytes())
            found = raw.get("format")
            if found != FORMAT:
                raise DataError(
                    f"{path} has format {found}; this version of recstack reads {FORMAT}"
                )
            description = Description(**raw)
        except FileNotFoundError:
            raise DataError(
                f"{folder} is not a data set: it has no {DESCRIPTION}; {hint}"
            ) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path} does not describe a data set: {error}") from None
        for name in (INTERACTIONS, USERS, ITEMS):
            if not (folder / name).is_file():
                raise DataError(f"the data set in {folder} is damaged: {name} is missing")
        return Dataset(folder, _with_exposures(folder, description))

    def tables(self) -> Tables:
        """Reads all three tables; DataError when a file is damaged."""
        try:
            return Tables(*(pl.read_parquet(self.folder / n) for n in (INTERACTIONS, USERS, ITEMS)))
        except pl.exceptions.PolarsError as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"the data set in {self.folder} is damaged: {reason}") from None


def _with_exposures(folder: Path, about: Description) -> Description:
    """A release trained on what was shown is not one of the same data without, or with another."""
    try:
        with (folder / EXPOSURES).open("rb") as file:
            shown = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return about
    except OSError as error:
        raise DataError(f"cannot read {folder / EXPOSURES}: {error.strerror or error}") from None
    both = f"{about.fingerprint}\0{shown}".encode()
    return replace(about, fingerprint=hashlib.sha256(both).hexdigest())


def check_target(to: Path, name: str, *, force: bool) -> Path:
    """The folder a data set of this name goes to; DataError when it may not be written."""
    if not _NAME.fullmatch(name):
        raise DataError(f"{name!r} is not a name: use letters, digits, '.', '_' and '-'")
    folder = to / name
    if folder.exists():
        if not force:
            raise DataError(f"{folder} is already there; --force replaces it")
        if not (folder / DESCRIPTION).is_file():
            raise DataError(f"{folder} is not a data set, so it is not replaced; move it away")
    return folder


def save(
    to: Path, about: Description, tables: Tables, rejected: pl.DataFrame, *, force: bool = False
) -> Dataset:
    """Writes a data set to `to`/<name>: whole, or not at all.

    Raises:
        DataError: when the folder is there and not to be replaced, or two items share a key.
    """
    folder = check_target(to, about.name, force=force)
    _check_keys(tables.items["item_id"])
    about = replace(
        about,
        rejected=rejected.height,
        fingerprint=tables.fingerprint(),
        counts=tables.counts(),
    )
    try:
        to.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=to, prefix=f".{about.name}-") as temporary:
            made, old = Path(temporary) / "new", Path(temporary) / "old"
            made.mkdir()
            _write(made, about, tables, rejected)
            if folder.exists():
                folder.rename(old)
            made.rename(folder)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror or error}") from None
    return Dataset(folder, about)


def _write(folder: Path, about: Description, tables: Tables, rejected: pl.DataFrame) -> None:
    tables.interactions.write_parquet(folder / INTERACTIONS)
    tables.users.write_parquet(folder / USERS)
    tables.items.write_parquet(folder / ITEMS)
    rejected.cast(REJECTED_SCHEMA).write_csv(  # JSON has no tab or line break of its own
        folder / REJECTED, separator="\t", quote_style="never"
    )
    (folder / DESCRIPTION).write_text(json.dumps(asdict(about), indent=2) + "\n")


def _check_keys(ids: pl.Series) -> None:
    keys = pl.DataFrame({"item_id": ids, "key": item_keys(ids)})
    same = keys.filter(pl.col("key").is_duplicated()).sort("key")["item_id"]
    if len(same):
        raise DataError(f"items {same[0]!r} and {same[1]!r} have the same key; rename one of them")
