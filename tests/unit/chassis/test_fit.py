"""Whether gRPC is as the loop and the intake expect it."""

import asyncio

from services.chassis import fit, loop
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from tests.unit.chassis.test_ports import nothing


async def missing(server: type | None = None) -> list[str]:
    async with started("t", ServerSettings(port=0), nothing):
        running = asyncio.get_running_loop()
        return fit.missing(running) if server is None else fit.missing(running, server)


def test_the_grpc_of_this_project_fits() -> None:
    assert loop.run(missing()) == []


def test_what_is_not_there_is_named() -> None:
    methods = ["AioServer.add_registered_method_handlers", "AioServer._request_registered_call"]
    assert loop.run(missing(object)) == methods
    assert asyncio.run(missing()) == ["the reader of wake-ups"]
