"""Candidates on the wire."""

import numpy as np
from recsys.common.v1 import common_pb2

from services.domain.candidates import Candidates
from services.domain_wire.columns import column


def candidates_to_proto(candidates: Candidates) -> common_pb2.Candidates:
    """Columns of the candidates."""
    return common_pb2.Candidates(
        rows=candidates.rows.astype("<i4", copy=False).tobytes(),
        channels=candidates.channels.astype("<u4", copy=False).tobytes(),
        recall_scores=candidates.recall_scores.astype("<f4", copy=False).tobytes(),
        channel_count=candidates.recall_scores.shape[1],
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
    return Candidates(
        rows,
        column(message.channels, np.uint32, "candidates.channels", len(rows)),
        scores.reshape(len(rows), count),
    )
