"""What the user tower is fed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.history import EncodedHistory, encode_histories, gather
from models.schema.parameters import Parameters
from services.domain.arrays import F32, I64
from services.domain.context import RequestContext, UserContext

Feed = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class UserEncoder:
    """The user side of every model: history and fields."""

    catalog: Catalog
    schema: FeatureSchema
    length: int

    @staticmethod
    def open(folder: Path) -> "UserEncoder":
        """Reads catalog, schema and parameters of the release in `folder`."""
        schema = FeatureSchema.read(folder)
        catalog = Catalog(folder, schema.categories, schema.tags)
        return UserEncoder(catalog, schema, Parameters.read(folder).history_length)

    def encode(
        self, contexts: Sequence[UserContext], requests: Sequence[RequestContext]
    ) -> tuple[EncodedHistory, I64]:
        """Histories, and fields int64 [B, 1 + F + Fc]: history length, profile, request."""
        history = encode_histories([c.history for c in contexts], self.catalog, self.length)
        return history, self.fields(history, contexts, requests)

    def fields(
        self,
        history: EncodedHistory,
        contexts: Sequence[UserContext],
        requests: Sequence[RequestContext],
    ) -> I64:
        """Fields alone, int64 [B, 1 + F + Fc], of histories that are encoded."""
        fields = [
            history.lengths[:, None],
            self.schema.encode_profiles([c.profile for c in contexts]),
            self.schema.encode_contexts([circumstances(r) for r in requests]),
        ]
        return np.concatenate(fields, axis=1)


@dataclass(frozen=True, slots=True)
class UserTowerEncoder:
    """Feeds the user tower: history [B, L, e] newest first, fields [B, F] → `user` [B, d]."""

    users: UserEncoder
    items: F32

    @staticmethod
    def open(folder: Path) -> "UserTowerEncoder":
        """Opens what the release in `folder` needs to encode users."""
        items = mapped(folder / layout.USER_TOWER_ITEMS)
        return UserTowerEncoder(UserEncoder.open(folder), items)

    def feed(self, contexts: Sequence[UserContext], requests: Sequence[RequestContext]) -> Feed:
        """One feed for B users.

        Returns:
            history float32 [B, L, e], mask float32 [B, L], events and gaps int64 [B, L],
            fields int64 [B, F].
        """
        history, fields = self.users.encode(contexts, requests)
        return user_feed(history, fields, self.items)

    def feed_of(
        self,
        history: EncodedHistory,
        contexts: Sequence[UserContext],
        requests: Sequence[RequestContext],
    ) -> Feed:
        """As `feed`, of histories that are encoded."""
        return user_feed(history, self.users.fields(history, contexts, requests), self.items)


def circumstances(request: RequestContext) -> Mapping[str, str]:
    """What a request happens in: its attributes, and its placement under that name."""
    if not request.placement:
        return request.attributes
    return {**request.attributes, "placement": request.placement}


def user_feed(history: EncodedHistory, fields: I64, items: F32) -> Feed:
    """The user-side inputs of a graph, with items gathered from its table [n, e]."""
    return {
        "history": gather(items, history.rows),
        "mask": history.mask,
        "events": history.events,
        "gaps": history.gaps,
        "fields": fields,
    }
