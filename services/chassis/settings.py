"""Settings that every service has. Only a service's __main__ reads them from the environment."""

import sys
from pathlib import Path
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings

S = TypeVar("S", bound=BaseSettings)


class ServerSettings(BaseSettings):
    """How a service listens and ends.

    Attributes:
        host: address to listen on; loopback unless told otherwise.
        port: gRPC port; 0 takes a free one.
        metrics_port: HTTP port of /metrics; 0: none.
        log_level: debug, info, warning or error.
        drain_seconds: how long running calls may take after SIGTERM.
        reuse_port: lets several processes share the port.
    """

    host: str = "127.0.0.1"
    port: int
    metrics_port: int = 0
    log_level: str = "info"
    drain_seconds: float = 5.0
    reuse_port: bool = False


class ReleaseSettings(ServerSettings):
    """Settings of a service that serves from releases.

    Attributes:
        releases: folder or fsspec URL that holds the releases.
        release: id of the release to load at start; empty: the one named in `<releases>/current`.
    """

    releases: str = "var/releases"
    release: str = ""


class RedisSettings(BaseSettings):
    """Settings of a service that works with Redis off the path of requests.

    Attributes:
        redis_url: redis://, rediss:// (TLS) or unix:// address; may hold user and password; empty:
            there is no Redis, and what needs it is off.
        redis_password_file: a file with the password, instead of one in the address.
        redis_timeout: seconds until a silent Redis is given up.
    """

    redis_url: SecretStr = SecretStr("")
    redis_password_file: Path | None = None
    redis_timeout: float = Field(default=1.0, gt=0)


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
