"""Recall as a whole: what it does when channels fail."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest
from services.domain.context import RequestContext, UserContext
from services.domain.live import Live
from services.domain.outcome import Reason
from services.domain.protocols import CandidateSource, Fetched
from services.domain.stages import (
    Recalled,
    RecallQuery,
    SimilarQuery,
)
from services.recall.fetch_sizes import FetchSizes
from services.recall.model import RecallModel, Timing
from services.recall.pipeline import open_recall
from services.recall.runners import Runner, ThreadRunner
from services.recall.settings import RecallSettings
from tests.releases import release, release_copy

__all__ = ["release", "release_copy"]

LIMIT = 50


class Broken:
    """A channel that raises."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        raise RuntimeError("broken")


class Hung(Broken):
    """A channel that never ends; its thread dies with the process."""

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        threading.Event().wait()
        raise AssertionError("unreachable")


@pytest.fixture
def model(release: Path) -> RecallModel:
    return open_recall(release, RecallSettings(channel_timeout=60.0))


def with_channels(model: RecallModel, *sources: CandidateSource) -> RecallModel:
    """The model with other channels instead of those of the same name.

    Channels that shared a thread with one of them are broken.
    """
    others = {source.name: source for source in sources}
    runners: list[Runner] = []
    for runner in model.runners:
        if others.keys().isdisjoint(runner.names):
            runners.append(runner)
        else:
            runners += [ThreadRunner(n, [others.get(n, Broken(n))]) for n in runner.names]
    return replace(model, runners=tuple(runners), timing=Timing(timeout=60.0, share=0.8))


def query(remaining: float = 60.0, limit: int = LIMIT) -> RecallQuery:
    context = UserContext("u", known=True)
    return RecallQuery("r", context, RequestContext(now=0), limit, remaining)


async def recalled(model: RecallModel, *queries: RecallQuery) -> list[Recalled]:
    values = [outcome.value for outcome in await model.run(queries)]
    assert None not in values
    return [value for value in values if value is not None]


async def test_popular_alone_fills_the_list(model: RecallModel) -> None:
    alone = with_channels(model, Broken("two_tower"), Broken("item_cf"))
    (one,) = await recalled(alone, query())
    assert len(one.candidates) == LIMIT
    popular = model.channels.index("popular")
    assert set(one.candidates.channels.tolist()) == {1 << popular}
    assert len(one.user_vector) == 0
    failures = {report.channel: report.failure for report in one.reports}
    assert failures["popular"] is None
    for name in ("two_tower", "item_cf"):
        failure = failures[name]
        assert failure is not None
        assert (failure.reason, failure.message) == (Reason.INTERNAL, "RuntimeError: broken")


async def test_a_hung_channel_is_skipped_within_the_time_of_the_query(model: RecallModel) -> None:
    slow = with_channels(model, Hung("item_cf"))
    (one,) = await recalled(slow, query(remaining=0.05))
    assert len(one.candidates) == LIMIT
    report = one.reports[model.channels.index("item_cf")]
    assert (report.channel, report.fetched, report.kept) == ("item_cf", 0, 0)
    assert report.failure is not None
    assert report.failure.reason is Reason.TIMEOUT
    assert report.failure.message == "not done within 0.040 s"


async def test_a_user_without_history_has_a_vector_and_a_full_list(model: RecallModel) -> None:
    (one,) = await recalled(model, query())
    assert len(one.candidates) == LIMIT
    assert np.linalg.norm(one.user_vector) == pytest.approx(1.0, abs=1e-5)


async def test_a_batch_of_different_limits(model: RecallModel) -> None:
    limits = [1, 60, 5000]
    answers = await recalled(model, *(query(limit=limit) for limit in limits))
    assert [len(one.candidates) for one in answers] == [1, 60, len(model.keys)]
    assert answers[0].candidates.rows[0] == answers[1].candidates.rows[0]


async def test_no_queries(model: RecallModel) -> None:
    assert await model.run([]) == []


