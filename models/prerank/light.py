"""The prerank model: one dot product and a small MLP a candidate."""

from typing import cast

import torch
from torch import Tensor, nn

from models.layers.mlp import Mlp, Standardise


class LightScorer(nn.Module):
    """score = MLP([user . item, recall features, static features]).

    Before it is trained every score is the same, so that the order of recall stays.
    """

    def __init__(self, recall_size: int, static_size: int, hidden: int = 32) -> None:
        super().__init__()
        self.standardise = Standardise(1 + recall_size + static_size)
        self.mlp = Mlp(1 + recall_size + static_size, hidden, 1)
        nn.init.zeros_(cast(nn.Linear, self.mlp[-1]).weight)

    def forward(
        self, user: Tensor, user_of: Tensor, vectors: Tensor, statics: Tensor, recall: Tensor
    ) -> Tensor:
        """user [B, d], user_of [N], vectors [N, d], statics [N, g], recall [N, R] → score [N]."""
        features = self.features(user, user_of, vectors, statics, recall)
        return cast(Tensor, self.mlp(self.standardise(features))).squeeze(-1)

    def features(
        self, user: Tensor, user_of: Tensor, vectors: Tensor, statics: Tensor, recall: Tensor
    ) -> Tensor:
        """What the MLP reads before it is standardised, [N, 1 + R + g]."""
        dot = (user[user_of] * vectors).sum(dim=1, keepdim=True)
        return torch.cat([dot, recall, statics], dim=1)
