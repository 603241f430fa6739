"""The ranker: a multi-task deep interest network."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from models.layers.fields import FieldEmbedding
from models.layers.history_bias import HistoryBias
from models.layers.mlp import Mlp, Standardise
from models.layers.target_attention import TargetAttention
from models.prerank.light import LightScorer
from models.schema.history import EVENT_SIZE, RECENT


@dataclass(frozen=True, slots=True)
class RankShape:
    """Sizes: fields, features, e of item representations, hidden layers, history."""

    field_sizes: tuple[int, ...]
    recall_size: int
    spectral_size: int
    static_size: int
    e: int = 32
    attention: int = 16
    hidden: int = 64
    base: int = 32
    length: int = 50


class Din(nn.Module):
    """DIN (Zhou et al. 2018) with a shared bottom and one output a task, wide and deep.

    The wide part (Cheng et al. 2016) reads numbers alone: recall features, static features and
    similarities to the history. Both parts start as zero and add to `base`, which reads what
    prerank reads and starts as its network: the ranker begins with the order of prerank.

    Candidates are compared with the history by attention and, one by one, with its newest
    RECENT events. What depends on the user alone is computed once a user: the history's side of
    attention and the user's share of the bottom's first layer.

    An item's row is what is learnt of it, its spectral factors, and its static features. The sum of
    the factors of the history by those of a candidate is the affinity of the two: a score of
    PureSVD for every candidate, whichever channel found it.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, shape: RankShape, tasks: int = 2) -> None:
        super().__init__()
        e = shape.e
        self.shape = shape
        self.events = nn.Embedding(EVENT_SIZE, e)
        nn.init.zeros_(self.events.weight)
        self.bias = HistoryBias(shape.length, 1)
        self.attention = TargetAttention(e, shape.attention)
        self.fields = FieldEmbedding(shape.field_sizes, e)
        self.standardise = Standardise(shape.recall_size + shape.static_size)
        self.affinity = Standardise(1)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))
        self.base = Mlp(shape.recall_size + shape.static_size, shape.base, 1)
        self.of_user = nn.Linear(3 * e, shape.hidden)
        numbers = RECENT + 2 + shape.recall_size + shape.static_size
        self.of_item = nn.Linear(3 * e + numbers, shape.hidden, bias=False)
        self.dropout = nn.Dropout(0.3)
        self.deep = Mlp(shape.hidden, 32, tasks)
        self.wide = Mlp(numbers, 32, tasks)
        for part in (self.deep, self.wide):
            nn.init.zeros_(cast(nn.Linear, part[-1]).weight)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Probabilities by task, [N, T]; the inputs are those of RankEncoder.feed, in its order."""
        return torch.sigmoid(self.logits(*inputs))

    def logits(
        self,
        history: Tensor,
        mask: Tensor,
        events: Tensor,
        gaps: Tensor,
        fields: Tensor,
        items: Tensor,
        user_of: Tensor,
        recall: Tensor,
        slots: Tensor,
        slot_of: Tensor,
    ) -> Tensor:
        """Log-odds by task, [N, T]."""
        e = self.shape.e
        plain = history[..., :e]
        seen = (plain + self.events(events)) * mask[..., None]
        targets, statics = items[:, :e], items[:, e + self.shape.spectral_size :]
        grid = targets[slots]  # [B, M, e]
        bias = self.bias(events, gaps).squeeze(-1)
        attended = self.attention(seen, mask, bias, grid)
        recent = grid @ plain[:, :RECENT].transpose(1, 2)  # [B, M, RECENT]
        attended = attended.flatten(0, 1)[slot_of]
        recent = recent.flatten(0, 1)[slot_of]
        match = (attended * targets).sum(dim=1, keepdim=True)
        given = self.standardise(torch.cat([recall, statics], dim=1))
        affinity = self.affinity(self.affinities(history, mask, items, user_of))
        numbers = torch.cat([recent, match, affinity, given], dim=1)
        item = [targets, attended, attended * targets, numbers]
        mean = seen.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp_min(1.0)
        user = torch.cat([seen[:, 0], mean, self.fields(fields)], dim=1)
        hidden = self.of_user(user)[user_of] + self.of_item(torch.cat(item, dim=1))
        logits = cast(Tensor, self.deep(self.dropout(torch.relu(hidden)))) + self.wide(numbers)
        interact = (logits[:, :1] + self.base(given)) * self.scale + self.shift
        return torch.cat([interact, logits[:, 1:]], dim=1)

    def affinities(self, history: Tensor, mask: Tensor, items: Tensor, user_of: Tensor) -> Tensor:
        """history [B, L, e + k + s], mask [B, L], items [N, e + k + s], user_of [N] → [N, 1]."""
        factors = slice(self.shape.e, self.shape.e + self.shape.spectral_size)
        profiles = (history[..., factors] * mask[..., None]).sum(dim=1)
        return (profiles[user_of] * items[:, factors]).sum(dim=1, keepdim=True)

    def calibrate(self, a: float, b: float) -> None:
        """Log-odds to interact z become a * z + b; a > 0, so the order stays."""
        with torch.no_grad():
            self.scale.mul_(a)
            self.shift.mul_(a).add_(b)

    def start_from(self, prerank: LightScorer) -> None:
        """Takes over what prerank has learnt."""
        self.standardise.load_state_dict(prerank.standardise.state_dict())
        self.base.load_state_dict(prerank.mlp.state_dict())


class RankItems(nn.Module):
    """Items as the ranker reads them: recall's representation in the dimensions that matter here.

    There is no embedding of its own for an item: a release's recall is fitted on newer events than
    its ranker, and an embedding that knows less than recall makes the list worse (see
    docs/adr/0011-what-the-ranker-reads-of-items.md).
    """

    def __init__(self, d: int, e: int) -> None:
        """From d to e dimensions."""
        super().__init__()
        self.project = nn.Linear(d, e)

    @staticmethod
    def along_axes(table: Tensor, e: int) -> "RankItems":
        """Starts as the first e principal axes of `table` [n, d], items of length 1 on average."""
        items = RankItems(table.shape[1], e)
        axes = torch.linalg.eigh(table.T @ table).eigenvectors.T.flip(0)[:e]
        scale = 1.0 / table.norm(dim=1).mean().clamp_min(1e-6)
        with torch.no_grad():
            items.project.weight[: len(axes)] = axes * scale
            items.project.bias.zero_()
        return items

    def forward(self, table: Tensor) -> Tensor:
        """Recall's items [n, d], not normalised → [n, e]."""
        return cast(Tensor, self.project(table))


class RankTower(nn.Module):
    """Items as the ranker reads them, from their content alone."""

    def __init__(self, content: nn.Linear, items: RankItems, spectral_size: int) -> None:
        """`content`: recall's projection of content features, d wide."""
        super().__init__()
        self.content = content
        self.items = items
        self.nobody = spectral_size

    def forward(self, features: Tensor) -> Tensor:
        """Content features [m, f] → [m, e + k]; nobody has taken these items yet."""
        learnt = cast(Tensor, self.items(self.content(features)))
        return nn.functional.pad(learnt, (0, self.nobody))
