"""Clients of the gateway, blocking and asyncio, with the same calls."""

from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import grpc
from recsys.gateway.v1 import gateway_pb2, gateway_pb2_grpc

from recstack import wire
from recstack.catalog_client import AsyncCatalogCalls, CatalogCalls
from recstack.results import Event, Explanation, Recommendations, Recorded, SimilarItems
from services.chassis.channel import OPTIONS

DEFAULT_ADDRESS = "127.0.0.1:50050"
DEFAULT_TIMEOUT = 1.0

T = TypeVar("T")


class ClientError(Exception):
    """A call that failed. Its subclasses say what to do about it."""


class InvalidRequestError(ClientError):
    """The request is wrong; the message names the field."""


class NotFoundError(ClientError):
    """There is no such item or user."""


class UnavailableError(ClientError):
    """The gateway could not be reached, or refused for lack of capacity: try again later."""


class DeadlineExceededError(ClientError):
    """No answer in time."""


class ServerFailedError(ClientError):
    """The gateway failed."""


_ERRORS: dict[grpc.StatusCode, type[ClientError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
}


class Client(CatalogCalls):
    """Blocking client; a context manager, safe to share between threads.

    Every call is tried once more when the gateway could not be reached; events carry an id of
    their own, so that one that arrives twice counts once. `timeout` is in seconds.

    Example:
        with Client("127.0.0.1:50050") as client:
            titles = [item.title for item in client.recommend("196").items]
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._timeout = timeout
        self._channel = grpc.insecure_channel(address, options=OPTIONS)
        self._stub = gateway_pb2_grpc.RecommendationServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._catalog = gateway_pb2_grpc.CatalogServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def recommend(self, user_id: str = "", k: int = 20, **options: Any) -> Recommendations:
        """A personal list. Options: session_id, placement, context, categories, tags,
        exclude, page_token.

        Raises:
            ClientError: one of its subclasses.
        """
        request = wire.recommend_request(user_id, k, **options)
        return wire.recommendations(self._call(self._stub.Recommend, request))

    def similar_items(self, item_id: str, k: int = 20) -> SimilarItems:
        """Items like an item."""
        request = gateway_pb2.SimilarItemsRequest(item_id=item_id, k=k)
        return wire.similar_items(self._call(self._stub.SimilarItems, request))

    def record_events(self, events: Iterable[Event]) -> Recorded:
        """Stores what users did; the next request of a user has it in the history."""
        return wire.recorded(self._call(self._stub.RecordEvents, _events(events)))

    def explain(
        self, user_id: str = "", k: int = 20, *, item_id: str = "", **options: Any
    ) -> Explanation:
        """How a list comes to be, and where `item_id` is lost; options as for recommend."""
        asked = wire.recommend_request(user_id, k, **options)
        request = gateway_pb2.ExplainRequest(request=asked, item_id=item_id)
        return wire.explanation(self._call(self._stub.Explain, request))

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, method: Callable[..., T], request: object) -> T:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            first = _retryable(error)
        try:
            return method(request, timeout=self._timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            _raise(first if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else error)


class AsyncClient(AsyncCatalogCalls):
    """The same for asyncio; an asynchronous context manager."""

    def __init__(self, address: str = DEFAULT_ADDRESS, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._timeout = timeout
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._stub = gateway_pb2_grpc.RecommendationServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._catalog = gateway_pb2_grpc.CatalogServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def recommend(self, user_id: str = "", k: int = 20, **options: Any) -> Recommendations:
        """As Client.recommend."""
        request = wire.recommend_request(user_id, k, **options)
        return wire.recommendations(await self._call(self._stub.Recommend, request))

    async def similar_items(self, item_id: str, k: int = 20) -> SimilarItems:
        """As Client.similar_items."""
        request = gateway_pb2.SimilarItemsRequest(item_id=item_id, k=k)
        return wire.similar_items(await self._call(self._stub.SimilarItems, request))

    async def record_events(self, events: Iterable[Event]) -> Recorded:
        """As Client.record_events."""
        return wire.recorded(await self._call(self._stub.RecordEvents, _events(events)))

    async def explain(
        self, user_id: str = "", k: int = 20, *, item_id: str = "", **options: Any
    ) -> Explanation:
        """As Client.explain."""
        asked = wire.recommend_request(user_id, k, **options)
        request = gateway_pb2.ExplainRequest(request=asked, item_id=item_id)
        return wire.explanation(await self._call(self._stub.Explain, request))

    async def close(self) -> None:
        await self._channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, method: Callable[..., Awaitable[Any]], request: object) -> Any:
        try:
            return await method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            first = _retryable(error)
        try:
            return await method(request, timeout=self._timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            _raise(first if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else error)


def _events(events: Iterable[Event]) -> gateway_pb2.RecordEventsRequest:
    try:
        return wire.events_request(events)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


def _retryable(error: grpc.RpcError) -> grpc.RpcError:
    """The error, when the gateway could not be reached; raises the others as ClientError."""
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        _raise(error)
    return error


def _raise(error: grpc.RpcError) -> NoReturn:
    code = error.code()
    raise _ERRORS.get(code, ServerFailedError)(error.details() or code.name) from error
