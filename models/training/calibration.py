"""Scores to probabilities."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def platt(scores: Tensor, labels: Tensor, steps: int = 50) -> tuple[float, float]:
    """a > 0 and b for which sigmoid(a * score + b) fits the labels best (Platt 1999).

    Args:
        scores: float32 [n].
        labels: 0 or 1, float32 [n], both there.
    """
    share = labels.mean().clamp(1e-6, 1 - 1e-6)
    spread = scores.std().clamp_min(1e-6)
    scaled = ((scores - scores.mean()) / spread).double()
    weights = torch.tensor([0.0, float(share.logit())], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        fit = F.binary_cross_entropy_with_logits(
            weights[0].exp() * scaled + weights[1], labels.double()
        )
        fit.backward()  # type: ignore[no-untyped-call]
        return fit

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    slope, intercept = weights.detach().tolist()
    a = math.exp(slope) / float(spread)
    return a, intercept - a * float(scores.mean())
