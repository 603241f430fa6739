"""Clients of the gateway, blocking and asyncio, with the same calls."""

from recstack.client.asynchronous import AsyncClient
from recstack.client.blocking import Client
from recstack.client.call import CallOptions
from recstack.client.errors import (
    CallCancelledError,
    ClientError,
    DeadlineExceededError,
    InvalidRequestError,
    NotFoundError,
    ServerFailedError,
    TooManyRequestsError,
    UnavailableError,
)
from recstack.client.plan import DEFAULT_ADDRESS, DEFAULT_TIMEOUT
from recstack.client.tries import Retries
from services.chassis.tls import Tls

__all__ = [
    "DEFAULT_ADDRESS",
    "DEFAULT_TIMEOUT",
    "AsyncClient",
    "CallCancelledError",
    "CallOptions",
    "Client",
    "ClientError",
    "DeadlineExceededError",
    "InvalidRequestError",
    "NotFoundError",
    "Retries",
    "ServerFailedError",
    "Tls",
    "TooManyRequestsError",
    "UnavailableError",
]
