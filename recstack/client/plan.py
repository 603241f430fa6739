"""What a client is made with, and the tries of its calls; nothing here is blocking or asyncio."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from recstack.client.call import Call, methods
from recstack.client.errors import ClientError, InvalidRequestError, closed
from recstack.client.rotation import Rotation, addresses
from recstack.client.tries import Means, Retries, Tries
from services.chassis.errors import StartupError
from services.chassis.request_id import METADATA_KEY
from services.chassis.tls import Tls
from services.gateway.admission.rate import CLIENT_KEY

DEFAULT_ADDRESS = "127.0.0.1:50050"
DEFAULT_TIMEOUT = 1.0

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Given:
    """What a client was made with.

    Attributes:
        address: host:port of a gateway, or of several with commas between them.
        timeout: seconds that a call may take, retries and all.
        client_key: names this client to the rate limit.
        tls: files of TLS; by default nothing is encrypted.
        retries: how often calls are tried again.
    """

    address: str
    timeout: float
    client_key: str
    tls: Tls
    retries: Retries


class Plan:
    """How the calls of one client are made; `open_channel` opens one to an address.

    `open`: calls may be made.

    Raises:
        ValueError: the address, timeout or client key is no such thing.
        ClientError: a file of TLS cannot be read.
    """

    def __init__(self, given: Given, open_channel: Callable[[str, Tls], Any]) -> None:
        _check(given)
        self._given = given
        there = addresses(given.address)
        rotation = Rotation(there, random.randrange(len(there)), time.monotonic)
        budget = given.retries.budget()
        self._means = Means(rotation, given.retries, budget, time.monotonic, random.random)
        try:
            self._channels = {address: open_channel(address, given.tls) for address in there}
        except StartupError as error:
            raise ClientError(str(error)) from error
        self._methods = {address: methods(channel) for address, channel in self._channels.items()}
        self._key = ((CLIENT_KEY, given.client_key),) if given.client_key else ()
        self.open = True

    def close(self) -> list[Any]:
        """No further call is made; the channels, to be closed."""
        self.open = False
        return list(self._channels.values())

    def tries(self, call: Call[Any]) -> Tries:
        """The tries of a call that begins now.

        Raises:
            CallCancelledError: the client is closed.
            InvalidRequestError: the request id is none.
        """
        if not self.open:
            raise closed()
        seconds = call.options.get("timeout", self._given.timeout)
        request_id = call.options.get("request_id") or uuid4().hex
        if not _printable(request_id):
            raise InvalidRequestError("request_id: must be printable ASCII")
        return Tries(self._means, seconds, request_id, call.repeatable)

    def start(self, call: Call[Any], tries: Tries) -> Any:
        """Makes the next try: the answer, or for asyncio what is awaited for it."""
        metadata = ((METADATA_KEY, tries.request_id), *self._key)
        method = self._methods[tries.address][call.method]
        return method(call.request, timeout=tries.left(), metadata=metadata)


def built(call: Callable[P, Call[R]], *args: P.args, **kwargs: P.kwargs) -> Call[R]:
    """The call; InvalidRequestError when no message can hold what was given."""
    try:
        return call(*args, **kwargs)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


def _check(given: Given) -> None:
    if not given.timeout > 0:
        raise ValueError(f"timeout: must be more than 0 seconds, not {given.timeout}")
    if not _printable(given.client_key):
        raise ValueError("client_key: must be printable ASCII")


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()
