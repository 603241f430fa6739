"""The blocking client."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import grpc

from recstack.client import calls, catalog_calls
from recstack.client.call import Call
from recstack.client.errors import failure
from recstack.client.plan import DEFAULT_ADDRESS, DEFAULT_TIMEOUT, Given, Plan, built
from recstack.client.signature import as_method
from recstack.client.tries import DEFAULT_RETRIES, Retries
from services.chassis.channel import open_blocking_channel
from services.chassis.tls import OFF, Tls

P = ParamSpec("P")
R = TypeVar("R")


def _method(call: Callable[P, Call[R]]) -> Callable[Concatenate["Client", P], R]:
    """The method of Client that makes the call."""

    def method(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return client._run(built(call, *args, **kwargs))

    return as_method(method, call)


class Client:
    """Blocking client; a context manager, safe to share between threads.

    Calls go round robin over the addresses and raise one of the subclasses of ClientError. A call
    is tried again, at the next address, when a gateway could not be reached; and when one refused
    it, after the delay it named. All of that within `timeout`, which each call also takes.

    Args:
        address: host:port of a gateway, or of several with commas between them.
        timeout: seconds that a call may take, retries and all.
        client_key: names this client to the rate limit.
        tls: files of TLS; by default nothing is encrypted.
        retries: how often calls are tried again.

    Example:
        with Client("10.0.0.1:50050,10.0.0.2:50050", timeout=0.3) as client:
            titles = [item.title for item in client.recommend("196").items]
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        timeout: float = DEFAULT_TIMEOUT,
        client_key: str = "",
        tls: Tls = OFF,
        retries: Retries = DEFAULT_RETRIES,
    ) -> None:
        given = Given(address, timeout, client_key, tls, retries)
        self._plan = Plan(given, open_blocking_channel)

    recommend = _method(calls.recommend)
    similar_items = _method(calls.similar_items)
    record_events = _method(calls.record_events)
    explain = _method(calls.explain)
    put_items = _method(catalog_calls.put_items)
    hide_items = _method(catalog_calls.hide_items)
    show_items = _method(catalog_calls.show_items)
    expire_items = _method(catalog_calls.expire_items)
    delete_items = _method(catalog_calls.delete_items)
    get_item = _method(catalog_calls.get_item)
    put_users = _method(catalog_calls.put_users)
    erase_users = _method(catalog_calls.erase_users)
    export_user = _method(catalog_calls.export_user)

    def close(self) -> None:
        for channel in self._plan.close():
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, call: Call[R]) -> R:
        tries = self._plan.tries(call)
        while True:
            try:
                return call.parse(self._plan.start(call, tries))
            except grpc.RpcError as error:
                time.sleep(tries.again(failure(error)))
