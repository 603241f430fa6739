"""Records of releases ↔ protobuf."""

from collections.abc import Iterable

from recsys.release.v1 import release_pb2 as pb

from services.inference.holder import ReleaseRecord, ReleaseState

_STATES = {
    ReleaseState.LOADING: pb.RELEASE_STATE_LOADING,
    ReleaseState.LOADED: pb.RELEASE_STATE_LOADED,
    ReleaseState.REFUSED: pb.RELEASE_STATE_REFUSED,
}
_OF_WIRE = {number: state for state, number in _STATES.items()}


def encode_record(record: ReleaseRecord) -> pb.ReleaseRecord:
    """A record as a message."""
    return pb.ReleaseRecord(
        release=record.release,
        state=_STATES[record.state],
        reason=record.reason,
        bytes=record.bytes,
        since=record.since,
        by_hand=record.by_hand,
    )


def decode_record(message: pb.ReleaseRecord) -> ReleaseRecord:
    """A message as a record.

    Raises:
        ValueError: a state that this version does not know.
    """
    if (state := _OF_WIRE.get(message.state)) is None:
        raise ValueError(f"release {message.release} is in the unknown state {message.state}")
    return ReleaseRecord(
        message.release, state, message.reason, message.bytes, message.since, message.by_hand
    )


def decode_records(messages: Iterable[pb.ReleaseRecord]) -> tuple[ReleaseRecord, ...]:
    """Messages as records; ValueError as for each."""
    return tuple(decode_record(message) for message in messages)
