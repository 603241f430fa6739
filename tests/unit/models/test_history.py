from pathlib import Path

import numpy as np

from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.history import GAP_SIZE, RECENT, encode_histories, gap_bucket, gather
from services.domain.context import History
from services.domain.events import EventType

DAY = 86_400


def catalog(release: Path) -> Catalog:
    return Catalog(release, FeatureSchema.read(release).categories)


def history(keys: list[int], times: list[int], events: list[int] | None = None) -> History:
    return History(
        np.array(keys, np.uint64),
        np.array(times, np.uint32),
        np.array(events or [EventType.CLICK] * len(keys), np.uint8),
        np.zeros(len(keys), np.float32),
    )


def test_newest_first_with_gaps_to_the_newest(release: Path) -> None:
    items = catalog(release)
    keys = [int(items.keys[row]) for row in (5, 9, 2)]
    encoded = encode_histories([history(keys, [1000 + DAY, 1000 + DAY - 1, 1000])], items, 50)
    assert encoded.rows[0].tolist() == [5, 9, 2, -1, -1]
    assert encoded.gaps[0, :3].tolist() == [0, 1, 16]
    assert encoded.mask[0].tolist() == [1, 1, 1, 0, 0]


def test_the_age_of_a_history_does_not_matter(release: Path) -> None:
    items = catalog(release)
    keys = [int(key) for key in items.keys[:4]]
    old = encode_histories([history(keys, [900, 800, 20, 10])], items, 50)
    new = encode_histories(
        [history(keys, [t + 28 * 365 * DAY for t in (900, 800, 20, 10)])], items, 50
    )
    np.testing.assert_array_equal(old.gaps, new.gaps)


def test_impressions_dismissals_and_unknown_items_are_not_engagements(release: Path) -> None:
    items = catalog(release)
    a, b, c = (int(key) for key in items.keys[:3])
    types = [
        EventType.IMPRESSION,
        EventType.LIKE,
        EventType.CLICK,
        EventType.DISMISS,
        EventType.DWELL,
    ]
    encoded = encode_histories([history([a, b, 12345, c, a], [9, 8, 7, 6, 5], types)], items, 50)
    assert encoded.rows[0].tolist() == [1, 0, -1, -1, -1]
    assert encoded.events[0, :2].tolist() == [EventType.LIKE, EventType.DWELL]
    assert encoded.gaps[0, :2].tolist() == [0, 2]  # to the newest engagement, not the impression


def test_length_is_cut_and_batches_are_padded(release: Path) -> None:
    items = catalog(release)
    keys = [int(key) for key in items.keys[:9]]
    long, none = history(keys, list(range(9, 0, -1))), History.empty()
    assert encode_histories([long], items, 7).rows.tolist() == [[0, 1, 2, 3, 4, 5, 6]]
    encoded = encode_histories([none, long], items, 50)
    assert encoded.rows.shape == (2, 9)
    assert (encoded.rows[0] == -1).all()
    assert encoded.mask.sum(axis=1).tolist() == [0, 9]
    assert encoded.lengths[0] == 0
    assert encode_histories([none], items, 50).rows.shape == (1, RECENT)


def test_gap_buckets_are_clipped() -> None:
    gaps = np.array([-5, 0, 1, 2, 3, DAY, 2**40])
    assert gap_bucket(gaps).tolist() == [0, 0, 1, 1, 2, 16, GAP_SIZE - 1]


def test_gather_gives_zeros_for_padding() -> None:
    table = np.arange(6, dtype=np.float32).reshape(3, 2) + 1
    np.testing.assert_array_equal(gather(table, np.array([[2, -1]])), [[[5, 6], [0, 0]]])
    assert table[0, 0] == 1  # the table itself is untouched


def test_a_batch_is_each_user_alone(release: Path) -> None:
    items, generator = catalog(release), np.random.default_rng(4)
    known = np.append(items.keys, np.arange(5, dtype=np.uint64))
    users = [
        history(
            generator.choice(known, size).tolist(),
            np.sort(generator.integers(0, 2**31, size))[::-1].tolist(),
            generator.integers(1, 7, size).tolist(),
        )
        for size in (0, 30, 3, 0, 12)
    ]
    batch = encode_histories(users, items, 10)
    assert batch.rows.shape == (5, 10)
    for i, user in enumerate(users):
        alone = encode_histories([user], items, 10)
        width = alone.rows.shape[1]
        for name in ("rows", "events", "gaps", "mask"):
            mine, pads = np.split(getattr(batch, name)[i], [width])
            np.testing.assert_array_equal(mine, getattr(alone, name)[0])
            assert set(pads.tolist()) <= {-1 if name == "rows" else 0}