def test_channels_may_take_part_of_the_most_time_left() -> None:
    timing = Timing(timeout=0.2, share=0.5)
    assert timing.of([query(remaining=0.1), query(remaining=0.3)]) == pytest.approx(0.15)
    assert timing.of([query(remaining=60.0)]) == pytest.approx(0.2)


SIZES = FetchSizes(
    quotas=np.array([30, 20, 10], np.float32),
    fills=np.array([False, False, True]),
    seen_margin=15,
    filtered=200,
    everything=5000,
)


def test_a_channel_fetches_its_quota_and_what_may_be_seen() -> None:
    assert SIZES.of(query(limit=60)) == [30, 20, 60]
    keys = np.arange(1, 9, dtype=np.uint64)
    seeing = replace(query(limit=60), request=RequestContext(now=0, exclude=keys))
    assert SIZES.of(seeing) == [38, 28, 68]
    many = np.arange(1, 41, dtype=np.uint64)
    bounded = replace(query(limit=60), request=RequestContext(now=0, exclude=many))
    assert SIZES.of(bounded) == [45, 35, 100]


def test_a_longer_list_takes_more_of_each_channel() -> None:
    assert SIZES.of(query(limit=600)) == [300, 200, 600]
    assert SIZES.of(query(limit=6)) == [30, 20, 10]


@pytest.mark.parametrize("labels", [{"categories": ("drama",)}, {"tags": ("short",)}])
def test_a_request_for_labels_looks_deeper_and_fills_from_everything(
    labels: dict[str, tuple[str, ...]],
) -> None:
    narrow = replace(RequestContext(now=0), **labels)  # type: ignore[arg-type]
    assert SIZES.of(replace(query(limit=60), request=narrow)) == [200, 200, 5000]


async def test_a_category_of_unpopular_items_fills_the_list(release: Path) -> None:
    model = open_recall(release, RecallSettings(channel_timeout=60.0, filtered_fetch=1))
    alone = with_channels(model, Broken("two_tower"), Broken("item_cf"))
    catalog = Catalog(release, FeatureSchema.read(release).categories)
    western = np.flatnonzero(catalog.rows_in(("western",)))
    narrow = RequestContext(now=0, categories=("western",))
    (one,) = await recalled(alone, replace(query(limit=len(western)), request=narrow))
    assert sorted(one.candidates.rows.tolist()) == western.tolist()


def test_a_channel_that_the_release_does_not_name_is_not_opened(release_copy: Path) -> None:
    manifest = Manifest.read(release_copy)
    replace(manifest, channels=("popular", "item_cf")).write(release_copy)
    (release_copy / layout.USER_TOWER).unlink()
    with capture_logs() as logs:
        model = open_recall(release_copy, RecallSettings())
    assert model.channels == ("popular", "item_cf")
    assert {name for runner in model.runners for name in runner.names} == set(model.channels)
    (line,) = logs
    assert line["event"] == "channels that are not in the release"
    assert "two_tower" in line["channels"]
    assert "popular" not in line["channels"]


async def test_similar_is_the_mean_of_both_measures(model: RecallModel, release: Path) -> None:
    catalog = Catalog(release, FeatureSchema.read(release).categories)
    similar, row, limit = model.similar, 3, 10
    (outcome,) = await similar.run([SimilarQuery("r", int(catalog.keys[row]), limit, 1.0)])
    assert outcome.value is not None
    cosines = np.asarray(similar.vectors) @ similar.vectors[row]
    shares = np.zeros(len(catalog))
    known = similar.neighbours.rows[row] >= 0
    strengths = similar.neighbours.scores[row][known]
    shares[similar.neighbours.rows[row][known]] = strengths / strengths.max()
    expected = (cosines + shares) / 2
    for found, score in zip(outcome.value.rows, outcome.value.scores, strict=True):
        assert score == pytest.approx(expected[found], abs=1e-5)
    expected[row] = -np.inf
    # An item that neither measure has among its first is not looked at; the best one always is.
    assert outcome.value.rows[0] == np.argmax(expected)
