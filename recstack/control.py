"""How `recstack restart` speaks with the `recstack up` that runs: JSON lines on a Unix socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from recstack.supervisor import Supervisor
from recstack.workspace import Workspace
from services.chassis.errors import StartupError

NAME = "control"  # in what a stack announces


@asynccontextmanager
async def controlled(supervisor: Supervisor) -> AsyncIterator[str]:
    """Takes commands while the context is open; gives the address of the socket."""
    tasks: set[asyncio.Task[None]] = set()

    async def command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            async for line in _done(supervisor, await reader.readline()):
                writer.write(json.dumps(line).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # it asked and went away
        except asyncio.CancelledError:
            pass  # the stack ends: whoever asked finds the last line missing
        finally:
            tasks.discard(task)
            writer.close()

    with TemporaryDirectory(prefix="recstack-") as folder:  # for its owner alone
        address = str(Path(folder) / "control")
        server = await asyncio.start_unix_server(command, address)
        try:
            yield address
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _done(supervisor: Supervisor, asked: bytes) -> AsyncIterator[dict[str, str]]:
    """Restarts the named children, or all, one after another; the last line says how it ended."""
    try:
        for name in json.loads(asked)["restart"] or supervisor.restartable:
            yield {"restarting": name}
            await supervisor.restart(name)
            yield {"restarted": name}
    except StartupError as error:
        yield {"error": str(error), "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - whoever asked must hear of it, the stack runs on
        yield {"error": f"the stack failed at it: {error!r}", "hint": ""}
    else:
        yield {"done": "restart"}


def restart(workspace: Workspace, names: Sequence[str]) -> Iterator[str]:
    """Has the stack of the workspace restart these services, or all; gives each that is done.

    Raises:
        StartupError: no stack runs there, or a service was not restarted: its process serves on.
    """
    addresses = workspace.running().get(NAME)
    if not addresses:
        hint = "start one with `recstack up`, or name its --var and --port-offset"
        raise StartupError("no stack runs here", hint)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stack:
        try:
            stack.connect(addresses[0])
        except OSError as error:
            raise StartupError(f"the stack does not answer: {error.strerror}") from None
        stack.sendall(json.dumps({"restart": list(names)}).encode() + b"\n")
        for line in stack.makefile():
            told = json.loads(line)
            if "error" in told:
                raise StartupError(told["error"], told["hint"])
            if "restarted" in told:
                yield told["restarted"]
            if "done" in told:
                return
    raise StartupError("the stack went away before it was done", "see whether it still runs")
