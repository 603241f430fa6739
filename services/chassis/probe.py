"""Asks a server how it is: `python -m services.chassis.probe 127.0.0.1:50054`, for health checks.

The exit code is 0 when it says SERVING, else 1. The options are files of TLS.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.channel import open_channel
from services.chassis.tls import OFF, Tls

SERVING = "SERVING"
TIMEOUT_SECONDS = 2.0


async def status(address: str, tls: Tls = OFF) -> str:
    """SERVING, NOT_SERVING, or why there is no answer."""
    async with open_channel(address, tls) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def main() -> int:
    """Prints the status; the exit code says whether it serves."""
    parser = argparse.ArgumentParser(description="Asks a gRPC server for its health.")
    parser.add_argument("address", help="host:port")
    for name in ("ca", "certificate", "key"):
        parser.add_argument(f"--{name}", type=Path)
    given = parser.parse_args()
    found = asyncio.run(status(given.address, Tls(given.ca, given.certificate, given.key)))
    print(found)
    return 0 if found == SERVING else 1


if __name__ == "__main__":
    sys.exit(main())
