"""Both clients against real gateway servers that are scripted."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from recsys.gateway.v1 import gateway_pb2, gateway_pb2_grpc

from recstack import AsyncClient, Client, Event, Retries
from recstack.client import (
    CallCancelledError,
    ClientError,
    DeadlineExceededError,
    InvalidRequestError,
    NotFoundError,
    ServerFailedError,
    TooManyRequestsError,
    UnavailableError,
)
from recstack.client.call import _METHODS
from recstack.reflection import CallFailedError, ReflectionCaller
from tests.redis import free_port

PATIENCE = 30.0
QUICK = Retries(pause=0.001)


@dataclass(frozen=True)
class Refusal:
    """How a scripted call ends. `delay`: what it names as milliseconds."""

    code: grpc.StatusCode
    delay: str = ""


class Scripted(gateway_pb2_grpc.RecommendationServiceServicer):
    """Fails as in `script`, one a call, then answers; keeps the metadata of each call."""

    def __init__(self) -> None:
        self.script: list[grpc.StatusCode | Refusal] = []
        self.seen: list[dict[str, Any]] = []
        self.answering = asyncio.Event()
        self.answering.set()

    @property
    def calls(self) -> int:
        return len(self.seen)

    async def Recommend(self, request: Any, context: Any) -> Any:  # noqa: N802 - an rpc
        await self._play(context)
        items = [gateway_pb2.RecommendedItem(item_id=request.user_id)]
        return gateway_pb2.RecommendResponse(items=items)

    async def RecordEvents(self, request: Any, context: Any) -> Any:  # noqa: N802 - an rpc
        await self._play(context)
        return gateway_pb2.RecordEventsResponse(accepted=len(request.events))

    async def _play(self, context: Any) -> None:
        self.seen.append({**dict(context.invocation_metadata()), "left": context.time_remaining()})
        await self.answering.wait()
        if not self.script:
            return
        step = self.script.pop(0)
        refusal = step if isinstance(step, Refusal) else Refusal(step)
        trailing = (("retry-after-ms", refusal.delay),) if refusal.delay else ()
        await context.abort(refusal.code, "as scripted", trailing)


class ScriptedCatalog(gateway_pb2_grpc.CatalogServiceServicer):
    """Plays the same script."""

    def __init__(self, servicer: Scripted) -> None:
        self._servicer = servicer

    async def EraseUsers(self, request: Any, context: Any) -> Any:  # noqa: N802 - an rpc
        await self._servicer._play(context)
        return gateway_pb2.EraseUsersResponse(erased=len(request.user_ids))


class Gateway:
    """A server, and what it was told to do."""

    def __init__(self, server: grpc.aio.Server, servicer: Scripted) -> None:
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        self.server = server
        self.servicer = servicer


async def ask(
    kind: Any, address: str, call: str = "recommend", *arguments: Any, **options: Any
) -> Any:
    """What a call of a client of that kind gives; the blocking one runs on a thread.

    `options`: those of the client; `of_call`: those of the call.
    """
    given = {"timeout": PATIENCE, "retries": QUICK, **options}
    of_call, arguments = given.pop("of_call", {}), arguments or ("7",)
    if kind is Client:

        def blocking() -> Any:
            with Client(address, **given) as client:
                return getattr(client, call)(*arguments, **of_call)

        return await asyncio.to_thread(blocking)
    async with AsyncClient(address, **given) as client:
        return await getattr(client, call)(*arguments, **of_call)


@pytest.fixture
async def gateways() -> AsyncIterator[Sequence[Gateway]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            server = grpc.aio.server()
            servicer = Scripted()
            gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(servicer, server)
            catalog = ScriptedCatalog(servicer)
            gateway_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
            found.append(Gateway(server, servicer))
            await server.start()
            stack.push_async_callback(server.stop, None)
        yield found


@pytest.fixture
def gateway(gateways: Sequence[Gateway]) -> Gateway:
    return gateways[0]


BOTH = pytest.mark.parametrize("kind", [Client, AsyncClient])


@BOTH
async def test_what_was_unavailable_is_tried_again(gateway: Gateway, kind: Any) -> None:
    gateway.servicer.script = [grpc.StatusCode.UNAVAILABLE] * 3
    answer = await ask(kind, gateway.address)
    assert [item.item_id for item in answer.items] == ["7"]
    assert gateway.servicer.calls == 4


@BOTH
@pytest.mark.parametrize(
    ("code", "error", "calls"),
    [
        (grpc.StatusCode.UNAVAILABLE, UnavailableError, 4),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TooManyRequestsError, 1),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequestError, 1),
        (grpc.StatusCode.NOT_FOUND, NotFoundError, 1),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceededError, 1),
        (grpc.StatusCode.INTERNAL, ServerFailedError, 1),
    ],
)
async def test_each_code_is_an_error_of_its_own(
    gateway: Gateway, kind: Any, code: grpc.StatusCode, error: type[ClientError], calls: int
) -> None:
    gateway.servicer.script = [code] * 9
    with pytest.raises(error, match="as scripted") as raised:
        await ask(kind, gateway.address)
    assert gateway.servicer.calls == calls
    assert raised.value.status == code.name
    assert raised.value.request_id == gateway.servicer.seen[-1]["x-request-id"]


@BOTH
async def test_a_refusal_is_tried_again_after_the_delay_it_names(
    gateway: Gateway, kind: Any
) -> None:
    gateway.servicer.script = [Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "20")]
    await ask(kind, gateway.address)
    assert gateway.servicer.calls == 2


@BOTH
async def test_a_delay_beyond_the_deadline_is_not_waited_for(gateway: Gateway, kind: Any) -> None:
    gateway.servicer.script = [Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "60000")]
    with pytest.raises(TooManyRequestsError) as raised:
        await ask(kind, gateway.address)
    assert raised.value.retry_after == 60.0
    assert gateway.servicer.calls == 1


@BOTH
async def test_a_gateway_that_is_gone_is_another_ones_turn(gateway: Gateway, kind: Any) -> None:
    gone = f"127.0.0.1:{free_port()}"
    for _ in range(3):  # whoever is first
        answer = await ask(kind, f"{gone}, {gateway.address}", retries=Retries(attempts=2))
        assert [item.item_id for item in answer.items] == ["7"]


async def test_calls_in_flight_at_a_gateway_that_ends_are_answered(
    gateways: Sequence[Gateway],
) -> None:
    ending, other = gateways
    ending.servicer.answering.clear()
    async with AsyncClient(f"{ending.address},{other.address}", timeout=PATIENCE) as client:
        calls = asyncio.gather(*(client.recommend(str(user)) for user in range(60)))
        while ending.servicer.calls < 30:  # every other one
            await asyncio.sleep(0)
        await ending.server.stop(None)
        lists = await calls
    assert [page.items[0].item_id for page in lists] == [str(user) for user in range(60)]
    assert other.servicer.calls == 60


async def test_calls_go_round(gateways: Sequence[Gateway]) -> None:
    async with AsyncClient(",".join(g.address for g in gateways), timeout=PATIENCE) as client:
        for _ in range(6):
            await client.recommend("7")
    assert [g.servicer.calls for g in gateways] == [3, 3]


@BOTH
async def test_metadata(gateway: Gateway, kind: Any) -> None:
    gateway.servicer.script = [grpc.StatusCode.UNAVAILABLE]
    options = {"request_id": "mine", "timeout": 20.0}
    await ask(kind, gateway.address, client_key="shop", of_call=options)
    first, second = gateway.servicer.seen
    assert (first["x-request-id"], second["x-request-id"]) == ("mine", "mine.2")
    assert first["x-client-key"] == second["x-client-key"] == "shop"
    assert second["left"] < first["left"] + 1 < PATIENCE  # gRPC rounds it up


@BOTH
async def test_what_must_not_be_done_twice_is_not_sent_twice(gateway: Gateway, kind: Any) -> None:
    gateway.servicer.script = [grpc.StatusCode.UNAVAILABLE]
    with pytest.raises(UnavailableError):
        await ask(kind, gateway.address, "erase_users", ["7"])
    assert gateway.servicer.calls == 1
    both = f"127.0.0.1:{free_port()},{gateway.address}"
    for _ in range(3):  # but tried again where nothing was sent
        assert (await ask(kind, both, "erase_users", ["7"])).changed == 1


@BOTH
async def test_events_are_sent_again_with_the_same_ids(gateway: Gateway, kind: Any) -> None:
    gateway.servicer.script = [grpc.StatusCode.UNAVAILABLE]
    recorded = await ask(kind, gateway.address, "record_events", (Event("7", "1") for _ in "ab"))
    assert (recorded.accepted, gateway.servicer.calls) == (2, 2)


@BOTH
async def test_nobody_there_is_unavailable(kind: Any) -> None:
    with pytest.raises(UnavailableError) as raised:
        await ask(kind, f"127.0.0.1:{free_port()}")
    assert raised.value.request_id


@BOTH
async def test_what_no_message_can_hold_is_invalid(kind: Any) -> None:
    address = f"127.0.0.1:{free_port()}"
    for arguments in (("\ud800",), ("7", 2**40)):
        with pytest.raises(InvalidRequestError):
            await ask(kind, address, "recommend", *arguments)
    with pytest.raises(InvalidRequestError, match="request_id: must be"):
        await ask(kind, address, of_call={"request_id": "a\n"})
    with pytest.raises(InvalidRequestError, match="no event type 'wink'") as raised:
        await ask(kind, address, "record_events", [Event("7", "1", "wink")])  # type: ignore[arg-type]
    assert (raised.value.field, raised.value.status) == ("type", "")


@BOTH
async def test_an_option_that_is_misspelt(kind: Any) -> None:
    for call, argument in (("recommend", "7"), ("erase_users", ["7"])):
        with pytest.raises(TypeError, match=r"takes no 'cathegories'; it takes: .*timeout"):
            await ask(kind, "127.0.0.1:1", call, argument, of_call={"cathegories": ["Drama"]})


@BOTH
async def test_a_message_that_is_too_large_is_invalid(gateway: Gateway, kind: Any) -> None:
    with pytest.raises(InvalidRequestError, match="larger than max"):
        await ask(kind, gateway.address, "recommend", "7" * 2**25)


@BOTH
@pytest.mark.parametrize(
    "wrong", [{"address": "a:1,"}, {"timeout": 0.0}, {"client_key": "a\n"}], ids=str
)
def test_what_a_client_cannot_be_made_with(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong)


async def test_a_client_that_is_closed(gateway: Gateway) -> None:
    async with AsyncClient(gateway.address) as client:
        gateway.servicer.answering.clear()
        call = asyncio.create_task(client.recommend("7", timeout=PATIENCE))
        while not gateway.servicer.calls:
            await asyncio.sleep(0)
    with pytest.raises(CallCancelledError, match="closed"):
        await call
    with pytest.raises(CallCancelledError, match="closed"):
        await client.recommend("7")
    blocking = Client(gateway.address)
    blocking.close()
    with pytest.raises(CallCancelledError, match="closed"):
        blocking.recommend("7")


def test_both_clients_have_every_public_call() -> None:
    calls = {name.rpartition("/")[2] for name in _METHODS}
    for kind in (Client, AsyncClient):
        names = {name.title().replace("_", "") for name in vars(kind) if name[0] != "_"}
        assert names - {"Close"} == calls
    for name, call in vars(Client).items():
        other = vars(AsyncClient).get(name)
        if inspect.isfunction(call) and name[0] != "_" and name != "close":
            assert inspect.signature(call) == inspect.signature(other)
            assert call.__doc__
            assert call.__name__ == name


async def test_reflection_needs_somebody_there() -> None:
    def services() -> list[str]:
        with grpc.insecure_channel(f"127.0.0.1:{free_port()}") as channel:
            return ReflectionCaller(channel, timeout=0.2).services()

    with pytest.raises(CallFailedError, match="nobody answers"):
        await asyncio.to_thread(services)
