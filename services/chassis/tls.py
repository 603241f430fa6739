"""TLS: which files a process has, and what servers and clients make of them.

The same rules hold for gRPC, HTTP, metrics and Redis. A server reads its files anew for the next
connection once they have changed; a client does so when it is made.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from services.chassis.certificate import note_called_with
from services.chassis.errors import StartupError
from services.chassis.log import get_logger

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM. Without any of them nothing is encrypted.

    Attributes:
        ca: whose certificates are trusted: those of servers that are called, of clients that call.
        certificate: this process's own, with those between it and the CA after it, if any.
        key: the key of the certificate, without a passphrase.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a TLS certificate and its key go together")

    @property
    def serves(self) -> bool:
        """Whether a server with these files speaks TLS."""
        return self.certificate is not None

    @property
    def calls(self) -> bool:
        """Whether a client with these files speaks TLS."""
        return self.ca is not None

    @property
    def pair(self) -> tuple[Path, Path]:
        """Certificate and key."""
        assert self.certificate is not None
        assert self.key is not None
        return self.certificate, self.key

    @property
    def files(self) -> tuple[Path | None, Path | None, Path | None]:
        """CA, certificate and key."""
        return self.ca, self.certificate, self.key


OFF = Tls()


def client_context(tls: Tls) -> ssl.SSLContext:
    """Of a client of HTTP or Redis; without `ca` it trusts whom the system trusts.

    Raises:
        StartupError: a file cannot be read, or certificate and key do not belong together.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.serves:
            context.load_cert_chain(*tls.pair)
    except (OSError, ValueError) as error:
        raise _unreadable(tls, error) from None
    if tls.certificate is not None:
        note_called_with(tls.certificate)
    return context


def server_context(tls: Tls, ask_clients: bool) -> ssl.SSLContext:
    """Of an HTTP server. `ask_clients`: only clients with a certificate of the CA are served.

    Raises:
        StartupError: a file cannot be read, or certificate and key do not belong together.
    """
    kept = Kept(tls, lambda: checked_context(tls, ask_clients))
    context = checked_context(tls, ask_clients)

    def renew(connection: ssl.SSLSocket | ssl.SSLObject, _name: str, _: ssl.SSLContext) -> None:
        connection.context = kept.current()

    context.sni_callback = renew  # called for each connection, with a name or without
    return context


def checked_context(tls: Tls, ask_clients: bool) -> ssl.SSLContext:
    """Of a server, from the files as they are now; raises as `server_context`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(*tls.pair)
        if ask_clients:
            context.load_verify_locations(cafile=tls.ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(tls, error) from None
    return context


def _unreadable(tls: Tls, error: Exception) -> StartupError:
    for path in tls.files:
        try:
            if path is not None:
                path.read_bytes()
        except OSError as problem:
            return StartupError(f"the TLS file {path} cannot be read: {problem.strerror}")
    files = ", ".join(str(path) for path in tls.files if path is not None)
    reason = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
    return StartupError(
        f"the TLS files cannot be used: {reason.replace('_', ' ').lower()}",
        f"certificate and key must be PEM and belong together; these are {files}",
    )


class Kept(Generic[T]):
    """What was made of the files, made again when they have changed and can be used."""

    def __init__(self, tls: Tls, make: Callable[[], T]) -> None:
        self._paths = [path for path in tls.files if path is not None]
        self._make = make
        self._seen = self._stamps()
        self._log = get_logger("tls")
        self.value = make()

    def current(self) -> T:
        stamps = self._stamps()
        if stamps == self._seen:
            return self.value
        self._seen = stamps
        try:
            self.value = self._make()
        except (StartupError, OSError) as error:  # half of the files is new, perhaps
            self._log.error("the TLS files of before stay", error=str(error))
        else:
            self._log.info("TLS files were read anew", files=[str(path) for path in self._paths])
        return self.value

    def _stamps(self) -> list[tuple[int, int]]:
        try:
            return [(status.st_mtime_ns, status.st_ino) for status in map(Path.stat, self._paths)]
        except OSError:
            return []
