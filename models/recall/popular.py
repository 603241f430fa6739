"""Popular items, newer events counting more where the data has a clock."""

import numpy as np

from models.data.exposures import Exposures
from models.training.log import Log
from services.domain.arrays import F32, I32

HALF_LIFE = 60 * 86400.0  # seconds
EXPECTED = 5.0  # clicks as expected that every item is given


def scores(log: Log) -> F32:
    """Decayed number of events of each item by that of the most popular one, float32 [n]."""
    weights = np.ones(len(log.rows))
    if log.has_clock and len(log.times):
        weights = 0.5 ** ((int(log.times.max()) - log.times.astype(np.int64)) / HALF_LIFE)
    counts = np.bincount(log.rows, weights=weights, minlength=log.item_count)
    return np.asarray(counts / max(counts.max(initial=0.0), 1e-12), np.float32)


def ranking(popularity: F32) -> tuple[I32, F32]:
    """All items, most popular first, ties by row: rows int32 [n], scores float32 [n]."""
    order = np.argsort(-popularity, kind="stable").astype(np.int32)
    return order, popularity[order]


def statics(log: Log, exposures: Exposures | None = None) -> F32:
    """Static features of items, float32 [n, 3 or 4].

    Popularity, log count by the highest, like rate; where it is known what was shown, the log of
    clicks by expected clicks too. The like rate is smoothed by ten events of the average rate.
    """
    counts = np.bincount(log.rows, minlength=log.item_count)
    likes = np.bincount(log.rows[log.events == 3], minlength=log.item_count)
    average = likes.sum() / max(counts.sum(), 1)
    columns = [
        scores(log),
        np.log1p(counts) / np.log1p(max(counts.max(initial=0), 1)),
        (likes + 10 * average) / (counts + 10),
    ]
    if exposures is not None:
        columns.append(clicks_by_expected(exposures, log.item_count))
    return np.stack(columns, axis=1).astype(np.float32)


def clicks_by_expected(exposures: Exposures, item_count: int) -> F32:
    """log((clicks + EXPECTED) / (expected clicks + EXPECTED)) of each item, float32 [n].

    An exposure is expected to be clicked as often as all at its place are, so that items are not
    better for having stood higher (COEC: Zhang and Jones 2007).
    """
    places, clicked = exposures.places, exposures.clicked
    rates = np.bincount(places, clicked) / np.maximum(np.bincount(places), 1)
    expected = np.bincount(exposures.rows, rates[places], minlength=item_count)
    clicks = np.bincount(exposures.rows, clicked, minlength=item_count)
    return np.log((clicks + EXPECTED) / (expected + EXPECTED)).astype(np.float32)
