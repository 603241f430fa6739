"""Interactions: from strings as logs have them to typed, ordered rows; bad rows are set apart."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from models.data import DataError, clock
from models.data.source import LINE, PROBLEM
from services.domain.events import EventType
from services.domain.ids import MAX_ID_BYTES

INTERACTION_COLUMNS = ("user_id", "item_id", "event", "value", "time", "order")
"""The columns of interactions that are not circumstances."""

REJECTED_SCHEMA = pl.Schema(
    {"file": pl.String, "line": pl.UInt64, "reason": pl.String, "fields": pl.String}
)


@dataclass(frozen=True, slots=True)
class LogColumns:
    """Which column of a log holds what; an empty name: the log has none.

    Attributes:
        user, item: ids.
        event: name of an event; `event_map` translates names that are not EventType's own.
        rating: a number; at least `like_at` is a LIKE, a lower one a CLICK.
        time: unix seconds, finer units told by magnitude, or ISO 8601.
        order: position in the user's history, for logs without a clock.
        context: what events happened in, such as device; kept under the same names.
    """

    user: str
    item: str
    event: str = ""
    rating: str = ""
    time: str = ""
    order: str = ""
    event_map: Mapping[str, EventType] = field(default_factory=dict)
    like_at: float = 4.0
    context: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.event and self.rating:
            raise DataError("give an event column or a rating column, not both")
        if taken := sorted(set(self.context) & set(INTERACTION_COLUMNS)):
            raise DataError(f"{taken[0]!r} cannot be the name of a circumstance; rename the column")
        if self.event_map and not self.event:
            raise DataError("an event map needs an event column")
        if self.time and self.order:
            raise DataError("give a time column or an order column, not both")
        if not math.isfinite(self.like_at):
            raise DataError(f"the rating of a like must be a number, not {self.like_at}")

    def names(self) -> list[str]:
        """The columns to read."""
        every = (self.user, self.item, self.event, self.rating, self.time, self.order)
        return list(dict.fromkeys(name for name in (*every, *self.context) if name))


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of a log.

    Attributes:
        rows: user_id, item_id, event, value, time, order, then circumstances; sorted by user_id and
            order.
        rejected: file, line, reason, fields (JSON).
        duplicates: how many rows repeated the user, item, time and event of an earlier one.
        notes: what was assumed, for people.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame
    duplicates: int
    notes: tuple[str, ...]


NO_LOG = Cleaned(
    pl.DataFrame(
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "event": pl.UInt8,
            "value": pl.Float32,
            "time": pl.Int64,
            "order": pl.Int64,
        }
    ),
    pl.DataFrame(schema=REJECTED_SCHEMA),
    duplicates=0,
    notes=(),
)
"""Where nobody did anything yet."""


def id_problem(column: str, noun: str) -> pl.Expr:
    """Why a column's value is not an id; null when it is one."""
    value = pl.col(column)
    return (
        pl.when(value.str.strip_chars() == "")
        .then(pl.lit(f"empty {noun} id"))
        .when(value.str.len_bytes() > MAX_ID_BYTES)
        .then(pl.lit(f"{noun} id longer than {MAX_ID_BYTES} bytes"))
    )


def rejected_rows(raw: pl.DataFrame, reason: pl.Series, file: str) -> pl.DataFrame:
    """The rows that have a reason, as they are kept for people."""
    fields = pl.struct(pl.exclude(LINE, PROBLEM, "reason")).struct.json_encode()
    return (
        raw.with_columns(reason.alias("reason"))
        .filter(pl.col("reason").is_not_null())
        .select(
            pl.lit(file).alias("file"), pl.col(LINE).alias("line"), "reason", fields.alias("fields")
        )
        .cast(REJECTED_SCHEMA)
    )


def clean(raw: pl.DataFrame, columns: LogColumns, file: str) -> Cleaned:
    """Types the rows of a log, sets bad ones apart, drops repeated ones and orders the rest.

    Args:
        raw: LINE, PROBLEM and the columns' strings, as `source.read_table` gives them.
        file: name of the log, for the rejected rows.
    """
    time, note = _times(raw, columns)
    typed = raw.select(
        LINE,
        PROBLEM,
        pl.col(columns.user).alias("user_id"),
        pl.col(columns.item).alias("item_id"),
        *_event_and_value(columns),
        time.alias("time"),
        *(pl.col(name).str.strip_chars() for name in columns.context),
    )
    reason = typed.select(_reason(columns).alias("reason")).to_series()
    kept = typed.filter(reason.is_null())
    unique = kept.unique(["user_id", "item_id", "time", "event"], keep="first", maintain_order=True)
    rows = (
        unique.sort("user_id", "time", LINE)
        .with_columns(pl.int_range(pl.len()).over("user_id").cast(pl.Int64).alias("order"))
        .select(*INTERACTION_COLUMNS, *columns.context)
    )
    rejected = rejected_rows(raw, reason, file)
    return Cleaned(rows, rejected, kept.height - unique.height, (note,) if note else ())


def _times(raw: pl.DataFrame, columns: LogColumns) -> tuple[pl.Series, str]:
    if columns.order:
        return clock.positions(raw[columns.order]), ""
    if not columns.time:
        return raw[LINE].cast(pl.Int64), "no time and no order column: the order of the file is it"
    time, unit = clock.seconds(raw[columns.time])
    note = f"{columns.time} is in {unit} (told by its magnitude)" if unit != "seconds" else ""
    return time, note if unit else ""


def _event_and_value(columns: LogColumns) -> tuple[pl.Expr, pl.Expr]:
    """Columns `event` (u8) and `value` (f32); null where the text is neither."""
    if columns.rating:
        rating = pl.col(columns.rating).str.strip_chars().cast(pl.Float64, strict=False)
        like, click = (pl.lit(int(e), pl.UInt8) for e in (EventType.LIKE, EventType.CLICK))
        event = pl.when(rating >= columns.like_at).then(like).otherwise(click)
        return event.alias("event"), rating.cast(pl.Float32).alias("value")
    value = pl.lit(0.0, pl.Float32).alias("value")
    if not columns.event:
        return pl.lit(int(EventType.CLICK), pl.UInt8).alias("event"), value
    own = {event.name.lower(): event for event in EventType}
    mapped = {**own, **{name.lower(): event for name, event in columns.event_map.items()}}
    names = pl.col(columns.event).str.strip_chars().str.to_lowercase()
    event = names.replace_strict(
        list(mapped), [int(e) for e in mapped.values()], default=None, return_dtype=pl.UInt8
    )
    return event.alias("event"), value


def _reason(columns: LogColumns) -> pl.Expr:
    time = "order is not a whole number of 0 or more" if columns.order else "not a time"
    return pl.coalesce(
        PROBLEM,
        id_problem("user_id", "user"),
        id_problem("item_id", "item"),
        pl.when(pl.col("event").is_null()).then(pl.lit("unknown event")),
        pl.when(pl.col("value").is_null()).then(pl.lit("rating is not a number")),
        pl.when(~pl.col("value").is_finite()).then(pl.lit("rating is not finite")),
        pl.when(pl.col("time").is_null()).then(pl.lit(time)),
    )
