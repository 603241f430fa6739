"""Candidates on the wire."""

import numpy as np
from recsys.common.v1 import common_pb2

from services.domain.arrays import I32
from services.domain.candidates import Candidates
from services.domain.inline import NO_INLINE, InlineItems
from services.domain_wire.columns import column


def candidates_to_proto(candidates: Candidates) -> common_pb2.Candidates:
    """Columns of the candidates."""
    return common_pb2.Candidates(
        rows=candidates.rows.astype("<i4", copy=False).tobytes(),
        channels=candidates.channels.astype("<u4", copy=False).tobytes(),
        recall_scores=candidates.recall_scores.astype("<f4", copy=False).tobytes(),
        channel_count=candidates.recall_scores.shape[1],
        inline_items=inline_to_proto(candidates.inline),
        statistics=candidates.statistics.astype("<f4", copy=False).tobytes(),
        statistic_count=candidates.statistics.shape[1] if candidates.statistics.size else 0,
    )


def candidates_from_proto(message: common_pb2.Candidates) -> Candidates:
    """The candidates; views of the message's bytes, so read-only.

    Raises:
        ValueError: names the column whose length does not fit.
    """
    rows = column(message.rows, np.int32, "candidates.rows")
    count = message.channel_count
    scores = column(
        message.recall_scores, np.float32, "candidates.recall_scores", len(rows) * count
    )
    width = message.statistic_count
    statistics = column(message.statistics, np.float32, "candidates.statistics", len(rows) * width)
    inline = inline_from_proto(message.inline_items)
    check_rows(rows, inline, "candidates.rows")
    return Candidates(
        rows,
        column(message.channels, np.uint32, "candidates.channels", len(rows)),
        scores.reshape(len(rows), count),
        statistics.reshape(len(rows), width) if width else np.empty((0, 0), np.float32),
        inline,
    )


def inline_to_proto(inline: InlineItems) -> common_pb2.InlineItems | None:
    """The inline items; None, which sets no field, when there are none."""
    if not len(inline):
        return None
    return common_pb2.InlineItems(
        ids=inline.ids,
        vectors=inline.vectors.astype("<f4", copy=False).tobytes(),
        features=inline.features.astype("<f4", copy=False).tobytes(),
    )


def inline_from_proto(message: common_pb2.InlineItems) -> InlineItems:
    """The inline items; read-only views.

    Raises:
        ValueError: names the column whose length does not fit.
    """
    count = len(message.ids)
    if not count:
        return NO_INLINE
    vectors = column(message.vectors, np.float32, "inline_items.vectors")
    features = column(message.features, np.float32, "inline_items.features")
    for field, values in (("vectors", vectors), ("features", features)):
        if len(values) % count:
            raise ValueError(f"inline_items.{field}: {len(values)} values for {count} items")
    return InlineItems(tuple(message.ids), vectors.reshape(count, -1), features.reshape(count, -1))


def check_rows(rows: I32, inline: InlineItems, field: str) -> None:
    """Every negative row must mean an inline item; ValueError names the field."""
    if len(rows) and int(rows.min()) < -len(inline):
        raise ValueError(f"{field}: row {rows.min()}, but {len(inline)} inline items")
