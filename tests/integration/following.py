"""A process that follows traffic: `python -m tests.integration.following URL`.

For each line on its input, a user, it answers with the release that serves that user.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

from pydantic import SecretStr

from services.domain.traffic import Policy
from services.gateway.settings import GatewaySettings
from services.gateway.traffic.open import open_traffic


async def follow(url: str) -> None:
    settings = GatewaySettings(redis_url=SecretStr(url))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    async with AsyncExitStack() as stack:
        traffic = await open_traffic(settings, stack, Policy(0, "first"))
        while line := await lines.readline():
            print("serves", traffic.follower.assign(line.decode().strip()).release, flush=True)


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1]))
