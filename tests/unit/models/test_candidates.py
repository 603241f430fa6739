"""The merge of training against that of serving, where lists are cut and margins end."""

import numpy as np
import pytest

from models.schema.parameters import Parameters
from models.training import candidates
from models.training.candidates import CHANNELS, LIMIT, SEEN_MARGIN
from services.domain.arrays import F32, I64, Bools
from services.domain.candidates import Candidates
from services.domain.context import History, RequestContext, Seen, UserContext
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.gateway.settings import GatewaySettings
from services.recall import merge
from services.recall.fetch_sizes import FetchSizes
from services.recall.settings import RecallSettings

ITEMS = 3000
SEEN = [0, 5, 400, 1500]  # the last is more than SEEN_MARGIN


def served(scores: F32, seen: Bools, quotas: F32) -> Candidates:
    """What recall gives for one user from full scores [C, n]; 0 in item_cf is not found."""
    keys = np.flatnonzero(seen).astype(np.uint64)
    context = UserContext("u", True, {}, History.empty(), Seen(keys))
    query = RecallQuery("r", context, RequestContext(now=0), LIMIT, 1.0)
    fills = np.array([name == "popular" for name in CHANNELS])
    sizes = FetchSizes(quotas, fills, SEEN_MARGIN, filtered=3000, everything=ITEMS).of(query)
    found = []
    for name, score, size in zip(CHANNELS, scores, sizes, strict=True):
        order = np.argsort(-score, kind="stable")[:size].astype(np.int32)
        order = order[score[order] > 0] if name == "item_cf" else order
        found.append(Fetched(order, score[order]))
    pool = merge.pool(found, ITEMS)
    return merge.merged(pool, ~seen[pool.rows], quotas, LIMIT)[0]


def drawn(generator: np.random.Generator) -> tuple[F32, Bools, I64]:
    """Scores [C, Q, n], what is seen [Q, n], and how much that is [Q]."""
    scores = generator.normal(size=(len(CHANNELS), len(SEEN), ITEMS)).astype(np.float32)
    scores[1] *= generator.random(scores[1].shape) < generator.choice([0.05, 0.3, 0.9])
    scores[1] = abs(scores[1])
    scores[2] = scores[2][0]
    # Users have seen what channels would give them, as a mix of all.
    liking = scores.sum(axis=0)
    seen = np.zeros((len(SEEN), ITEMS), np.bool_)
    for i, count in enumerate(SEEN):
        seen[i, np.argsort(-liking[i])[:count]] = True
    return scores, seen, np.array(SEEN, np.int64)


@pytest.mark.parametrize("seed", range(8))
def test_lists_are_those_of_serving(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores, seen, gone = drawn(generator)
    quotas = generator.choice([0, 97, 211, 293, 389], len(CHANNELS), replace=False)
    parameters = Parameters(dict(zip(CHANNELS, quotas.tolist(), strict=True)), (1.0,))
    ours = candidates._merged(scores, seen, gone, parameters)
    for i, mine in enumerate(ours):
        theirs = served(scores[:, i], seen[i], quotas.astype(np.float32))
        assert len(mine) == LIMIT
        a, b = np.argsort(mine.rows), np.argsort(theirs.rows)
        np.testing.assert_array_equal(mine.rows[a], theirs.rows[b])
        np.testing.assert_array_equal(mine.channels[a], theirs.channels[b])
        np.testing.assert_array_equal(mine.recall_scores[a], theirs.recall_scores[b])


def test_training_assumes_the_defaults_of_the_services() -> None:
    assert GatewaySettings.model_fields["recall_limit"].default == LIMIT
    assert RecallSettings.model_fields["seen_margin"].default == SEEN_MARGIN
