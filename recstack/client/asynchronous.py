"""The client for asyncio."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import grpc

from recstack.client import calls, catalog_calls
from recstack.client.call import Call
from recstack.client.errors import closed, failure
from recstack.client.plan import DEFAULT_ADDRESS, DEFAULT_TIMEOUT, Given, Plan, built
from recstack.client.signature import as_method
from recstack.client.tries import DEFAULT_RETRIES, Retries
from services.chassis.channel import open_channel
from services.chassis.tls import OFF, Tls

P = ParamSpec("P")
R = TypeVar("R")


def _method(
    call: Callable[P, Call[R]],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, R]]:
    """The method of AsyncClient that makes the call."""

    async def method(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await client._run(built(call, *args, **kwargs))

    return as_method(method, call)


class AsyncClient:
    """The same as Client for asyncio; an asynchronous context manager, for one event loop."""

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        timeout: float = DEFAULT_TIMEOUT,
        client_key: str = "",
        tls: Tls = OFF,
        retries: Retries = DEFAULT_RETRIES,
    ) -> None:
        self._plan = Plan(Given(address, timeout, client_key, tls, retries), open_channel)

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

    async def close(self) -> None:
        for channel in self._plan.close():
            await channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, call: Call[R]) -> R:
        tries = self._plan.tries(call)
        while True:
            try:
                return call.parse(await self._plan.start(call, tries))
            except grpc.RpcError as error:
                await asyncio.sleep(tries.again(failure(error)))
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self._plan.open or (task is not None and task.cancelling()):
                    raise  # somebody cancelled the task, not the client its call
                raise closed(tries.request_id) from None
