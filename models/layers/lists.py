"""Scores of lists of different lengths, side by side."""

import torch
from torch import Tensor

from models.schema.rank import slots
from services.domain.arrays import I64

NOWHERE = -1e9  # the logit of a place that a shorter list does not have


def in_lists(scores: Tensor, sizes: I64) -> Tensor:
    """Scores [N] of S lists, one after the other → [S, longest], the rest NOWHERE."""
    table, slot_of = slots(sizes.tolist())
    grid = scores.new_full((table.size,), NOWHERE)
    return grid.index_put((torch.from_numpy(slot_of),), scores).reshape(table.shape)
