"""A data set made of another one and of what a stack logged while it served."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from models.data import attributes
from models.data.dataset import ITEM_COLUMNS, Dataset, Description, Tables, save
from models.data.importer import Imported, Target
from models.data.interactions import REJECTED_SCHEMA
from models.data.served import ServedLog
from services.domain.ids import item_keys
from services.items.record import ItemRecord
from services.journal.pseudonym import pseudonym

NOT_ATTRIBUTES = ("preferences",)  # of a profile: a choice of categories, read by recall alone

LISTS = ("categories", "tags")  # columns of items with several names each

_SOURCE = "#source"  # 0: the base data set, 1: the log


def from_log(
    log: ServedLog,
    base: Dataset,
    key: bytes,
    target: Target,
    items: Iterable[ItemRecord] = (),
) -> Imported:
    """Writes the base data set with the logged events after it, users by their pseudonyms.

    Profiles are those of the newest logged request of a user, else of the base data set. An event
    whose item id is in neither the event, the base nor `items` is rejected.

    Args:
        key: of the pseudonyms; what the stack's `pseudonym_key_file` holds.
        items: the item table: new items, and what is known of changed ones.

    Raises:
        DataError: the log or the base cannot be read, or the data set not be written.
    """
    tables = pseudonymised(base, key)
    records = [record for record in items if record.put_at]
    known = _with_records(tables.items, records)
    events, rejected = _named(log.events(), known["item_id"])
    rows = _interactions(tables.interactions, events)
    ids = rows["item_id"]
    made = Tables(
        rows,
        attributes.with_missing(_with_profiles(tables.users, log), rows.select("user_id")),
        attributes.with_missing(known, pl.DataFrame({"item_id": ids, "title": ids})),
    )
    about = Description(
        target.name,
        f"{base.description.name} and the served log",
        base.description.licence,
        base.description.has_clock,
        duplicates=tables.interactions.height + events.height - rows.height,
        base=base.description.base or base.description.name,
    )
    dataset = save(target.folder, about, made, rejected, force=target.force)
    notes = (f"{events.height:,} events of the log", f"{len(records):,} items of the item table")
    return Imported(dataset, rejected, notes)


def pseudonymised(dataset: Dataset, key: bytes) -> Tables:
    """The tables of a data set with pseudonyms, hexadecimal, for user ids."""
    tables = dataset.tables()
    if dataset.description.pseudonymous:
        return tables
    ids = tables.users["user_id"]
    names = [pseudonym(user, key).hex() for user in ids]
    new = pl.col("user_id").replace_strict(ids, names, return_dtype=pl.String)
    return Tables(
        tables.interactions.with_columns(new).sort("user_id", "order"),
        tables.users.with_columns(new).sort("user_id"),
        tables.items,
    )


def _named(events: pl.DataFrame, item_ids: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events with the ids of their items; and those whose item has none."""
    ids = pl.concat([item_ids, events["item_id"].filter(events["item_id"] != "")]).unique()
    id_of = pl.DataFrame({"key": item_keys(ids), "known": ids}).unique("key")
    joined = events.with_row_index("line").join(id_of, "key", how="left", maintain_order="left")
    known = pl.col("known")
    named = joined.filter(known.is_not_null()).with_columns(known.alias("item_id"))
    left = joined.filter(known.is_null()).select(
        pl.lit("events").alias("file"),
        (pl.col("line") + 1).alias("line"),
        pl.lit("only the key of its item is known").alias("reason"),
        pl.struct("key", "time", "type").struct.json_encode().alias("fields"),
    )
    return named.drop("line", "known"), left.cast(REJECTED_SCHEMA)


def _interactions(base: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Both, each event once, a user's in the order of time and then as they came."""
    logged = events.select(
        pl.col("user").alias("user_id"), "item_id", pl.col("type").alias("event"), "value", "time"
    )
    every = pl.concat(
        [
            base.drop("order").with_columns(pl.lit(0, pl.UInt8).alias(_SOURCE)),
            logged.with_columns(pl.lit(1, pl.UInt8).alias(_SOURCE)),
        ]
    ).with_row_index("#at")
    same = ["user_id", "item_id", "time", "event"]
    return (
        every.unique(same, keep="first", maintain_order=True)
        .sort("user_id", "time", _SOURCE, "#at")
        .with_columns(pl.int_range(pl.len()).over("user_id").cast(pl.Int64).alias("order"))
        .select("user_id", "item_id", "event", "value", "time", "order")
    )


def _with_profiles(users: pl.DataFrame, log: ServedLog) -> pl.DataFrame:
    """The users with the profile of their newest request, where there is one."""
    newest: dict[str, tuple[int, dict[str, str]]] = {}
    for request in log.requests():
        asked = request.entry.asked
        user = asked.user.hex()
        if asked.profile and newest.get(user, (-1, {}))[0] < request.received_ms:
            named = {n: v for n, v in asked.profile.items() if n not in NOT_ATTRIBUTES}
            newest[user] = (request.received_ms, named)
    profiles = [{**profile, "user_id": user} for user, (_, profile) in newest.items()]
    return _replaced(users, profiles)


def _with_records(items: pl.DataFrame, records: Sequence[ItemRecord]) -> pl.DataFrame:
    """The items with what their owner put of them since."""
    rows = [
        {
            **{n: v for n, v in record.attributes.items() if n not in ITEM_COLUMNS},
            "item_id": record.item_id,
            "title": record.title or record.item_id,
            "categories": list(record.categories),
            **({"tags": list(record.tags)} if record.tags else {}),
            **({"text": record.text} if record.text else {}),
        }
        for record in records
    ]
    return _replaced(items, rows)


def _replaced(table: pl.DataFrame, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """The table with these rows instead of those with their id; new columns are added."""
    if not rows:
        return table
    lists = {name: pl.List(pl.String) for row in rows for name in LISTS if name in row}
    new = pl.DataFrame(rows, schema_overrides=lists, infer_schema_length=None)
    names = list(dict.fromkeys([*table.columns, *sorted(new.columns)]))
    every = pl.concat([new, table.join(new, on=table.columns[0], how="anti")], how="diagonal")
    return (
        every.select(names)
        .with_columns(pl.col(pl.String).fill_null(""), pl.col(pl.List(pl.String)).fill_null([]))
        .sort(table.columns[0])
    )
