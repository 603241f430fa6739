"""Times as logs write them, to unix seconds."""

import sys

import polars as pl

UNITS = (  # a median at or above the limit is not in a finer unit's range before the year 1973
    (1e17, 1_000_000_000, "nanoseconds"),
    (1e14, 1_000_000, "microseconds"),
    (1e11, 1_000, "milliseconds"),
)
LARGEST = sys.float_info.max
LATEST = 2**32 - 1  # times are unsigned 32-bit seconds everywhere in the stack

_ISO = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,][0-9]+)?"
    r" ?(?:(Z)|([+-][0-9]{2}):?([0-9]{2})?)?)?$"
)


def seconds(text: pl.Series) -> tuple[pl.Series, str]:
    """Unix seconds (i64, null where it is no time) of numbers or ISO 8601, and the unit of numbers.

    The unit is one for the whole column, told from the median's magnitude. Fractions of a second
    are dropped; an ISO time without an offset is UTC.
    """
    text = text.str.strip_chars()
    number = _within(text.cast(pl.Float64, strict=False), -LARGEST, LARGEST)
    median = number.abs().median()
    divisor, unit = 1, "seconds"
    for limit, by, name in UNITS:
        if isinstance(median, float) and median >= limit:
            divisor, unit = by, name
            break
    numeric = _within((number / divisor).floor()).cast(pl.Int64)
    times = numeric.zip_with(number.is_not_null(), _iso(text)) if number.null_count() else numeric
    return times, unit if number.count() else ""


def positions(text: pl.Series) -> pl.Series:
    """Positions in a history (i64, null where it is none): whole numbers of 0 and more."""
    number = _within(text.str.strip_chars().cast(pl.Float64, strict=False))
    frame = pl.DataFrame({"n": number})
    return (
        frame.select(pl.when(pl.col("n") == pl.col("n").floor()).then("n"))
        .to_series()
        .cast(pl.Int64)
    )


def _iso(text: pl.Series) -> pl.Series:
    part = pl.col("text").str.extract
    written = pl.concat_str(
        part(_ISO, 1),
        pl.lit("T"),
        part(_ISO, 2).fill_null("00:00"),
        part(_ISO, 3).fill_null(":00"),
        part(_ISO, 5).fill_null("+00"),
        part(_ISO, 6).fill_null("00"),
    )
    parsed = written.str.to_datetime("%Y-%m-%dT%H:%M:%S%z", strict=False, time_zone="UTC")
    frame = pl.DataFrame({"text": text}).select(parsed.dt.epoch("s").alias("time"))
    return _within(frame["time"])


def _within(numbers: pl.Series, least: float = 0, most: float = LATEST) -> pl.Series:
    """The numbers, null where they are not in the range or not finite."""
    frame = pl.DataFrame({"n": numbers})
    inside = pl.col("n").is_between(least, most)
    return frame.select(pl.when(inside).then("n")).to_series()
