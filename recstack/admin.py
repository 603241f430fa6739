"""Client of AdminService: for those who run the stack."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import grpc
from recsys.gateway.v1 import admin_pb2, admin_pb2_grpc
from recsys.release.v1 import release_pb2

from services.chassis.address import is_loopback
from services.chassis.channel import open_blocking_channel
from services.chassis.errors import StartupError
from services.chassis.redact import protect
from services.chassis.tls import OFF, Tls

TIMEOUT = 5.0
ANSWERED = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INTERNAL,
)
"""Status codes of a process that knows what it was asked, and says no, or cannot."""


class AdminError(Exception):
    """A call that failed; the message is for people.

    `away`: nobody answered, or knew the token; `missing`: what it is about is not there.
    """

    def __init__(self, message: str, away: bool = False, missing: bool = False) -> None:
        super().__init__(message)
        self.away = away
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Stage:
    """A kind of call; `address` is empty when it does not leave the gateway."""

    stage: str
    address: str
    breaker_open: bool
    breaker_trips: int


@dataclass(frozen=True, slots=True)
class Status:
    """State of one gateway process.

    Attributes:
        started_at: unix seconds.
        releases: id → number of items.
        limits: name → value, as in GatewayLimits.
        certificate_expires_at: unix seconds; None: it speaks no TLS.
        clients_asked: whether clients must have a certificate.
    """

    version: str
    process_id: int
    started_at: int
    releases: dict[str, int]
    stages: tuple[Stage, ...]
    limits: dict[str, int]
    certificate_expires_at: int | None
    clients_asked: bool


def read_token(file: Path) -> str:
    """The token in a file; StartupError when it cannot be read."""
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"the admin token file {file} cannot be read: {error}",
            "`recstack up` writes one to var/secrets; give another with --token-file",
        ) from None
    if not token.isascii() or not token.isprintable():
        raise StartupError(f"{file} holds no admin token: it is more than one line of ASCII")
    protect(token)
    return token


@dataclass(frozen=True, slots=True)
class Release:
    """A release in a holder. `state`: loading, loaded, refused; `reason`: why it was refused.

    `bytes`: size of its files; `since`: of the state, unix seconds; `by_hand`: it stays until it is
    unloaded by hand.
    """

    release: str
    state: str
    reason: str
    bytes: int
    since: int
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """The gateway process or one of its stages, and its releases; `address`: empty in process.

    `problem`: why it could not be asked, or did not do what it was told.
    """

    holder: str
    address: str
    releases: tuple[Release, ...]
    problem: str


def open_private(address: str, tls: Tls) -> grpc.Channel:
    """A channel that the token may go through.

    Raises:
        StartupError: the files of TLS cannot be read, or the token would go over a network in
            plain text.
    """
    if not tls.calls and not is_loopback(address.rpartition(":")[0].strip("[]")):
        raise StartupError(
            f"the admin token is not sent to {address} in plain text",
            "give the CA of its certificate (recstack --tls-ca ...), or a tunnel to its loopback",
        )
    return open_blocking_channel(address, tls)


def called(token: str, timeout: float, method: Any, request: Any) -> Any:
    """The answer to a request; AdminError when there is none, or it is no."""
    try:
        metadata = (("authorization", f"Bearer {token}"),)
        return method(request, timeout=timeout, metadata=metadata)
    except grpc.RpcError as error:
        away, missing = error.code() not in ANSWERED, error.code() is grpc.StatusCode.NOT_FOUND
        raise AdminError(f"{error.code().name}: {error.details()}", away, missing) from None


class Admin:
    """AdminService of the gateway process at `host:port`.

    Every call raises AdminError when it does not answer, or says no.
    """

    def __init__(self, address: str, token: str, tls: Tls = OFF, timeout: float = TIMEOUT) -> None:
        """Opens a channel; `timeout`: seconds a call.

        Raises:
            StartupError: the files of TLS cannot be read, or the token would go over a network in
                plain text.
        """
        self._channel = open_private(address, tls)
        self._stub = admin_pb2_grpc.AdminServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._call = partial(called, token, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def status(self) -> Status:
        """What the process says of itself."""
        return _read(self._call(self._stub.GetStatus, admin_pb2.GetStatusRequest()))

    def releases(self) -> tuple[str, tuple[Holder, ...]]:
        """The release it stands on; the process and its stages with their releases."""
        answer = self._call(self._stub.ListReleases, admin_pb2.ListReleasesRequest())
        return answer.start, _holders(answer)

    def load(self, release: str) -> tuple[Holder, ...]:
        """Begins to load a release in the process and its stages."""
        request = admin_pb2.LoadReleaseRequest(release=release)
        return _holders(self._call(self._stub.LoadRelease, request))

    def unload(
        self, release: str, instead: str = "", here_only: bool = False
    ) -> tuple[Holder, ...]:
        """Forgets a release in the process and its stages.

        `instead`: a loaded one in its place, where they stand on `release`; `here_only`: not in
        the stages that have an address.
        """
        request = admin_pb2.UnloadReleaseRequest(
            release=release, instead=instead, here_only=here_only
        )
        return _holders(self._call(self._stub.UnloadRelease, request))


def status(address: str, token: str, tls: Tls = OFF, timeout: float = TIMEOUT) -> Status:
    """What the gateway process at `host:port` says of itself; raises as Admin does."""
    with Admin(address, token, tls, timeout) as admin:
        return admin.status()


def _holders(answer: Any) -> tuple[Holder, ...]:
    return tuple(
        Holder(one.holder, one.address, tuple(map(_release, one.releases)), one.problem)
        for one in answer.holders
    )


def _release(message: release_pb2.ReleaseRecord) -> Release:
    state = release_pb2.ReleaseState.Name(message.state).removeprefix("RELEASE_STATE_").lower()
    return Release(
        message.release, state, message.reason, message.bytes, message.since, message.by_hand
    )


def _read(answer: admin_pb2.GetStatusResponse) -> Status:
    limits = {field.name: value for field, value in answer.limits.ListFields()}
    certificate = answer.certificate if answer.HasField("certificate") else None
    return Status(
        version=answer.version,
        process_id=answer.process_id,
        started_at=answer.started_at,
        releases={one.release: one.items for one in answer.releases},
        stages=tuple(
            Stage(one.stage, one.address, one.breaker_open, one.breaker_trips)
            for one in answer.stages
        ),
        limits=limits,
        certificate_expires_at=None if certificate is None else certificate.expires_at,
        clients_asked=bool(certificate and certificate.clients_asked),
    )
