"""The vectorised import against a plain one, on generated logs."""

import csv
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data import DataError
from models.data.importer import LogFile, Target, import_logs
from models.data.interactions import LogColumns
from services.domain.events import EventType

Cells = tuple[str, str, str, str]
Interaction = tuple[str, str, int, float, int, int]

IDS = st.one_of(
    st.sampled_from(["1", "2", "10", "a", "A", "é", "", " ", " x", '"', "a,b", "x\ny"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=300),
)
RATINGS = st.one_of(
    st.sampled_from(["", "x", "4", "3.9999999", "nan", "-inf", "1e39", "5"]),
    st.floats(-10, 10, width=32).map(str),
)
TIMES = st.one_of(
    st.sampled_from(["", "x", "-1", "4294967296", "7", "7"]), st.integers(0, 9).map(str)
)
# Unicode's White_Space; Python's str.strip also takes the separators of ASCII's control characters.
WHITE_SPACE = "".join(
    c for c in map(chr, range(0x3001)) if c.isspace() and c not in "\x1c\x1d\x1e\x1f"
)
LOGS = st.lists(st.tuples(IDS, IDS, RATINGS, TIMES), min_size=1, max_size=30)


@dataclass
class Reference:
    rows: list[Interaction]
    rejected: int
    duplicates: int


def reference(log: list[Cells]) -> Reference:
    """The import as one would write it down."""
    seen: set[tuple[str, str, int, int]] = set()
    kept: list[tuple[str, str, int, float, int]] = []
    rejected = duplicates = 0
    for user, item, rating, time in log:
        ids_good = all(i.strip(WHITE_SPACE) and len(i.encode()) <= 256 for i in (user, item))
        if not ids_good or not _finite(rating) or not time.isdigit() or int(time) >= 2**32:
            rejected += 1
            continue
        event = EventType.LIKE if float(rating) >= 4 else EventType.CLICK
        if (user, item, int(time), event) in seen:
            duplicates += 1
            continue
        seen.add((user, item, int(time), event))
        kept.append((user, item, int(event), float(rating), int(time)))
    rows = []
    for user in sorted({row[0] for row in kept}, key=str.encode):
        own = sorted((row for row in kept if row[0] == user), key=lambda row: row[4])
        rows += [(*row, order) for order, row in enumerate(own)]
    return Reference(rows, rejected, duplicates)


def _finite(text: str) -> bool:
    try:
        return abs(float(text)) <= 3.4e38
    except ValueError:
        return False


@given(LOGS)
@settings(max_examples=150, deadline=None)
def test_import_does_what_the_reference_does(log: list[Cells]) -> None:
    expected = reference(log)
    columns = LogColumns("user", "item", rating="rating", time="time")
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "log.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("user", "item", "rating", "time"), *log])
        target = Target(Path(temporary), "generated")
        if not expected.rows:
            with pytest.raises(DataError, match="every row was rejected"):
                import_logs(LogFile(path, columns), target)
            return
        done = import_logs(LogFile(path, columns), target)
        tables = done.dataset.tables()
    found = tables.interactions.rows()
    assert [(*row[:3], *row[4:]) for row in found] == [
        (*row[:3], *row[4:]) for row in expected.rows
    ]
    assert all(
        math.isclose(a[3], b[3], rel_tol=1e-6, abs_tol=1e-37)
        for a, b in zip(found, expected.rows, strict=True)
    )
    about = done.dataset.description
    assert (about.rejected, about.duplicates) == (expected.rejected, expected.duplicates)
    assert tables.users["user_id"].to_list() == sorted({row[0] for row in found}, key=str.encode)
    assert tables.items["item_id"].to_list() == sorted({row[1] for row in found}, key=str.encode)
