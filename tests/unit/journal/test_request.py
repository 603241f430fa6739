"""Served requests as bytes and as columns."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from services.events.entries import Entry
from services.events.entry_id import EntryId
from services.events.parquet import table_of
from services.journal.request import RequestEntry
from services.journal.request_columns import REQUESTS, from_row
from services.journal.request_payload import PayloadError, decode, encode
from tests.unit.journal.requests import degraded_entry, make_entry

ENTRIES = [make_entry(1), make_entry(2, candidates=200, history=200), degraded_entry(3)]


def assert_same(found: Any, expected: Any, where: str = "") -> None:
    """Equal in every field; arrays in shape, type and every value."""
    if is_dataclass(expected):
        for field in fields(expected):
            name = field.name
            assert_same(getattr(found, name), getattr(expected, name), f"{where}.{name}")
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype, where
        np.testing.assert_array_equal(found, expected, err_msg=where)
        assert found.shape == expected.shape, where
    else:
        assert found == expected, where


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.request_id)
def test_bytes_there_and_back(entry: RequestEntry) -> None:
    assert_same(decode(encode(entry)), entry)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.request_id)
def test_columns_there_and_back(entry: RequestEntry) -> None:
    table = table_of(REQUESTS, 0, [Entry(EntryId(1, 0), entry, 0)])
    assert_same(from_row(table.to_pylist()[0]), entry)


@pytest.mark.parametrize("cut", [0, 3, 40, -1])
def test_bytes_cut_short_are_refused(cut: int) -> None:
    with pytest.raises(PayloadError):
        decode(encode(make_entry(1))[:cut])


def test_bytes_of_another_version_are_refused() -> None:
    with pytest.raises(PayloadError, match="version 9"):
        decode(b"\x09" + encode(make_entry(1))[1:])


def test_bytes_that_go_on_are_refused() -> None:
    with pytest.raises(PayloadError, match="longer"):
        decode(encode(make_entry(1)) + b"\0")
