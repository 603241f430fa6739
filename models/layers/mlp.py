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
    """(x - mean) / std with the mean and std of the training rows, clipped to [-5, 5].

    A column that was constant in training gives 0 whatever it is later: the weights after it were
    never trained. So does every column before `fit`.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.zeros(size))

    def fit(self, rows: Tensor) -> None:
        """Takes mean and std from rows [n, size]."""
        std = rows.std(dim=0, correction=0)
        self.mean.copy_(rows.mean(dim=0))
        self.scale.copy_(torch.where(std > 1e-6, 1.0 / std.clamp_min(1e-6), torch.zeros(())))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) * self.scale).clamp(-5.0, 5.0)
