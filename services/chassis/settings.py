"""Settings that every service has. Only a service's __main__ reads them from the environment."""

import sys
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings

from services.chassis.address import is_loopback
from services.chassis.redis import Login
from services.chassis.tls import Tls

S = TypeVar("S", bound=BaseSettings)

OptionalFile = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
"""A file; empty as in an environment that names all variables: none."""


class ServerSettings(BaseSettings):
    """How a service listens and ends.

    Attributes:
        host: address to listen on; loopback unless told otherwise.
        port: gRPC port; 0 takes a free one.
        metrics_port: HTTP port of /metrics; 0: none.
        metrics_host: address of /metrics; empty: that of the other port.
        log_level: debug, info, warning or error.
        lame_duck_seconds: how long after SIGTERM calls are still taken, while health says
            NOT_SERVING: what a load balancer needs to notice it. SIGINT leaves this out.
        drain_seconds: how long running calls may take after that.
        reuse_port: lets several processes share the ports, so that the next one can listen before
            this one ends.
        notify_socket: told when the process serves, as by systemd; the variable has no prefix.
        tls_certificate, tls_key: files of this service's own; with them it speaks TLS on all its
            ports, and shows them to the services and the Redis that it calls.
        tls_ca: file of the CA whose certificates are trusted; with it services are called by TLS.
            Beyond loopback it needs a certificate: alone it would leave this service's ports open.
        tls_ask_clients: with a CA, only clients with a certificate of it are served.
        max_request_bytes: a larger gRPC request is refused with RESOURCE_EXHAUSTED.
        trace_endpoint: where an OpenTelemetry collector takes OTLP over gRPC, http://host:port or
            https://host:port (TLS); empty: no traces.
        trace_ratio: share of the requests that are traced where no caller has decided it.
        trace_parents: a caller's trace context decides whether its request is traced; else the
            ratio does, and of the context the trace id is kept.
    """

    host: str = "127.0.0.1"
    port: int
    metrics_port: int = 0
    metrics_host: str = ""
    log_level: str = "info"
    lame_duck_seconds: Annotated[float, Field(ge=0)] = 1.0
    drain_seconds: float = 5.0
    reuse_port: bool = False
    notify_socket: str = Field(default="", validation_alias="NOTIFY_SOCKET")
    tls_certificate: OptionalFile = None
    tls_key: OptionalFile = None
    tls_ca: OptionalFile = None
    tls_ask_clients: bool = True
    max_request_bytes: int = Field(default=16 * 2**20, ge=1024)
    trace_endpoint: Annotated[str, Field(pattern="^(https?://[^/]+/?)?$")] = ""
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    trace_parents: bool = True

    @model_validator(mode="after")
    def _files_go_together(self) -> Self:
        for host in (self.host, self.metrics_place[0]):
            if self.tls.calls and not self.tls.serves and not is_loopback(host):
                raise ValueError(
                    f"with tls_ca alone {host} would be served in plain text: "
                    "set tls_certificate and tls_key too"
                )
        return self

    @property
    def metrics_place(self) -> tuple[str, int]:
        """Host and port of /metrics."""
        return self.metrics_host or self.host, self.metrics_port

    @property
    def tls(self) -> Tls:
        """The files of TLS."""
        return Tls(self.tls_ca, self.tls_certificate, self.tls_key)

    @property
    def asks_clients(self) -> bool:
        """Whether clients are served only with a certificate."""
        return self.tls_ca is not None and self.tls_ask_clients


class ReleaseSettings(ServerSettings):
    """Settings of a service that serves from releases.

    Attributes:
        releases: folder or fsspec URL that holds the releases.
        release: id of the release to load at start; empty: the one named in `<releases>/current`,
            or when that is refused the newest other.
    """

    releases: str = "var/releases"
    release: str = ""


class RedisSettings(ServerSettings):
    """Settings of a service that works with Redis.

    Attributes:
        redis_url: redis://, rediss:// (TLS) or unix:// address; may hold user and password; empty:
            there is no Redis, and what needs it is off.
        redis_user: of Redis, instead of one in the address.
        redis_password_file: a file with the password, instead of one in the address.
        redis_timeout: seconds until a silent Redis is given up.
    """

    redis_url: SecretStr = SecretStr("")
    redis_user: str = ""
    redis_password_file: OptionalFile = None
    redis_timeout: float = Field(default=1.0, gt=0)

    @property
    def redis_login(self) -> Login:
        """Who this service is to Redis."""
        return Login(self.redis_user, self.redis_password_file, self.tls)


def from_environment(kind: type[S]) -> S:
    """The settings as the environment has them; for __main__ alone.

    A value that does not fit ends the process with exit code 2 and a line for each variable; the
    value itself is not shown, for it may be a secret.
    """
    try:
        return kind()
    except ValidationError as error:
        print(problems(kind, error), file=sys.stderr)
        raise SystemExit(2) from None


def problems(kind: type[BaseSettings], error: ValidationError) -> str:
    """A line for each variable that does not fit, without its value."""
    prefix = kind.model_config.get("env_prefix", "")
    return "\n".join(
        f"{(prefix + '_'.join(map(str, problem['loc']))).upper()}: {problem['msg']}"
        for problem in error.errors(include_input=False)
    )
