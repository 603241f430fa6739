"""Training of prerank and rank: what is learnt, and what an untrained model does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.prerank.light import LightScorer
from models.rank.din import Din, RankItems, RankShape
from models.recall.two_tower import TowerShape, TwoTower
from models.schema.history import RECENT, EncodedHistory
from models.schema.rank import slots
from models.schema.recall_features import feature_count
from models.training import prerank
from models.training.calibration import platt
from models.training.candidates import Lists
from models.training.lessons import Encoded, Items, Lessons
from models.training.position_bias import PositionBias
from models.training.rank import Ranker, RankTraining, loss_of, train
from models.training.recall import Recall
from models.training.rows import Labelled
from services.domain.candidates import Candidates

D, E, K, N, LISTS, WIDTH = 6, 4, 2, 40, 60, 12


def shape() -> RankShape:
    return RankShape((9,), 1 + feature_count(1), K, 3, e=E, length=RECENT)


def inputs(count: int = 5) -> list[torch.Tensor]:
    torch.manual_seed(1)
    table, slot_of = slots([count])
    zeros = torch.zeros(1, RECENT, dtype=torch.int64)
    return [
        torch.randn(1, RECENT, E + K + 3),
        torch.ones(1, RECENT),
        zeros + 2,
        zeros,
        torch.ones(1, 1, dtype=torch.int64),
        torch.randn(count, E + K + 3),
        torch.zeros(count, dtype=torch.int64),
        torch.randn(count, 1 + feature_count(1)),
        torch.from_numpy(table),
        torch.from_numpy(slot_of),
    ]


def test_an_untrained_prerank_keeps_the_order_it_is_given() -> None:
    model = LightScorer(feature_count(2), 3)
    with torch.no_grad():
        scores = model(
            torch.randn(1, D),
            torch.zeros(9, dtype=torch.int64),
            torch.randn(9, D),
            torch.randn(9, 3),
            torch.randn(9, feature_count(2)),
        )
    assert len(set(scores.tolist())) == 1


def test_an_untrained_ranker_keeps_the_order_it_is_given() -> None:
    with torch.no_grad():
        tasks = Din(shape()).eval()(*inputs())
    assert len({tuple(row) for row in tasks.tolist()}) == 1


def test_a_ranker_begins_with_the_order_of_prerank() -> None:
    light = LightScorer(feature_count(1), 3)
    light.standardise.fit(torch.randn(50, 1 + feature_count(1) + 3))
    torch.nn.init.normal_(light.mlp[-1].weight)
    din = Din(shape()).eval()
    din.start_from(light)
    given = inputs()
    with torch.no_grad():
        read = torch.cat([given[7], given[5][:, E + K :]], dim=1)
        expected = light.mlp(light.standardise(read)).squeeze(-1)
        found = din.logits(*given)[:, 0]
    torch.testing.assert_close(found - found.mean(), expected - expected.mean())
    assert expected.std() > 0.1


def test_calibration_keeps_the_order_and_fits_the_share() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4000, generator=generator) * 3 + 40
    labels = (torch.rand(4000, generator=generator) < torch.sigmoid(2 * scores - 83)).float()
    a, b = platt(scores, labels)
    assert a == pytest.approx(2, rel=0.15)
    assert float(torch.sigmoid(a * scores + b).mean()) == pytest.approx(
        float(labels.mean()), abs=1e-3
    )


def lessons(seed: int, shown: bool = False) -> Lessons:
    """The answer is the candidate that is like the user's newest item; features say nothing.

    With `shown`, every list was served and items near the top were taken more than they deserve.
    """
    generator = np.random.default_rng(seed)
    newest = generator.integers(N, size=LISTS)
    candidates, answers, positions = [], [], []
    for item in newest:
        rows = generator.permutation(np.setdiff1d(np.arange(N), [item]))[:WIDTH]
        alike = np.flatnonzero(rows % 4 == item % 4)
        answers.append(int(alike[0]) if len(alike) else 0)
        candidates.append(
            Candidates(rows.astype(np.int32), np.ones(WIDTH, np.uint32), np.ones((WIDTH, 1), "f4"))
        )
        positions.append(1 + np.arange(WIDTH))
    negatives = [np.arange(WIDTH) != answer for answer in answers]
    history = np.full((LISTS, RECENT), -1, np.int64)
    history[:, 0] = newest
    mask = (history >= 0).astype(np.float32)
    encoded = EncodedHistory(history, 2 * mask.astype(np.int64), 0 * history, mask)
    return Lessons(
        Labelled(
            np.arange(LISTS), candidates, np.array(answers), negatives, positions if shown else []
        ),
        Encoded(
            encoded,
            np.zeros((LISTS, 1), np.int64),
            np.zeros((LISTS, D), np.float32),
            np.zeros(LISTS, np.bool_),
        ),
    )


def items() -> Items:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(4, D))[np.arange(N) % 4] + 0.1 * generator.normal(size=(N, D))
    vectors = table / np.linalg.norm(table, axis=1, keepdims=True)
    nobody, statics = np.zeros((N, K), np.float32), np.zeros((N, 3), np.float32)
    return Items(table.astype("f4"), nobody, vectors.astype("f4"), statics)


def ranker() -> Ranker:
    torch.manual_seed(0)
    din = Din(shape())
    light = LightScorer(feature_count(1), 3)
    din.start_from(light)
    return Ranker(din, RankItems.along_axes(torch.from_numpy(items().table), E))


CONFIG = RankTraining(epochs=6, batch=8, learning_rate=1e-2)


def quiet(_: float) -> None:
    return None


def test_the_ranker_learns_what_only_the_history_tells() -> None:
    model, held_out = ranker(), lessons(2)
    before = loss_of(model, items(), held_out)
    train(model, items(), [lessons(1)], held_out, CONFIG, quiet)
    assert before == pytest.approx(np.log(WIDTH), rel=1e-3)
    assert loss_of(model, items(), held_out) < 0.9 * before


def test_the_same_seed_trains_the_same_ranker() -> None:
    tables = []
    for _ in range(2):
        model = ranker()
        train(model, items(), [lessons(1), lessons(3, shown=True)], lessons(2), CONFIG, quiet)
        tables.append(model.table(items().table, items().spectral, items().statics))
    np.testing.assert_array_equal(tables[0], tables[1])
    assert tables[0].shape == (N, E + K + 3)


def test_validation_knows_what_places_do() -> None:
    bias = PositionBias()
    with torch.no_grad():
        bias(np.array([1]))  # a bias that is not trained says nothing
        held_out = shown_first()
        assert loss_of(ranker(), items(), held_out, bias) == loss_of(ranker(), items(), held_out)
        next(bias.parameters())[1] = 3.0
    assert loss_of(ranker(), items(), held_out, bias) < 0.5 * loss_of(ranker(), items(), held_out)


def test_what_prerank_learnt_of_places_is_not_learnt_again() -> None:
    """Training that makes it worse is not kept: the weights before it know what places do."""
    model, held_out = ranker(), shown_first()
    with torch.no_grad():
        next(model.bias.parameters())[1] = 3.0
    before = loss_of(model, items(), held_out, model.bias)
    wild = replace(CONFIG, learning_rate=10.0)
    train(model, items(), [lessons(1)], held_out, wild, quiet)
    assert loss_of(model, items(), held_out, model.bias) == before


def shown_first() -> Lessons:
    """Whatever was shown first was taken; recall scored it higher, in most lists."""
    found = lessons(1, shown=True)
    generator = np.random.default_rng(4)
    scores = [generator.normal(3.0 * (np.arange(WIDTH) == 0), 1.0) for _ in range(LISTS)]
    candidates = [
        replace(one, recall_scores=some[:, None].astype(np.float32))
        for one, some in zip(found.labelled.candidates, scores, strict=True)
    ]
    negatives = [np.arange(WIDTH) > 0] * LISTS
    answers = np.zeros(LISTS, np.int64)
    labelled = replace(found.labelled, candidates=candidates, answers=answers, negatives=negatives)
    return replace(found, labelled=labelled)


def test_prerank_does_not_learn_what_places_do() -> None:
    """How much better it makes the item shown first: less when it is told that it was first."""
    labelled = shown_first().labelled
    lists = Lists(np.zeros((LISTS, D), np.float32), labelled.candidates, 1)
    models = recall_of(items())

    def lead(of: Labelled) -> float:
        model, _ = prerank.train(of, lists, models, 100, 1, quiet)
        user = np.zeros(D, np.float32)
        scores = [prerank.score(model, one, user, models) for one in labelled.candidates]
        return float(np.mean([one[0] - one[1:].mean() for one in scores]))

    assert 0 < lead(labelled) < 0.8 * lead(replace(labelled, positions=[]))


def recall_of(some: Items) -> Recall:
    """Recall as far as prerank reads it."""
    return Recall(
        TwoTower(TowerShape((9,), D), torch.zeros(N, 1)),
        some.table,
        some.vectors,
        (np.zeros((N, 1), np.int32), np.zeros((N, 1), np.float32)),
        np.zeros(N, np.float32),
        some.spectral,
        some.statics,
        {},
    )


def test_the_ranker_learns_what_only_the_takers_tell() -> None:
    """Items say nothing but by whom they were taken: one factor a kind of item."""
    kinds = np.eye(4, dtype=np.float32)[np.arange(N) % 4]
    zeros = np.zeros((N, D), np.float32)
    alone = Items(zeros, kinds, zeros, np.zeros((N, 3), np.float32))
    torch.manual_seed(0)
    din = Din(replace(shape(), spectral_size=4))
    din.start_from(LightScorer(feature_count(1), 3))
    model, held_out = Ranker(din, RankItems(D, E)), lessons(2)
    before = loss_of(model, alone, held_out)
    train(model, alone, [lessons(1), lessons(3)], held_out, CONFIG, quiet)
    assert loss_of(model, alone, held_out) < 0.9 * before


def test_without_lessons_nothing_is_trained() -> None:
    model = ranker()
    empty = Lessons(
        Labelled(np.empty(0, np.int64), [], np.empty(0, np.int64), []), lessons(1).encoded
    )
    train(model, items(), [empty], empty, CONFIG, quiet)
    with torch.no_grad():
        assert len({tuple(row) for row in model.din(*inputs()).tolist()}) == 1
