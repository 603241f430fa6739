"""Status of a query, and its time left."""

import math

from recsys.common.v1 import common_pb2

from services.domain.outcome import Failure, Reason


def status_to_proto(failure: Failure | None) -> common_pb2.Status:
    """The status of a failure; OK for None."""
    if failure is None:
        return common_pb2.Status(reason=common_pb2.REASON_OK)
    return common_pb2.Status(reason=f"REASON_{failure.reason.value}", message=failure.message)


def status_from_proto(status: common_pb2.Status) -> Failure | None:
    """The failure of a status; None when OK. A reason this version does not know is INTERNAL."""
    if status.reason == common_pb2.REASON_OK:
        return None
    try:
        name = common_pb2.Reason.Name(status.reason).removeprefix("REASON_")
        return Failure(Reason[name], status.message)
    except (KeyError, ValueError):
        return Failure(Reason.INTERNAL, status.message or f"unknown reason {status.reason}")


def remaining_to_ms(seconds: float) -> int:
    """Time left as it travels: rounded down, so that a server never has more than the caller."""
    return max(math.floor(seconds * 1000), -1)


def remaining_from_ms(milliseconds: int) -> float:
    """Time left in seconds."""
    return milliseconds / 1000
