import numpy as np
import pytest
import torch

from models.layers.fields import FieldEmbedding
from models.layers.lists import NOWHERE, in_lists
from models.layers.mlp import Standardise
from models.layers.target_attention import TargetAttention
from models.recall.two_tower import TowerShape, UserTower
from models.schema.history import EVENT_SIZE, GAP_SIZE


@pytest.mark.parametrize(("users", "length", "targets"), [(1, 1, 1), (3, 7, 5), (2, 50, 20)])
def test_decomposed_attention_equals_the_published_formula(
    users: int, length: int, targets: int
) -> None:
    torch.manual_seed(0)
    attention = TargetAttention(8, 6)
    history, candidates = torch.randn(users, length, 8), torch.randn(users, targets, 8)
    with torch.no_grad():
        plain = attention.plain_logits(history, candidates)
        torch.testing.assert_close(attention.logits(history, candidates), plain, atol=1e-5, rtol=0)


def test_padding_has_no_weight_and_an_empty_history_gives_zeros() -> None:
    torch.manual_seed(0)
    attention = TargetAttention(4, 3)
    history, targets, bias = torch.randn(2, 5, 4), torch.randn(2, 3, 4), torch.zeros(2, 5)
    mask = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
    with torch.no_grad():
        padded = attention(history, mask, bias, targets)
        short = attention(history[:1, :2], mask[:1, :2], bias[:1, :2], targets[:1])
    torch.testing.assert_close(padded[:1], short)
    assert (padded[1] == 0).all()


def test_all_positions_at_once_equal_one_history_at_a_time() -> None:
    torch.manual_seed(0)
    length, steps, d = 4, 7, 8
    tower = UserTower(TowerShape(field_sizes=(3, 2), d=d, heads=2, length=length)).eval()
    for parameter in (
        tower.bias.gap,
        tower.bias.event,
        tower.events.weight,
        tower.fields.table.weight,
    ):
        torch.nn.init.normal_(parameter)
    items, events = torch.randn(1, steps, d), torch.randint(1, EVENT_SIZE, (1, steps))
    fields = torch.randint(0, 2, (1, steps, 2))
    gaps = torch.randint(0, GAP_SIZE, (1, steps, steps))
    distance = torch.arange(steps)[:, None] - torch.arange(steps)
    bias = tower.bias.position[distance.clamp(0, length - 1)] + tower.bias.gap[gaps]
    bias = bias + tower.bias.event[events][:, None]
    allowed = ((distance >= 0) & (distance < length))[None]
    with torch.no_grad():
        every = tower.at_all_positions(items + tower.events(events), bias, allowed, fields)
        for t in range(steps):
            kept = torch.arange(t, max(-1, t - length), -1)
            one = tower(
                items[:, kept],
                torch.ones(1, len(kept)),
                events[:, kept],
                gaps[:, t, kept],
                fields[:, t],
            )
            torch.testing.assert_close(every[:, t], one, atol=1e-5, rtol=0)


def test_user_vectors_have_unit_length_without_history_too() -> None:
    torch.manual_seed(0)
    tower = UserTower(TowerShape(field_sizes=(3,), d=8)).eval()
    torch.nn.init.normal_(tower.fields.table.weight)
    zeros = torch.zeros(2, 5, dtype=torch.int64)
    with torch.no_grad():
        vectors = tower(
            torch.zeros(2, 5, 8), torch.zeros(2, 5), zeros, zeros, torch.tensor([[0], [1]])
        )
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    assert not torch.allclose(vectors[0], vectors[1])


def test_fields_have_rows_of_their_own() -> None:
    embedding = FieldEmbedding((2, 3), 4)
    torch.nn.init.normal_(embedding.table.weight)
    table = embedding.table.weight
    torch.testing.assert_close(embedding(torch.tensor([1, 2])), table[1] + table[4])


def test_a_column_that_was_constant_in_training_says_nothing_later() -> None:
    layer = Standardise(2)
    layer.fit(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
    torch.testing.assert_close(
        layer(torch.tensor([[3.0, 7.0], [99.0, 8.0]])), torch.tensor([[1.0, 0.0], [5.0, 0.0]])
    )


def test_lists_side_by_side() -> None:
    grid = in_lists(torch.tensor([1.0, 2.0, 3.0]), np.array([1, 0, 2]))
    assert grid.tolist() == [[1.0, NOWHERE], [NOWHERE, NOWHERE], [2.0, 3.0]]
