"""The ranker: a multi-task deep interest network."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from models.layers.fields import FieldEmbedding
from models.layers.history_bias import HistoryBias
from models.layers.mlp import Mlp, Standardise
from models.layers.target_attention import TargetAttention
from models.recall.two_tower import ItemTower
from models.schema.history import EVENT_SIZE, RECENT


@dataclass(frozen=True, slots=True)
class RankShape:
    """Sizes: e of item representations, static and recall features, fields, history."""

    field_sizes: tuple[int, ...]
    recall_size: int
    static_size: int
    e: int = 32
    attention: int = 16
    hidden: int = 64
    length: int = 50


class Din(nn.Module):
    """DIN (Zhou et al. 2018) with a shared bottom and one output a task, wide and deep.

    The wide part (Cheng et al. 2016) reads numbers alone: recall features, static features and
    similarities to the history. The deep part starts as zero, so it only ever adds to that.

    Candidates are compared with the history by attention and, one by one, with its newest
    RECENT events. What depends on the user alone is computed once a user: the history's side of
    attention and the user's share of the bottom's first layer.
    """

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
        self.of_user = nn.Linear(3 * e, shape.hidden)
        numbers = RECENT + 1 + shape.recall_size + shape.static_size
        self.of_item = nn.Linear(3 * e + numbers, shape.hidden, bias=False)
        self.dropout = nn.Dropout(0.3)
        self.deep = Mlp(shape.hidden, 32, tasks)
        nn.init.zeros_(cast(nn.Linear, self.deep[-1]).weight)
        self.wide = Mlp(numbers, 32, tasks)

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
        plain = history[..., :e]  # the rest of a row are the static features
        seen = (plain + self.events(events)) * mask[..., None]
        targets, statics = items[:, :e], items[:, e:]
        grid = targets[slots]  # [B, M, e]
        bias = self.bias(events, gaps).squeeze(-1)
        attended = self.attention(seen, mask, bias, grid)
        recent = grid @ plain[:, :RECENT].transpose(1, 2)  # [B, M, RECENT]
        attended = attended.flatten(0, 1)[slot_of]
        recent = recent.flatten(0, 1)[slot_of]
        match = (attended * targets).sum(dim=1, keepdim=True)
        numbers = self.standardise(torch.cat([recall, statics], dim=1))
        numbers = torch.cat([recent, match, numbers], dim=1)
        item = [targets, attended, attended * targets, numbers]
        mean = seen.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp_min(1.0)
        user = torch.cat([seen[:, 0], mean, self.fields(fields)], dim=1)
        hidden = self.of_user(user)[user_of] + self.of_item(torch.cat(item, dim=1))
        deep = cast(Tensor, self.deep(self.dropout(torch.relu(hidden))))
        return deep + cast(Tensor, self.wide(numbers))


class RankItems(nn.Module):
    """Items as the ranker reads them: a learnt representation beside static features."""

    statics: Tensor

    def __init__(self, content: Tensor, statics: Tensor, e: int, id_dropout: float = 0.1) -> None:
        """`content` [n, f], `statics` [n, s]."""
        super().__init__()
        self.tower = ItemTower(content, e, id_dropout)
        self.register_buffer("statics", statics, persistent=False)

    def forward(self) -> Tensor:
        """[n, e + s]."""
        return torch.cat([self.tower(), self.statics], dim=1)
