"""A release through the stages that serve: places, losses, comparison, what is stored."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.data.dataset import Dataset
from models.evaluation import EvaluationError, wanted
from models.evaluation.cases import Events, of_release
from models.evaluation.comparison import comparison
from models.evaluation.funnel import Funnel
from models.evaluation.losses import losses
from models.evaluation.metrics.found import NOT_FOUND
from models.evaluation.places import SHOWN, Places
from models.evaluation.plain.files import PlainFile
from models.evaluation.release import judge
from models.evaluation.report import report
from models.evaluation.tables import markdown
from models.evaluation.values import of_manifest
from models.evaluation.wanted import Wanted
from models.schema.manifest import Manifest
from models.training.candidates import recall
from models.training.log import Log
from models.training.split import last_out, queries
from services.domain.arrays import I64
from tests.releases import tiny_dataset


def quiet(_: str) -> Callable[[float], None]:
    return lambda done: None


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return tiny_dataset(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def log(dataset: Dataset) -> Log:
    return Log.of(dataset.tables(), has_clock=True)


@pytest.fixture(scope="module")
def places(release: Path) -> Places:
    return Places.read(release)


def test_the_manifest_is_made_of_the_places(release: Path, places: Places) -> None:
    assert Manifest.read(release).metrics == pytest.approx(of_manifest(places))
    assert places.about.subject == release.name
    assert places.about.fingerprint == Manifest.read(release).data_fingerprint
    page = markdown(report(places, (10, 20, 50))).splitlines()
    assert (release / "evaluation/report.md").read_text().splitlines()[1:] == page[1:]


def test_stages_are_in_order_and_only_narrow(places: Places) -> None:
    stages = places.about.stages
    assert stages[0] == "popular"
    assert stages[-4:] == ("recall", "prerank", "rank", "rerank")
    inside = [places.found(stage).places < NOT_FOUND for stage in stages[-4:]]
    for before, after in pairwise(inside):
        assert (before | ~after).all()
    assert (inside[1] == inside[2]).all()  # rank only orders
    for stage, limit, lengths in zip(stages, places.about.limits, places.lengths, strict=True):
        assert (lengths <= limit).all(), stage


def test_recall_has_the_places_that_training_sees(release: Path, log: Log) -> None:
    timeless = replace(log, has_clock=False)
    split = last_out(log, 0.0, 0)
    asked = queries(log, split.held_out, split.test[split.held_out])
    found = judge(Funnel.open(release), timeless, wanted.answers(timeless, asked), "", quiet(""))
    lists = recall(release, timeless, asked)
    expected = [
        next(iter(np.flatnonzero(one.rows == target)), NOT_FOUND)
        for one, target in zip(lists.candidates, asked.targets, strict=True)
    ]
    assert found.found("recall").places.tolist() == expected


def test_kept_lists_hold_the_true_items_at_their_places(places: Places, log: Log) -> None:
    split = last_out(log, 0.0, 0)
    asked = wanted.by_time(
        wanted.answers(log, queries(log, split.held_out, split.test[split.held_out]))
    )
    assert places.users.tolist() == asked.users.tolist()
    for stage, lists in zip(places.about.stages, places.lists, strict=True):
        at = places.found(stage).places
        for target, place, shown in zip(asked.targets, at, lists, strict=True):
            where = np.flatnonzero(shown == target).tolist()
            assert where == ([place] if place < SHOWN else [])


def test_what_comes_into_a_stage_came_out_of_the_one_before(places: Places) -> None:
    lost = losses(places, SHOWN)
    assert [one.stage for one in lost] == ["recall", "prerank", "rank", "rerank"]
    assert lost[0].came == len(places.reasons)
    for before, after in pairwise(lost):
        assert after.came == before.left
    shown = np.count_nonzero(places.found("rerank").places < SHOWN)
    assert lost[-1].left == shown == np.count_nonzero(places.reasons == 0)
    reasons = sum(count for one in lost for _, count in one.reasons)
    assert reasons + shown == len(places.reasons)


def test_an_evaluation_survives_its_file(places: Places, tmp_path: Path) -> None:
    places.write(tmp_path)
    again = Places.read(tmp_path)
    assert again.about == places.named(subject=tmp_path.name).about
    for name in ("users", "offsets", "places", "lists", "lengths", "counts", "reasons"):
        np.testing.assert_array_equal(getattr(again, name), getattr(places, name))


def test_a_release_without_evaluation_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="has no stored evaluation"):
        Places.read(tmp_path)
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation/places.npz").write_bytes(b"something else")
    with pytest.raises(EvaluationError, match="is not an evaluation"):
        Places.read(tmp_path)


def test_a_release_does_not_differ_from_itself(places: Places) -> None:
    table = comparison(places, places, (10,))
    assert {row[0] for row in table.rows} == set(places.about.stages)
    for *_, p, sure in table.rows:
        assert (p, sure) == (1.0, "no")


def test_a_better_stage_is_found_better(places: Places) -> None:
    """The true items of the final list put first, for all users."""
    best = places.places.copy()
    best[-1] = 0
    better = replace(places, places=best)
    rows = {(row[0], row[1]): row for row in comparison(better, places, (10,)).rows}
    assert rows["rerank", "ndcg@10"][-1] == "yes"
    assert rows["rank", "ndcg@10"][-1] == "no"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"fingerprint": "x"}, "their data differ"),
        ({"protocol": "x"}, "their protocol differ"),
        ({"ranking": "sampled: x"}, "their ranking differ"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    places: Places, other: dict[str, str], said: str
) -> None:
    with pytest.raises(EvaluationError, match=said):
        comparison(places, places.named(**other), (10,))


def test_lengths_beyond_a_list_are_left_empty(places: Places) -> None:
    table = report(places, (50,)).tables[0]
    rows = {row[0]: row[1:] for row in table.rows}
    assert set(rows["rerank"]) == {None}  # the final list has 20
    assert None not in rows["recall"]


def test_its_own_training_data_is_refused(release: Path, dataset: Dataset) -> None:
    with pytest.raises(EvaluationError, match="was trained on this very data"):
        of_release(release, Events(dataset.folder), quiet)


def test_what_the_release_that_served_was_trained_on_is_refused(
    release: Path, dataset: Dataset, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    for folder in (tmp_path / release.name, child):
        shutil.copytree(release, folder)
    manifest = replace(Manifest.read(release), id="child", data_fingerprint="of a log")
    replace(manifest, parent=release.name).write(child)
    with pytest.raises(EvaluationError, match="child was trained on this very data"):
        of_release(child, Events(dataset.folder), quiet)
    manifest.write(child)  # without a parent nothing tells
    found = of_release(child, Events(dataset.folder, "last-out"), quiet)
    assert found.about.notes["queries from before the release"] == len(found)


def test_a_test_file_is_matched_by_ids(log: Log, dataset: Dataset) -> None:
    ids = dataset.tables().items["item_id"].to_list()
    user = log.user_ids[3]
    had = {ids[row] for row in log.rows[log.offsets[3] : log.offsets[4]]}
    fresh = next(item for item in ids if item not in had)
    test = PlainFile([user, user, user, "nobody"], [fresh, next(iter(had)), "nothing", fresh], [])
    found = wanted.given(log, ids, test)
    assert (found.users.tolist(), found.ends.tolist()) == ([3], [log.sizes[3]])
    assert [ids[row] for row in found.targets] == [fresh]
    assert list(found.notes.values()) == [1, 1, 1]
    with pytest.raises(EvaluationError, match="no user has a test item"):
        wanted.given(log, ids, PlainFile(["nobody"], [fresh], []))


def test_after_a_moment_all_new_items_are_wanted(log: Log) -> None:
    moment = int(np.quantile(log.times, 0.7))
    found = wanted.after(log, moment)
    for q, user in enumerate(found.users):
        mine = slice(log.offsets[user], log.offsets[user + 1])
        before = set(log.rows[mine][log.times[mine] <= moment].tolist())
        later = set(log.rows[mine][log.times[mine] > moment].tolist())
        true = found.targets[found.offsets[q] : found.offsets[q + 1]]
        assert set(true.tolist()) == later - before
        assert len(true) == len(set(true.tolist()))
        assert (log.times[mine][: found.ends[q]] <= moment).all()
    with pytest.raises(EvaluationError, match="no times"):
        wanted.after(replace(log, has_clock=False), moment)
    with pytest.raises(EvaluationError, match="no user has a test item"):
        wanted.after(log, 2**32 - 1)


def test_an_item_the_release_does_not_have_is_lost_in_recall(release: Path, log: Log) -> None:
    """The data set may know more items than the release, in another order."""
    shuffled = np.random.default_rng(1).permutation(log.item_count)
    keys = np.append(log.keys[shuffled], np.uint64(12345))
    place = np.argsort(shuffled)
    moved = replace(log, rows=place[log.rows], keys=keys)
    asked = _first_five(moved)
    strange = replace(asked, targets=np.append(asked.targets[:-1], len(keys) - 1))
    funnel = Funnel.open(release)
    found = judge(funnel, moved, strange, "", quiet(""))
    straight = judge(funnel, log, _first_five(log), "", quiet(""))
    last = int(np.flatnonzero(found.users == strange.users[-1])[0])
    assert found.about.reasons[found.reasons[last]] == "recall: not in the release"
    assert (found.places[:, last] == NOT_FOUND).all()
    others = np.arange(len(found)) != last
    np.testing.assert_array_equal(found.places[:, others], straight.places[:, others])
    np.testing.assert_array_equal(found.counts, straight.counts)


def _first_five(log: Log) -> Wanted:
    split = last_out(log, 0.0, 0)
    some: I64 = split.held_out[:5]
    return wanted.answers(log, queries(log, some, split.test[some]))
