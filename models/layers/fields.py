"""Embedding of a user's and a request's categorical fields."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FieldEmbedding(nn.Module):
    """Sum of one embedding a field: indices int64 [..., F] → [..., d].

    All fields share one table, each with rows of its own. It starts at zero, so a value that was
    never trained says nothing.
    """

    offsets: Tensor

    def __init__(self, sizes: Sequence[int], d: int) -> None:
        """`sizes`: number of indices by field."""
        super().__init__()
        starts = torch.cumsum(torch.tensor([0, *sizes[:-1]]), dim=0)
        self.register_buffer("offsets", starts)
        self.table = nn.Embedding(sum(sizes), d)
        nn.init.zeros_(self.table.weight)

    def forward(self, fields: Tensor) -> Tensor:
        return torch.as_tensor(self.table(fields + self.offsets)).sum(dim=-2)
