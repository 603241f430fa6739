"""Served scores that are computed again, by a release of the real training code."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.dataset import Dataset
from models.data.served import LoggedRequest
from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest, ReleaseError
from models.skew.check import Check
from models.skew.scores import BATCH, check_scores
from models.training.log import Log
from services.domain.candidates import Candidates
from services.domain.context import RequestContext
from services.domain.inline import InlineItems
from services.domain.stages import (
    RankQuery,
    Recalled,
    RecallQuery,
    Scores,
)
from services.inference.store import ReleaseStore
from services.journal.request import Asked, Ranked, RequestEntry, Shown
from services.journal.request_payload import decode, encode
from services.rank.pipeline import open_rank
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings
from tests.releases import release, release_copy

__all__ = ["release", "release_copy"]

NOW = 1_000_000_000
COUNT = BATCH + 3
NOTHING = np.empty(0)


@pytest.fixture(scope="module")
def served(release: Path) -> list[RequestEntry]:
    """Requests of users of the data, through recall and rank as they serve; each list has an item
    that the release does not have."""
    data = Dataset.open(release.parents[1] / "tiny")
    log = Log.of(data.tables(), has_clock=True)
    contexts = [log.context(user, int(log.sizes[user])) for user in range(COUNT)]
    request = RequestContext(NOW, "home", {"device": "phone"})
    recalled = asyncio.run(
        _recalled(release, [RecallQuery("", c, request, 60, 9.0) for c in contexts])
    )
    queries = [
        RankQuery("", context, request, _with_new(release, one), 9.0, one.user_vector)
        for context, one in zip(contexts, recalled, strict=True)
    ]
    manifest = Manifest.read(release)
    catalog = Catalog(release, FeatureSchema.read(release).categories)
    scores = asyncio.run(_ranked(release, queries))
    return [
        decode(encode(_entry(i, manifest, catalog, query, found)))
        for i, (query, found) in enumerate(zip(queries, scores, strict=True))
    ]


def _with_new(release: Path, recalled: Recalled) -> Candidates:
    """The candidates and a new item that is like the first of the release."""
    old = recalled.candidates
    vectors, features = (
        np.load(release / layout.VECTORS),
        np.load(release / layout.CATALOG_FEATURES),
    )
    return Candidates(
        np.append(old.rows, np.int32(-1)),
        np.append(old.channels, np.uint32(0)),
        np.pad(old.recall_scores, ((0, 1), (0, 0))),
        np.pad(old.all_statistics(), ((0, 1), (0, 0)), constant_values=0.5),
        InlineItems(("brand-new",), vectors[:1], features[:1]),
    )


async def _recalled(release: Path, queries: Sequence[RecallQuery]) -> list[Recalled]:
    outcomes = await open_recall(release, RecallSettings(channel_timeout=60.0)).run(queries)
    return [outcome.value for outcome in outcomes if outcome.value is not None]


async def _ranked(release: Path, queries: Sequence[RankQuery]) -> list[Scores]:
    outcomes = await open_rank(release).run(queries)
    return [outcome.value for outcome in outcomes if outcome.value is not None]


def _entry(
    number: int, manifest: Manifest, catalog: Catalog, query: RankQuery, scores: Scores
) -> RequestEntry:
    context, candidates = query.context, query.candidates
    return RequestEntry(
        request_id=f"r{number}",
        release=manifest.id,
        channels=manifest.channels,
        asked=Asked(
            NOW, b"u" * 16, "home", {"device": "phone"}, 20, True, context.profile, context.history
        ),
        ranked=Ranked(
            np.append(catalog.keys[candidates.rows[:-1]], candidates.inline.keys),
            candidates.channels,
            candidates.recall_scores,
            candidates.statistics,
            candidates.inline,
            scores=scores.blended,
            tasks=scores.tasks,
        ),
        shown=Shown(NOTHING.astype("u8"), NOTHING.astype("f4"), NOTHING.astype("?")),
        user_vector=query.user_vector,
    )


def check(release: Path, entries: Sequence[RequestEntry]) -> Check:
    requests = [LoggedRequest(1, entry) for entry in entries]
    return check_scores(requests, ReleaseStore(str(release.parent)))


def test_what_was_served_comes_out_again(release: Path, served: list[RequestEntry]) -> None:
    found = check(release, served)
    assert (found.compared, found.skipped, found.differences) == (COUNT, {}, [])
    assert found.worst <= 1e-6


def test_a_score_that_is_off_is_told(release: Path, served: list[RequestEntry]) -> None:
    ranked = served[1].ranked
    scores = ranked.scores.copy()
    scores[4] += 2e-5
    wrong = replace(served[1], ranked=replace(ranked, scores=scores))
    found = check(release, [served[0], wrong])
    assert [d.request_id for d in found.differences] == ["r1"]
    assert found.differences[0].what.startswith("scores are off by up to 2e-05")


def test_another_history_gives_other_scores(release: Path, served: list[RequestEntry]) -> None:
    asked = served[0].asked
    wrong = replace(served[0], asked=replace(asked, history=asked.history.head(2)))
    assert check(release, [wrong]).differences


def test_what_cannot_be_compared_is_counted(release: Path, served: list[RequestEntry]) -> None:
    without = replace(served[0].ranked, scores=NOTHING.astype("f4"), tasks=np.empty((0, 0), "f4"))
    gone = replace(served[1], release="gone")
    found = check(release, [replace(served[0], ranked=without), gone])
    assert found.compared == 0
    assert found.skipped == {"without scores of rank": 1, "release gone is not here": 1}


def test_a_candidate_that_nobody_knows_is_a_difference(
    release: Path, served: list[RequestEntry]
) -> None:
    keys = served[0].ranked.keys.copy()
    keys[0] += 1
    wrong = replace(served[0], ranked=replace(served[0].ranked, keys=keys))
    found = check(release, [wrong])
    assert "neither in the release" in found.differences[0].what


def test_a_release_that_was_changed_is_refused(
    release_copy: Path, served: list[RequestEntry]
) -> None:
    with (release_copy / layout.PARAMETERS).open("a") as file:
        file.write("\n")
    with pytest.raises(ReleaseError, match="was changed"):
        check(release_copy, served)
