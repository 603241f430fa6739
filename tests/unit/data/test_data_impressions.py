"""Which served items count as shown, and which as engaged with."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.data.impressions import SECONDS, Impression, read_impressions
from models.data.served import ServedLog
from services.domain.events import EventType
from services.domain.ids import item_keys
from services.journal.request import RequestEntry
from tests.unit.data.log_files import event, write_events, write_requests
from tests.unit.journal.requests import CHANNELS, make_entry

ENTRY = make_entry(1, candidates=6, inline=1)  # i0000 … i0004, new-1-0; the first three are shown
USER = ENTRY.asked.user
KEYS = item_keys([f"i{i:04}" for i in (4, 3, 2, 1, 0)])  # rows the other way round


def read(
    folder: Path, entry: RequestEntry = ENTRY, channels: tuple[str, ...] = CHANNELS
) -> Impression:
    write_requests(folder, [(1_000, entry)])
    (one,) = read_impressions(ServedLog(folder), KEYS, channels).lists
    return one


def test_what_was_shown_is_exposed_at_its_position(tmp_path: Path) -> None:
    one = read(tmp_path)
    assert one.candidates.rows.tolist() == [4, 3, 2, 1, 0]  # the new item is not in the data
    assert one.exposed.tolist() == [0, 1, 2]
    assert one.positions.tolist() == [20, 21, 22]  # a second page
    assert not one.clicked.any()
    assert not one.liked.any()
    assert one.context.user_id == USER.hex()
    assert one.request.now == ENTRY.asked.time


def test_events_of_the_request_are_clicks_and_likes(tmp_path: Path) -> None:
    now = ENTRY.asked.time
    write_events(
        tmp_path,
        [
            (1, event(USER, "i0001", EventType.CLICK, now + 9 * SECONDS, "request-1")),
            (2, event(USER, "i0002", EventType.PURCHASE, now, "request-1")),
            (3, event(USER, "i0000", EventType.CLICK, now, "another")),
            (4, event(b"x" * 16, "i0000", EventType.CLICK, now, "request-1")),
        ],
    )
    one = read(tmp_path)
    assert one.clicked.tolist() == [False, True, True]
    assert one.liked.tolist() == [False, False, True]


def test_an_event_without_a_request_is_of_the_lists_of_the_day_before(tmp_path: Path) -> None:
    now = ENTRY.asked.time
    write_events(
        tmp_path,
        [
            (1, event(USER, "i0000", EventType.CLICK, now - 1)),
            (2, event(USER, "i0001", EventType.DWELL, now + SECONDS)),
            (3, event(USER, "i0002", EventType.CLICK, now + SECONDS + 1)),
        ],
    )
    assert read(tmp_path).clicked.tolist() == [False, True, False]


def test_reported_impressions_say_what_was_looked_at(tmp_path: Path) -> None:
    now = ENTRY.asked.time
    write_events(
        tmp_path,
        [
            (1, event(USER, "i0002", EventType.IMPRESSION, now, "request-1")),
            (2, event(USER, "i0001", EventType.CLICK, now, "request-1")),
        ],
    )
    one = read(tmp_path)
    assert one.exposed.tolist() == [1, 2]
    assert one.clicked.tolist() == [True, False]


def test_recall_scores_move_to_the_columns_asked_for(tmp_path: Path) -> None:
    one = read(tmp_path, channels=("popular", "swing", "two_tower"))
    recall = ENTRY.ranked.recall_scores[:5]
    zeros = np.zeros(5, np.float32)
    np.testing.assert_array_equal(
        one.candidates.recall_scores, np.stack([recall[:, 2], zeros, recall[:, 0]], axis=1)
    )
    bits = ENTRY.ranked.channels[:5]
    np.testing.assert_array_equal(one.candidates.channels, (bits >> 2 & 1) | (bits & 1) << 2)


def test_lists_of_unknown_items_are_left_out_and_the_newest_kept(tmp_path: Path) -> None:
    foreign = make_entry(2, candidates=2, inline=2)
    late = replace(make_entry(3), request_id="late")
    write_requests(tmp_path, [(3_000, late), (2_000, foreign), (1_000, ENTRY)])
    log = ServedLog(tmp_path)
    every = read_impressions(log, KEYS, CHANNELS)
    assert [one.request.now for one in every.lists] == [ENTRY.asked.time, late.asked.time]
    assert [i.request.now for i in read_impressions(log, KEYS, CHANNELS, 1).lists] == [
        late.asked.time
    ]
