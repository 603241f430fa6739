"""`recstack release ...`: releases in their folder, and in the memory of a running stack."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from models.schema.manifest import Manifest, ReleaseError
from recstack.admin import AdminError, Holder
from recstack.cli.admin import (
    VAR,
    Addresses,
    PortOffset,
    Processes,
    TokenFile,
    Var,
    processes,
)
from recstack.cli.failure import Failure
from recstack.cli.output import AsJson
from recstack.cli.release_tables import print_difference, print_holders, print_manifest
from services.chassis import log
from services.inference.store import ReleaseStore

app = typer.Typer(
    help="Load and unload releases of a running stack; show, verify and compare those of a folder.",
    no_args_is_help=True,
)

Release = Annotated[str, typer.Argument(help="Id of a release.")]
OrCurrent = Annotated[str, typer.Argument(help="Id of a release; by default the current one.")]
Releases = Annotated[
    str, typer.Option(help="Folder of releases, or a URL such as s3://bucket/releases.")
]
FOLDER = "var/releases"
POLL_SECONDS = 0.2


@app.command("list")
def list_(
    address: Addresses = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """What every process of the gateway and its stages have in memory."""
    asked = processes(address, token_file, port_offset, var)
    found = {}
    for where in asked.addresses:
        with asked.asked(where) as admin:
            found[where] = admin.releases()
    if as_json:
        told = {
            where: {"start": start, "holders": [asdict(one) for one in holders]}
            for where, (start, holders) in found.items()
        }
        typer.echo(json.dumps(told, indent=2))
        return
    for where, (start, holders) in found.items():
        print_holders(where, start, holders)


@app.command()
def load(
    release: Release,
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait until it is loaded; 0: do not wait.", min=0)
    ] = 300.0,
    address: Addresses = None,
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Load a release beside the others, in the background, in the gateway and every stage."""
    asked = processes(address, token_file, port_offset, var)
    end = time.monotonic() + timeout
    for where in asked.addresses:
        with asked.asked(where) as admin:
            _check(where, admin.load(release))
    if not timeout:
        typer.echo(f"release {release} is being loaded")
        return
    for where in asked.addresses:
        _wait(asked, where, release, end)
    typer.echo(f"release {release} is loaded everywhere")


@app.command()
def unload(
    release: Release,
    instead: Annotated[
        str, typer.Option(help="A loaded one in its place, where processes stand on it.")
    ] = "",
    address: Addresses = None,
    token_file: TokenFile = None,
    port_offset: PortOffset = 0,
    var: Var = VAR,
) -> None:
    """Forget a release, in the gateway and every stage; running requests end undisturbed."""
    asked = processes(address, token_file, port_offset, var)
    absent = []  # as when an earlier try failed half-way
    for where in asked.addresses:
        # The stages forget it last, when no gateway answers from it any more.
        here_only = where != asked.addresses[-1]
        with asked.asked(where) as admin:
            try:
                _check(where, admin.unload(release, instead, here_only))
            except AdminError as error:
                if not error.missing:
                    raise
                absent.append(f"{where}: {error}")
    if len(absent) == len(asked.addresses):
        raise Failure("; ".join(absent))
    typer.echo(f"release {release} is unloaded")


@app.command()
def show(release: OrCurrent = "", releases: Releases = FOLDER, as_json: AsJson = False) -> None:
    """What a release is: its data, channels, tasks, offline metrics and files."""
    store = ReleaseStore(releases)
    manifest = Manifest.read(store.fetch(release or store.current()))
    if as_json:
        typer.echo(json.dumps(asdict(manifest), indent=2))
    else:
        print_manifest(manifest)


@app.command()
def verify(release: OrCurrent = "", releases: Releases = FOLDER) -> None:
    """Check a release as services do before they serve it: hashes, schema, golden requests."""
    from models.evaluation.funnel import Funnel
    from models.registry import GRAPHS
    from services.inference.golden import TOLERANCE, deviation
    from services.inference.slots import ReleaseSlots

    store = ReleaseStore(releases)
    chosen = release or store.current()
    with log.only("error"):
        funnel = ReleaseSlots(store, Funnel.open).load(chosen)
    typer.echo(f"{len(funnel.manifest.files)} files have their hashes, the schema is its own")
    for graph in GRAPHS.values():
        off = deviation(funnel.folder, graph.path, graph.golden)
        typer.echo(f"{graph.path}: off its golden values by {off:.1e}, {TOLERANCE:.0e} is allowed")
    typer.echo(f"release {chosen} may serve")


@app.command()
def diff(
    first: Release,
    second: Release,
    releases: Releases = FOLDER,
    users: Annotated[int, typer.Option(help="Whose lists are compared.", min=1)] = 200,
    examples: Annotated[int, typer.Option(help="Lists to show, least alike first.", min=0)] = 3,
    as_json: AsJson = False,
) -> None:
    """Compare two releases: what they were made of, offline metrics, and the lists they give.

    The users are those of the first release's golden requests, then some with one popular item.
    """
    from models.evaluation.likeness import compare

    store = ReleaseStore(releases)
    folders = store.fetch(first), store.fetch(second)
    manifests = Manifest.read(folders[0]), Manifest.read(folders[1])
    with log.only("error"):
        pairs = asyncio.run(compare(*folders, users))
    if as_json:
        typer.echo(json.dumps([asdict(pair) for pair in pairs], indent=2))
    else:
        print_difference(manifests, pairs, examples)


def _check(address: str, holders: Sequence[Holder]) -> None:
    """Failure when a holder did not do what it was told."""
    if problems := [f"{one.holder}: {one.problem}" for one in holders if one.problem]:
        raise Failure(f"{address}: {'; '.join(problems)}")


def _wait(asked: Processes, address: str, release: str, end: float) -> None:
    """Until the process at the address and its stages have the release.

    Raises:
        Failure: one of them refuses it, does not answer, or needs longer.
    """
    while True:
        with asked.asked(address) as admin:
            _, holders = admin.releases()
        _check(address, holders)
        states = {one.holder: _state(one, release) for one in holders}
        left = [name for name, (state, _) in states.items() if state not in ("loaded", "refused")]
        if not left:
            _check_loaded(address, release, states)
            return
        if time.monotonic() > end:
            raise Failure(f"{address}: {', '.join(left)} still load release {release}")
        time.sleep(POLL_SECONDS)


def _check_loaded(address: str, release: str, states: Mapping[str, tuple[str, str]]) -> None:
    if refused := [f"{name}: {why}" for name, (state, why) in states.items() if state == "refused"]:
        message = f"{address}: release {release} is refused: {'; '.join(refused)}"
        raise Failure(message, ReleaseError.hint)


def _state(holder: Holder, release: str) -> tuple[str, str]:
    """How far a holder is with a release, and why it was refused."""
    return next(
        ((one.state, one.reason) for one in holder.releases if one.release == release), ("", "")
    )
