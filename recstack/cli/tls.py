"""Options of every command that calls a stack: the files of TLS, before the name of the command."""

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import typer

from recstack.cli.failure import Failure
from services.chassis.tls import OFF, Tls

HELP = "An online recommendation serving stack. Start with `recstack up`."

_given: ContextVar[Tls] = ContextVar("tls", default=OFF)

File = Path | None


def options(
    tls_ca: Annotated[
        File, typer.Option(envvar="RECSTACK_TLS_CA", help="Call by TLS; trust this CA. PEM.")
    ] = None,
    tls_certificate: Annotated[
        File, typer.Option(envvar="RECSTACK_TLS_CERTIFICATE", help="Certificate of this client.")
    ] = None,
    tls_key: Annotated[File, typer.Option(envvar="RECSTACK_TLS_KEY", help="Its key.")] = None,
) -> None:
    """Reads the options; `given` has them for the command."""
    if (tls_certificate is None) != (tls_key is None):
        raise Failure("--tls-certificate and --tls-key go together")
    if tls_certificate is not None and tls_ca is None:
        raise Failure("--tls-certificate needs --tls-ca", "name the CA of the stack's certificates")
    _given.set(Tls(tls_ca, tls_certificate, tls_key))


def given() -> Tls:
    """The files of this call of the command line."""
    return _given.get()
