"""Small dense parts."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class Mlp(nn.Sequential):
    """Linear layers with ReLU between them: sizes (in, hidden..., out)."""

    def __init__(self, *sizes: int) -> None:
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(sizes)):
            if i:
                layers.append(nn.ReLU())
            layers.append(nn.Linear(a, b))
        super().__init__(*layers)


class Standardise(nn.Module):
    """(x - mean) / std with the mean and std of the training rows, clipped to [-5, 5]."""

    mean: Tensor
    std: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def fit(self, rows: Tensor) -> None:
        """Takes mean and std from rows [n, size]; constant columns keep a std of 1."""
        std = rows.std(dim=0, correction=0)
        self.mean.copy_(rows.mean(dim=0))
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) / self.std).clamp(-5.0, 5.0)
