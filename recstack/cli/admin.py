"""What commands that ask AdminService have in common: where it is, and its token."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from recstack.admin import Admin, AdminError, read_token
from recstack.cli import tls
from recstack.cli.failure import Failure
from recstack.workspace import Workspace

DEFAULT_ADDRESS = "127.0.0.1:52050"
TOKEN = Path("secrets/admin.token")

Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--address", envvar="RECSTACK_ADMIN_ADDRESS", help="Of AdminService; several are asked."
    ),
]
TokenFile = Annotated[
    Path | None, typer.Option(envvar="RECSTACK_ADMIN_TOKEN_FILE", help="File with its token.")
]
PortOffset = Annotated[int, typer.Option(min=0, help="Of the stack to look at.")]
Var = Annotated[Path, typer.Option(help="Its folder.")]
VAR = Path("var")


@dataclass(frozen=True, slots=True)
class Processes:
    """The gateway's processes: their addresses, and the token they ask for."""

    addresses: Sequence[str]
    token: str

    @contextmanager
    def asked(self, address: str) -> Iterator[Admin]:
        """One of them; its failures are told to people."""
        try:
            with Admin(address, self.token, tls.given()) as admin:
                yield admin
        except AdminError as error:
            hint = "start the stack with `recstack up`, or give --address and --token-file"
            raise Failure(f"{address}: {error}", hint if error.away else "") from None


def processes(
    address: Sequence[str] | None, token_file: Path | None, port_offset: int, var: Path
) -> Processes:
    """Those that are named, else those of the stack that runs in the folder.

    Raises:
        StartupError: the token cannot be read.
    """
    there = Workspace(var, port_offset).running()
    addresses = address or [*there.get("admin", ())] or [DEFAULT_ADDRESS]
    return Processes(addresses, read_token(token_file or var / TOKEN))
