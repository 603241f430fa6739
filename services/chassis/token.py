"""The token of those who run the stack."""

import hmac
from pathlib import Path

from services.chassis.address import is_loopback
from services.chassis.errors import StartupError
from services.chassis.redact import protect
from services.chassis.tls import Tls

MIN_BYTES = 16
SCHEME = "bearer"


class Token:
    """A secret that callers must know."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def admits(self, authorization: str | bytes | None) -> bool:
        """Whether "Bearer <token>" has it; how long that takes tells nothing of the token."""
        given = authorization.encode() if isinstance(authorization, str) else authorization
        scheme, _, token = (given or b"").partition(b" ")
        known = hmac.compare_digest(token.strip(), self._secret)
        return known and scheme.lower() == SCHEME.encode()


def read_token(file: Path | None, value: str) -> Token | None:
    """The token in the file, else the value; None: there is neither.

    Raises:
        StartupError: the file cannot be read, or the token is too short to be one.
    """
    try:
        secret = value.encode() if file is None else file.read_bytes().strip()
    except OSError as error:
        raise StartupError(f"the admin token file {file} cannot be read", str(error)) from error
    if file is None and not secret:
        return None
    if len(secret) < MIN_BYTES:
        raise StartupError(
            f"the admin token has {len(secret)} bytes",
            f"take at least {MIN_BYTES} random ones, such as `openssl rand -hex 32` writes",
        )
    protect(secret.decode(errors="replace"))
    return Token(secret)


def check_unseen(service: str, host: str, tls: Tls) -> None:
    """Refuses a place where the token would go over a network in plain text.

    Raises:
        StartupError: the host is beyond loopback, and there is no TLS.
    """
    if not tls.serves and not is_loopback(host):
        raise StartupError(
            f"{service} on {host} would show its token: there is no TLS",
            "set tls_certificate and tls_key, or leave the host as it is",
        )
