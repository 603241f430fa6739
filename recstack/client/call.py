"""A call before it is made: which method, with what, and what to make of the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from recsys.gateway.v1 import gateway_pb2

R = TypeVar("R")

_METHODS = {
    f"{service.name}/{method.name}": GetMessageClass(method.output_type).FromString
    for service in gateway_pb2.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


class CallOptions(TypedDict, total=False):
    """What every call takes.

    Attributes:
        timeout: seconds until it is over, retries and all; not given: the client's.
        request_id: names it in the logs of the services, at most 120 ASCII characters; not given:
            one is made up.
    """

    timeout: float
    request_id: str


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One call.

    Attributes:
        method: such as "RecommendationService/Recommend".
        request: the message to send.
        parse: makes the result of the answer.
        options: of this call.
        repeatable: it may reach the gateway twice. False when the second answer would call an error
            what the first one did.
        takes: names of the options that there are; Python itself would take any.

    Raises:
        TypeError: an option that it does not take.
    """

    method: str
    request: Message
    parse: Callable[[Any], R]
    options: CallOptions
    repeatable: bool = True
    takes: frozenset[str] = CallOptions.__optional_keys__

    def __post_init__(self) -> None:
        for name in self.options.keys() - self.takes:
            call = self.method.rpartition("/")[2]
            raise TypeError(f"{call} takes no {name!r}; it takes: {', '.join(sorted(self.takes))}")


def methods(channel: Any) -> dict[str, Callable[..., Any]]:
    """What calls every public method over a channel of gRPC, blocking or asyncio."""
    package = gateway_pb2.DESCRIPTOR.package
    return {
        name: channel.unary_unary(
            f"/{package}.{name}",
            request_serializer=gateway_pb2.RecommendRequest.SerializeToString,
            response_deserializer=parse,
        )
        for name, parse in _METHODS.items()
    }
