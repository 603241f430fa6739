"""Items newer than the release as prerank and rank see them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.schema import layout
from models.schema.inline import inline_of, rows_of, typical
from models.schema.manifest import Manifest
from models.schema.prerank import PrerankEncoder
from models.schema.rank import RankEncoder
from services.domain.candidates import Candidates
from services.domain.context import RequestContext, UserContext
from services.domain.inline import NO_INLINE, InlineItems
from services.domain.stages import PrerankQuery, RankQuery
from services.prerank.pipeline import open_prerank
from services.rank.pipeline import open_rank

NOW = RequestContext(now=0)


def inline(count: int, d: int = 2, f: int = 3, seed: int = 0) -> InlineItems:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(count, d)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = generator.random((count, f), np.float32)
    return InlineItems(tuple(f"new{seed}-{i}" for i in range(count)), vectors, features)


def candidates(rows: list[int], items: InlineItems, channels: int = 2) -> Candidates:
    n = len(rows)
    scores = np.linspace(1, 0.1, n * channels, dtype=np.float32).reshape(n, channels)
    everywhere = np.full(n, (1 << channels) - 1, np.uint32)
    return Candidates(np.array(rows, np.int32), everywhere, scores, inline=items)


def test_rows_of_a_batch_point_into_the_inline_items_of_all() -> None:
    one, two = inline(2, seed=1), inline(3, seed=2)
    lists = [
        candidates([4, -2], one),
        candidates([7], NO_INLINE),
        candidates([], NO_INLINE),
        candidates([-1, 0, -3], two),
    ]
    every = inline_of(lists)
    assert rows_of(lists).tolist() == [4, -2, 7, -3, 0, -5]
    assert every.ids == one.ids + two.ids
    np.testing.assert_array_equal(every.vectors[-1 - -5], two.vectors[2])
    np.testing.assert_array_equal(every.features[-1 - -3], two.features[0])
    assert inline_of([candidates([7], NO_INLINE)]) is NO_INLINE


def test_an_item_nothing_is_known_of_stands_in_the_middle() -> None:
    assert typical(np.array([[0, 5], [1, 6], [9, 0]], np.float32)).tolist() == [1.0, 5.0]
    assert typical(np.empty((0, 2), np.float32)).tolist() == [0.0, 0.0]


@pytest.fixture(scope="module")
def known_as_new(release: Path) -> tuple[Candidates, Candidates]:
    """Five items of the release, and the same with the last two as inline items."""
    vectors = np.load(release / layout.VECTORS)
    content = np.load(release / layout.CATALOG_FEATURES)
    items = InlineItems(("a", "b"), vectors[[30, 40]], content[[30, 40]])
    channels = len(Manifest.read(release).channels)
    known = candidates([0, 1, 2, 30, 40], NO_INLINE, channels)
    return known, replace(known, rows=np.array([0, 1, 2, -1, -2], np.int32), inline=items)


def user(release: Path) -> np.ndarray:
    return np.load(release / layout.VECTORS)[3]


async def test_prerank_reads_the_vector_of_a_new_item(release, known_as_new) -> None:
    known, new = known_as_new
    encoder = PrerankEncoder.open(release)
    someone = UserContext.unknown("u")
    asked = [PrerankQuery("", someone, NOW, c, user(release), 1.0) for c in (known, new, known)]
    feed = encoder.feed(asked)
    np.testing.assert_array_equal(feed["vectors"][:5], feed["vectors"][5:10])
    np.testing.assert_array_equal(feed["statics"][8:10], [encoder.typical] * 2)
    first, second, third = await open_prerank(release).run(asked)
    np.testing.assert_allclose(first.value.blended, third.value.blended, atol=1e-6)
    np.testing.assert_allclose(first.value.blended[:3], second.value.blended[:3], atol=1e-5)
    assert np.isfinite(second.value.blended).all()


async def test_rank_reads_a_new_item_by_its_content(release, known_as_new) -> None:
    known, new = known_as_new
    model = open_rank(release)
    someone = UserContext.unknown("u")
    asked = [RankQuery("", someone, NOW, c, 1.0, user(release)) for c in (new, known, new)]
    learnt = model.tower.run({"features": model.encoder.content(asked)})["item"]
    items = model.encoder.feed(asked, learnt)["items"]
    size = learnt.shape[1]
    np.testing.assert_array_equal(items[3:5, :size], learnt[:2])
    np.testing.assert_array_equal(items[13:15, :size], learnt[2:])
    np.testing.assert_array_equal(items[3:5, size:], [model.encoder.typical] * 2)
    np.testing.assert_array_equal(items[:3], model.encoder.items[:3])
    first, _, third = await model.run(asked)
    np.testing.assert_allclose(first.value.tasks, third.value.tasks, atol=1e-6)
    turned = replace(new, inline=replace(new.inline, features=new.inline.features[::-1].copy()))
    (other,) = await model.run([RankQuery("", someone, NOW, turned, 1.0, user(release))])
    np.testing.assert_allclose(other.value.tasks[:3], first.value.tasks[:3], atol=1e-5)
    encoder = RankEncoder.open(release)
    assert encoder.content([asked[1]]).size == 0


async def test_what_does_not_fit_fails_alone(release, known_as_new) -> None:
    known, new = known_as_new
    wide = replace(new, inline=replace(new.inline, features=np.ones((2, 1), np.float32)))
    someone = UserContext.unknown("u")
    asked = [RankQuery("", someone, NOW, c, 1.0, user(release)) for c in (wide, known)]
    bad, good = await open_rank(release).run(asked)
    assert good.value is not None
    assert bad.failure.message.startswith("candidates.inline_items.features: 1 values an item")
