"""Attention of a candidate over the history, without a tensor of [N, L, 4d]."""

from typing import cast

import torch
from torch import Tensor, nn


class TargetAttention(nn.Module):
    """The attention unit of DIN (Zhou et al. 2018) with its first layer taken apart.

    For an event h and a target t the unit is w2 . relu(W [h; t; h - t; h * t] + b). With W in four
    parts, W_h h + W_t t + W_d (h - t) + W_p (h * t) = (W_h + W_d) h + (W_t - W_d + W_p diag(h)) t:
    the first term and the matrix before t depend on the user alone. They are computed once a user
    and a target costs one product [d] x [d, L * H].

    Weights are a masked softmax; an empty history gives zeros.
    """

    def __init__(self, d: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(4 * d, hidden)
        self.second = nn.Linear(hidden, 1, bias=False)

    def forward(self, history: Tensor, mask: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        """history [B, L, d], mask and bias [B, L], targets [B, M, d] → attended [B, M, d]."""
        logits = self.logits(history, targets) + (bias + (mask - 1.0) * 1e9)[:, None, :]
        weights = torch.softmax(logits, dim=-1) * mask[:, None, :]
        return weights @ history

    def logits(self, history: Tensor, targets: Tensor) -> Tensor:
        """history [B, L, d], targets [B, M, d] → [B, M, L]."""
        w_h, w_t, w_d, w_p = self.first.weight.chunk(4, dim=1)  # [H, d] each
        hidden = w_h.shape[0]
        user = history @ (w_h + w_d).T + self.first.bias  # [B, L, H]
        matrix = history[:, :, None, :] * w_p + (w_t - w_d)  # [B, L, H, d]
        matrix = matrix.flatten(1, 2).transpose(1, 2)  # [B, d, L * H]
        grid = (targets.shape[0], targets.shape[1], history.shape[1], hidden)
        product = (targets @ matrix).reshape(grid)  # [B, M, L, H]
        return cast(Tensor, self.second(torch.relu(product + user[:, None]))).squeeze(-1)

    def plain_logits(self, history: Tensor, targets: Tensor) -> Tensor:
        """The formula as published, for comparison: the same numbers, more memory."""
        h = history[:, None].expand(-1, targets.shape[1], -1, -1)
        t = targets[:, :, None].expand_as(h)
        first = self.first(torch.cat([h, t, h - t, h * t], dim=-1))
        return cast(Tensor, self.second(torch.relu(first))).squeeze(-1)
