"""Times of logs."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.clock import LATEST, positions, seconds


def one(text: str) -> int | None:
    value: int | None = seconds(pl.Series([text], dtype=pl.String))[0][0]
    return value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1704164645", 1704164645),
        (" 1704164645.9 ", 1704164645),
        ("0", 0),
        ("2024-01-02", 1704153600),
        ("2024-01-02T03:04", 1704164640),
        ("2024-01-02 03:04:05", 1704164645),
        ("2024-01-02T03:04:05Z", 1704164645),
        ("2024-01-02T03:04:05.678Z", 1704164645),
        ("2024-01-02T03:04:05+02:00", 1704157445),
        ("2024-01-02T03:04:05-0530", 1704184445),
        ("2024-01-02T03:04:05 +02", 1704157445),
        ("2024-02-29", 1709164800),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert one(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "nan", "inf", "-5", "2023-02-29", "2024-13-01", "1960-01-01", "9999-01-01"),
        *("02/01/2024", "2024-01-02T25:00", "2024-01-02Z03:04", "٢٠٢٤-٠١-٠٢"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    assert one(text) is None


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")],
)
def test_unit_is_told_from_the_magnitude(factor: int, unit: str) -> None:
    times = [1_704_164_645, 1_704_164_646, 880_000_000]
    found, said = seconds(pl.Series([str(t * factor) for t in times]))
    assert (found.to_list(), said) == (times, unit)


def test_unit_is_one_for_the_column() -> None:
    found, said = seconds(pl.Series(["1704164645000", "1704164646000", "1704164647", "x"]))
    assert said == "milliseconds"
    assert found.to_list() == [1704164645, 1704164646, 1704164, None]


def test_no_unit_without_numbers() -> None:
    assert seconds(pl.Series(["2024-01-02"]))[1] == ""


def test_numbers_and_iso_may_be_mixed() -> None:
    found, said = seconds(pl.Series(["1704164645", "2024-01-02"]))
    assert (found.to_list(), said) == ([1704164645, 1704153600], "seconds")


@given(st.integers(0, LATEST))
def test_iso_agrees_with_the_standard_library(stamp: int) -> None:
    assert one(datetime.fromtimestamp(stamp, UTC).isoformat()) == stamp


def test_positions() -> None:
    texts = ["0", "7", " 8 ", "2.0", "2.5", "-1", "x", "", "nan", str(LATEST), str(LATEST + 1)]
    expected = [0, 7, 8, 2, None, None, None, None, None, LATEST, None]
    assert positions(pl.Series(texts)).to_list() == expected
