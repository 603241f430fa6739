"""What of a served log the ranker learns from: nothing that is held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.dataset import Dataset
from models.data.served import ServedLog
from models.training import schema
from models.training.log import Log
from models.training.served_lists import served_lists
from models.training.settings import Settings
from models.training.source import Source
from models.training.split import MIN_ITEMS, Split, last_out
from models.training.synthetic import make_dataset
from services.domain.events import EventType
from services.domain.ids import item_keys
from services.journal.request import RequestEntry
from tests.unit.data.log_files import event, write_events, write_requests
from tests.unit.journal.requests import make_entry

SHOWN = ["i0000", "i0001", "i0002"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Users whose ids are pseudonyms, 32 hexadecimal digits, as in a log."""
    return make_dataset(tmp_path_factory.mktemp("data") / "log", users=3, items=24, seed=2)


def source_of(base: Dataset, folder: Path) -> tuple[Source, Split]:
    tables = base.tables()
    names = {user: user.encode().ljust(16, b"-").hex() for user in tables.users["user_id"]}
    log = Log.of(tables, has_clock=True)
    log = replace(log, user_ids=[names[user] for user in log.user_ids])
    settings = Settings()
    source = Source(
        base, tables, log, schema.derive(tables, 0), settings, lambda _: lambda _: None,
        quotas={"two_tower": 10, "popular": 10}, served=ServedLog(folder),
    )  # fmt: skip
    return source, last_out(log, 0.2, 20)


def served(source: Source, user: int, time: int) -> RequestEntry:
    entry = make_entry(1, candidates=3, inline=0)
    asked = replace(entry.asked, user=bytes.fromhex(source.log.user_ids[user]), time=time)
    ranked = replace(entry.ranked, keys=item_keys(SHOWN))
    shown = replace(entry.shown, keys=item_keys(SHOWN))
    return replace(entry, request_id=f"{user} at {time}", asked=asked, ranked=ranked, shown=shown)


def times(source: Source, split: Split) -> list[int]:
    return sorted(one.request.now for one in served_lists(source, split).lists)


def test_without_a_log_there_are_none(base: Dataset, tmp_path: Path) -> None:
    source, split = source_of(base, tmp_path)
    assert not len(served_lists(replace(source, served=None), split))


def test_lists_from_the_validation_event_on_are_left_out(base: Dataset, tmp_path: Path) -> None:
    source, split = source_of(base, tmp_path)
    log = source.log
    assert log.sizes[0] >= MIN_ITEMS
    validation = int(log.times[log.offsets[0] + split.slice_end[0]])
    every = [served(source, 0, validation + d) for d in (-1, 0, 1)]
    write_requests(tmp_path, [(1 + i, entry) for i, entry in enumerate(every)])
    assert times(source, split) == [validation - 1]


def test_a_list_that_gave_an_item_to_be_predicted_is_left_out(
    base: Dataset, tmp_path: Path
) -> None:
    source, split = source_of(base, tmp_path)
    log = source.log
    for offset, at in enumerate((split.slice_end, split.test)):
        row = int(log.rows[log.offsets[0] + at[0]])
        before = int(log.times[log.offsets[0]]) - 100 * offset - 100
        entry = served(source, 0, before)
        keys = item_keys([source.tables.items["item_id"][row], "i0001"])
        shown = replace(
            entry.shown, keys=keys, scores=np.ones(2, np.float32), repeated=np.zeros(2, np.bool_)
        )
        ranked = replace(entry.ranked, keys=np.append(keys, item_keys(["i0002"])))
        entry = replace(entry, shown=shown, ranked=ranked)
        write_requests(tmp_path, [(1_000 + offset, entry)])
        assert before in times(source, split)  # nothing was taken yet
        taken = source.tables.items["item_id"][row]
        user = entry.asked.user
        write_events(
            tmp_path,
            [(2_000 + offset, event(user, taken, EventType.CLICK, before + 5, entry.request_id))],
        )
        assert before not in times(source, split)
