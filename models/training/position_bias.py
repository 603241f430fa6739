"""What the place alone does to the score of what was shown; training takes it up and forgets it."""

import torch
from torch import Tensor, nn

from services.domain.arrays import I64

POSITIONS = 100  # places of a list that have a bias of their own


class PositionBias(nn.Module):
    """Lists that were shown say less about their last places, which were looked at less.

    An offset of the log-odds by position, learnt beside a scorer and left out in serving
    (Guo et al. 2019, PAL).
    """

    def __init__(self) -> None:
        super().__init__()
        self._offsets = nn.Embedding(POSITIONS + 1, 1, padding_idx=0)
        nn.init.zeros_(self._offsets.weight)

    def forward(self, positions: I64) -> Tensor:
        """Positions from 1, 0 where nothing was shown, int64 [N] → float32 [N]."""
        offsets: Tensor = self._offsets(torch.from_numpy(positions.clip(max=POSITIONS)))
        return offsets.squeeze(-1)
