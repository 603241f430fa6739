"""The two-tower model: a user's vector close to the vectors of what the user wants next."""

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.fields import FieldEmbedding
from models.layers.history_bias import HistoryBias
from models.layers.mlp import Mlp


@dataclass(frozen=True, slots=True)
class TowerShape:
    """Sizes: d of vectors, heads of attention, length of history, sizes of the fields."""

    field_sizes: tuple[int, ...]
    d: int = 64
    heads: int = 2
    length: int = 50


class ItemTower(nn.Module):
    """id embedding + projected content; `id_dropout` makes content alone work for new items."""

    content: Tensor

    def __init__(self, content: Tensor, d: int, id_dropout: float) -> None:
        """`content`: float32 [n, f]."""
        super().__init__()
        if not content.shape[1]:
            content = content.new_zeros(len(content), 1)  # items that have nothing but an id
        self.register_buffer("content", content, persistent=False)
        self.ids = nn.Embedding(len(content), d)
        nn.init.normal_(self.ids.weight, std=d**-0.5)
        self.project = nn.Linear(content.shape[1], d)
        self.id_dropout = id_dropout

    def forward(self) -> Tensor:
        """All items, [n, d], not normalised."""
        ids = self.ids.weight
        if self.training:
            kept = torch.rand(len(ids), 1) >= self.id_dropout
            ids = ids * kept
        return ids + cast(Tensor, self.project(self.content))


class ContentTower(nn.Module):
    """The item tower without an id: where an item that was never trained on belongs."""

    def __init__(self, items: ItemTower) -> None:
        super().__init__()
        self.project = items.project

    def forward(self, features: Tensor) -> Tensor:
        """Content features [m, f] → item vectors [m, d], L2-normalised."""
        return F.normalize(self.project(features), dim=-1)


class UserTower(nn.Module):
    """One attention layer whose query is the newest event, over the history; plus the fields.

    In the manner of SASRec (Kang and McAuley 2018), with one layer and relative positions, so that
    serving computes a single query while training computes all positions of a sequence at once.
    """

    def __init__(self, shape: TowerShape) -> None:
        super().__init__()
        d = shape.d
        self.heads = shape.heads
        self.bias = HistoryBias(shape.length, shape.heads)
        self.events = nn.Embedding(8, d)
        nn.init.zeros_(self.events.weight)
        self.fields = FieldEmbedding(shape.field_sizes, d)
        self.query = nn.Linear(d, d)
        self.key = nn.Linear(d, d)
        self.value = nn.Linear(d, d)
        self.out = nn.Linear(d, d)
        self.norm = nn.LayerNorm(d)
        self.dense = Mlp(d, 2 * d, d)
        self.dropout = nn.Dropout(0.2)

    def forward(
        self, history: Tensor, mask: Tensor, events: Tensor, gaps: Tensor, fields: Tensor
    ) -> Tensor:
        """history [B, L, d] newest first, mask, events, gaps [B, L], fields [B, F] → [B, d]."""
        x = (history + self.events(events)) * mask[..., None]
        bias = self.bias(events, gaps) + (mask[..., None] - 1.0) * 1e9
        q = self._split(self.query(x[:, :1]))
        logits = (q * self._split(self.key(x))).sum(dim=-1) * q.shape[-1] ** -0.5 + bias
        weights = torch.softmax(logits, dim=1) * mask[..., None]  # [B, L, heads]
        attended = (weights[..., None] * self._split(self.value(x))).sum(dim=1).flatten(-2)
        return self._finish(x[:, 0], attended, fields)

    def at_all_positions(self, x: Tensor, bias: Tensor, allowed: Tensor, fields: Tensor) -> Tensor:
        """Vectors after each event of sequences in time order, for training.

        Args:
            x: items with their event embedding, [B, T, d].
            bias: [B, T, T, heads], by query and event.
            allowed: bool [B, T, T], which events a query sees.
            fields: [B, T, F].

        Returns:
            [B, T, d], each equal to `forward` of the history up to that event.
        """
        q, k, v = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        logits = torch.einsum("bqhc,bkhc->bqkh", q, k) * q.shape[-1] ** -0.5 + bias
        weights = torch.softmax(logits.masked_fill(~allowed[..., None], -1e9), dim=2)
        weights = self.dropout(weights * allowed[..., None])  # a query may see no event at all
        attended = torch.einsum("bqkh,bkhc->bqhc", weights, v).flatten(-2)
        return self._finish(x, attended, fields)

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, x.shape[-1] // self.heads)

    def _finish(self, newest: Tensor, attended: Tensor, fields: Tensor) -> Tensor:
        h = newest + self.dropout(self.out(attended)) + self.fields(fields)
        return F.normalize(h + self.dropout(self.dense(self.norm(h))), dim=-1)


class TwoTower(nn.Module):
    """Both towers; scores are cosine / temperature."""

    def __init__(self, shape: TowerShape, content: Tensor, id_dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        self.items = ItemTower(content, shape.d, id_dropout)
        self.users = UserTower(shape)

    @torch.no_grad()
    def item_table(self) -> Tensor:
        """Items as the user tower reads them, [n, d]; L2-normalised they are the item vectors."""
        self.eval()
        return cast(Tensor, self.items())
