"""Calls over gRPC, for greenlets."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc
from recsys.common.v1.common_pb2 import Reason
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from loadtest.calls import Answer, Ask, Told
from services.chassis.channel import open_blocking_channel
from services.chassis.tls import Tls

DELAY = "retry-after-ms"


class GrpcCaller:
    """One connection."""

    def __init__(self, address: str, tls: Tls) -> None:
        self._channel = open_blocking_channel(address, tls)
        self._stub = gateway_pb2_grpc.RecommendationServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def ask(self, ask: Ask, deadline: float) -> Answer:
        request = pb.RecommendRequest(
            user_id=ask.user_id,
            session_id=ask.session_id,
            k=ask.k,
            placement=ask.placement,
            context=ask.context,
            page_token=ask.page_token,
        )
        return _called(self._stub.Recommend, request, deadline, _listed)

    def tell(self, told: Told, deadline: float) -> Answer:
        request = pb.RecordEventsRequest(
            events=[
                pb.UserEvent(
                    event_id=uuid4().hex,
                    user_id=told.user_id,
                    session_id=told.session_id,
                    item_id=deed.item_id,
                    type=f"EVENT_TYPE_{deed.type.upper()}",
                    value=deed.value,
                    request_id=told.request_id,
                )
                for deed in told.deeds
            ]
        )
        return _called(self._stub.RecordEvents, request, deadline, _recorded)

    def close(self) -> None:
        self._channel.close()


def _called(
    method: Callable[..., Any], request: Any, deadline: float, answer: Callable[[Any], Answer]
) -> Answer:
    try:
        return answer(method(request, timeout=deadline))
    except grpc.RpcError as error:
        return _failed(error)


def _failed(error: Any) -> Answer:
    metadata = dict(error.trailing_metadata() or ())
    delay = str(metadata.get(DELAY, ""))
    return Answer(error.code().name, delay_ms=int(delay) if delay.isdigit() else None)


def _listed(message: pb.RecommendResponse) -> Answer:
    return Answer(
        items=tuple(item.item_id for item in message.items),
        request_id=message.request_id,
        page_token=message.next_page_token,
        release=message.release,
        degraded=tuple(
            f"{skipped.stage} {Reason.Name(skipped.reason).removeprefix('REASON_')}"
            for skipped in message.degraded
        ),
    )


def _recorded(message: pb.RecordEventsResponse) -> Answer:
    return Answer("EVENTS_NOT_STORED") if message.errors else Answer()
