"""What the place of an event says about its weight in attention."""

import torch
from torch import Tensor, nn

from models.schema.history import EVENT_SIZE, GAP_SIZE


class HistoryBias(nn.Module):
    """A learnt number an event by position, gap to the newest event, and event type.

    Positions and gaps are relative to the query, so the same bias serves training over all
    positions of a sequence at once and serving of the newest one. Starts as -log(1 + position):
    attention begins as a recency-weighted mean.
    """

    def __init__(self, length: int, heads: int) -> None:
        super().__init__()
        start = -torch.log1p(torch.arange(length, dtype=torch.float32))
        self.position = nn.Parameter(start[:, None].repeat(1, heads))
        self.gap = nn.Parameter(torch.zeros(GAP_SIZE, heads))
        self.event = nn.Parameter(torch.zeros(EVENT_SIZE, heads))

    def forward(self, events: Tensor, gaps: Tensor) -> Tensor:
        """events, gaps int64 [B, L], newest first → [B, L, heads]."""
        length = events.shape[1]
        return self.position[:length] + self.gap[gaps] + self.event[events]
