"""A data set made of another one and of what a stack logged while it served."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from models.data import attributes
from models.data.dataset import ITEM_COLUMNS, Dataset, Description, Tables, save
from models.data.importer import Imported, Target
from models.data.interactions import INTERACTION_COLUMNS, REJECTED_SCHEMA
from models.data.served import EVENT_COLUMNS, ServedLog
from services.domain.ids import item_keys
from services.items.record import ItemRecord
from services.journal.pseudonym import pseudonym

NOT_ATTRIBUTES = ("preferences",)  # of a profile: a choice of categories, read by recall alone

LISTS = ("categories", "tags")  # columns of items with several names each

MOST_CIRCUMSTANCES = 16  # clients may give any names: those given most often become features

_TAKEN = {*INTERACTION_COLUMNS, *EVENT_COLUMNS}
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
    requested = _requested(log)
    events = events.join(requested.circumstances, "request_id", "left", maintain_order="left")
    rows = _interactions(tables.interactions, events)
    ids = rows["item_id"]
    users = _replaced(tables.users, requested.profiles)
    made = Tables(
        rows,
        attributes.with_missing(users, rows.select("user_id")),
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
    circumstances = [name for name in events.columns if name not in EVENT_COLUMNS]
    logged = events.select(
        pl.col("user").alias("user_id"),
        "item_id",
        pl.col("type").alias("event"),
        "value",
        "time",
        *circumstances,
    )
    every = pl.concat(
        [
            base.drop("order").with_columns(pl.lit(0, pl.UInt8).alias(_SOURCE)),
            logged.with_columns(pl.lit(1, pl.UInt8).alias(_SOURCE)),
        ],
        how="diagonal",
    ).with_row_index("#at")
    same = ["user_id", "item_id", "time", "event"]
    names = [name for name in every.columns if name not in ("#at", _SOURCE, *INTERACTION_COLUMNS)]
    return (
        every.unique(same, keep="first", maintain_order=True)
        .sort("user_id", "time", _SOURCE, "#at")
        .with_columns(pl.int_range(pl.len()).over("user_id").cast(pl.Int64).alias("order"))
        .select(*INTERACTION_COLUMNS, *(pl.col(name).fill_null("") for name in names))
    )


@dataclass(frozen=True, slots=True)
class _Requested:
    """What the logged requests say: the newest profile of each user, with `user_id`; and what each
    request happened in: request_id, then the names given most often."""

    profiles: list[dict[str, str]]
    circumstances: pl.DataFrame


def _requested(log: ServedLog) -> _Requested:
    newest: dict[str, tuple[int, dict[str, str]]] = {}
    situations: list[dict[str, str]] = []
    for request in log.requests():
        asked = request.entry.asked
        user = asked.user.hex()
        situation = {**asked.attributes, "placement": asked.placement}
        situations.append({**situation, "request_id": request.entry.request_id})
        if asked.profile and newest.get(user, (-1, {}))[0] < request.received_ms:
            named = {n: v for n, v in asked.profile.items() if n not in NOT_ATTRIBUTES}
            newest[user] = (request.received_ms, named)
    counts = Counter(name for one in situations for name, value in one.items() if value)
    kept = [name for name, _ in counts.most_common() if name not in _TAKEN][:MOST_CIRCUMSTANCES]
    schema = dict.fromkeys(["request_id", *sorted(kept)], pl.String)
    return _Requested(
        [{**profile, "user_id": user} for user, (_, profile) in newest.items()],
        pl.DataFrame(situations, schema=schema).unique("request_id", keep="first"),
    )


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
