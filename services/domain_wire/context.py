"""Users and requests on the wire."""

import numpy as np
from recsys.common.v1 import common_pb2

from services.domain.bloom import BloomFilter
from services.domain.context import History, RequestContext, Seen, UserContext
from services.domain_wire.columns import column

MAX_GENERATIONS = 8


def history_to_proto(history: History) -> common_pb2.History:
    """Columns of the history."""
    return common_pb2.History(
        keys=history.keys.astype("<u8", copy=False).tobytes(),
        times=history.times.astype("<u4", copy=False).tobytes(),
        events=history.events.tobytes(),
        values=history.values.astype("<f4", copy=False).tobytes(),
    )


def history_from_proto(message: common_pb2.History) -> History:
    """The history; read-only views.

    Raises:
        ValueError: names the column whose length does not fit.
    """
    keys = column(message.keys, np.uint64, "history.keys")
    length = len(keys)
    return History(
        keys,
        column(message.times, np.uint32, "history.times", length),
        column(message.events, np.uint8, "history.events", length),
        column(message.values, np.float32, "history.values", length),
    )


def context_to_proto(context: UserContext) -> common_pb2.UserContext:
    """The user as a message."""
    return common_pb2.UserContext(
        user_id=context.user_id,
        known=context.known,
        profile=dict(context.profile),
        history=history_to_proto(context.history),
        seen=common_pb2.Seen(
            recent=context.seen.recent.astype("<u8", copy=False).tobytes(),
            generations=[
                common_pb2.BloomFilter(data=g.data.tobytes(), hashes=g.hashes, count=g.count)
                for g in context.seen.generations
            ],
        ),
    )


def context_from_proto(message: common_pb2.UserContext) -> UserContext:
    """The user; read-only views.

    Raises:
        ValueError: names the field that is wrong.
    """
    return UserContext(
        user_id=message.user_id,
        known=message.known,
        profile=dict(message.profile),
        history=history_from_proto(message.history),
        seen=_seen_from_proto(message.seen),
    )


def _seen_from_proto(message: common_pb2.Seen) -> Seen:
    if len(message.generations) > MAX_GENERATIONS:
        raise ValueError(f"seen.generations: {len(message.generations)}, at most {MAX_GENERATIONS}")
    for generation in message.generations:
        bits = len(generation.data) * 8
        if not bits or bits & (bits - 1) or not 1 <= generation.hashes <= 64:
            raise ValueError(
                f"seen.generations: {bits} bits and {generation.hashes} hashes; "
                "a power of two and 1 to 64 expected"
            )
    return Seen(
        column(message.recent, np.uint64, "seen.recent"),
        tuple(
            BloomFilter(np.frombuffer(g.data, np.uint8), g.hashes, g.count)
            for g in message.generations
        ),
    )


def request_to_proto(request: RequestContext) -> common_pb2.RequestContext:
    """The request's circumstances as a message."""
    return common_pb2.RequestContext(
        now=request.now,
        placement=request.placement,
        attributes=dict(request.attributes),
        exclude=request.exclude.astype("<u8", copy=False).tobytes(),
        categories=request.categories,
        tags=request.tags,
    )


def request_from_proto(message: common_pb2.RequestContext) -> RequestContext:
    """The request's circumstances.

    Raises:
        ValueError: names the field that is wrong.
    """
    return RequestContext(
        now=message.now,
        placement=message.placement,
        attributes=dict(message.attributes),
        exclude=column(message.exclude, np.uint64, "request.exclude"),
        categories=tuple(message.categories),
        tags=tuple(message.tags),
    )
