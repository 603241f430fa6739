"""`recstack load`: a bounded load on a running stack."""

import os
import sys
from importlib.util import find_spec
from typing import Any

import typer

from recstack.cli import tls
from recstack.cli.failure import Failure

NEEDED = ("locust", "matplotlib")

# The options are those of `python -m loadtest`; --help is its too.
PASSED_ON: dict[str, Any] = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}


def load(context: typer.Context) -> None:
    """Send a bounded load to a running stack; check SLOs, write a report."""
    for module in NEEDED:
        if find_spec(module) is None:
            hint = "pip install 'recstack[load]'"
            raise Failure(f"a load needs {module}, which is not here", hint)
    files = tls.given()
    named = {"CA": files.ca, "CERTIFICATE": files.certificate, "KEY": files.key}
    given = {f"RECSTACK_TLS_{name}": str(file) for name, file in named.items() if file}
    # A process of its own: the load changes sockets and locks to those of greenlets.
    command = (sys.executable, "-m", "loadtest", *context.args)
    os.execve(sys.executable, command, {**os.environ, **given})
