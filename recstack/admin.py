"""Client of AdminService: for those who run the stack."""

from dataclasses import dataclass
from pathlib import Path

import grpc
from recsys.gateway.v1 import admin_pb2, admin_pb2_grpc

from services.chassis.address import is_loopback
from services.chassis.channel import open_blocking_channel
from services.chassis.errors import StartupError
from services.chassis.redact import protect
from services.chassis.tls import OFF, Tls

TIMEOUT = 5.0


class AdminError(Exception):
    """A call that failed; the message is for people."""


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


def status(address: str, token: str, tls: Tls = OFF, timeout: float = TIMEOUT) -> Status:
    """What the gateway process at `host:port` says of itself; `timeout` in seconds.

    Raises:
        AdminError: it does not answer, or the token is wrong.
        StartupError: the files of TLS cannot be read, or the token would go over a network in plain
            text.
    """
    if not tls.calls and not is_loopback(address.rpartition(":")[0].strip("[]")):
        raise StartupError(
            f"the admin token is not sent to {address} in plain text",
            "give the CA of its certificate (recstack --tls-ca ...), or a tunnel to its loopback",
        )
    with open_blocking_channel(address, tls) as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        metadata = (("authorization", f"Bearer {token}"),)
        try:
            answer = stub.GetStatus(
                admin_pb2.GetStatusRequest(), timeout=timeout, metadata=metadata
            )
        except grpc.RpcError as error:
            raise AdminError(f"{error.code().name}: {error.details()}") from None
    return _read(answer)


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
