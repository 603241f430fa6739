"""What must be there before the stack starts: a whole release, and the data of its users."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from models.schema.manifest import FormatError, Manifest, ReleaseError
from recstack.child import LEASH
from services.chassis.errors import StartupError
from services.inference.store import ReleaseStore

DATA = Path("var/data")
FIRST_DATA = "ml-100k"
MAKERS = {
    FIRST_DATA: ("getting MovieLens-100K", ("data", "get", FIRST_DATA)),
    "simulated": ("making the SIMULATED data set", ("simulate", "log")),
}
"""Data sets, by name, that are made when they are not there, and the commands that do it."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A verified release, and the folder of the data whose users are loaded; None: nobody's."""

    release: Manifest
    data: Path | None


def prepare(releases: str, release: str, data: Path | None, say: Say) -> Prepared:
    """Finds or makes the release to serve and the data of its users.

    With `release`, that one. With `data`, the current release if it was trained on it, else the
    newest that was, else a new one. With neither, the current release, else a new one trained on
    MovieLens-100K. Where another version of recstack made the current one, its place is taken by a
    release of this version trained on the same data: the newest there is, else a new one.

    Data made from a served log has pseudonyms for users: those of the data it goes on from are
    loaded.

    Raises:
        StartupError: says what is wrong and what to do.
    """
    prepared = _prepared(releases, release, data, say)
    return replace(prepared, data=_with_users(prepared.data, say))


def _prepared(releases: str, release: str, data: Path | None, say: Say) -> Prepared:
    try:
        store = ReleaseStore(releases)
        if release:
            chosen = _verified(store, release)
            return Prepared(chosen, data or _data_of(chosen, say))
        if data is None and (current := _current(store)):
            try:
                chosen = _verified(store, current)
                return Prepared(chosen, _data_of(chosen, say))
            except FormatError as error:
                data = _same_data(error, say)
        data = data or DATA / FIRST_DATA
        fingerprint = fingerprint_of(data)
        chosen_id = _trained_on(store, fingerprint) or _train(store, data, say)
        return Prepared(_verified(store, chosen_id), data)
    except ReleaseError as error:
        hint = "make a new one with `recstack train`, or name another with --release"
        raise StartupError(str(error), hint) from None


def _verified(store: ReleaseStore, release: str) -> Manifest:
    folder = store.fetch(release)
    manifest = Manifest.read(folder)
    manifest.verify(folder)
    return manifest


def _current(store: ReleaseStore) -> str:
    """The id of the current release, empty when there is no release at all."""
    return store.current() if store.ids() else ""


def _same_data(error: FormatError, say: Say) -> Path:
    """The data to train on instead of serving a release of another version."""
    folder = DATA / error.data_name
    if not error.data_name or not (error.data_name == FIRST_DATA or folder.is_dir()):
        raise error
    say(f"{error}; a release of {folder} that it reads takes its place")
    return folder


def _with_users(data: Path | None, say: Say) -> Path | None:
    """The data whose user ids are those that clients use."""
    from models.data.dataset import Dataset

    base = Dataset.open(data).description.base if data else ""
    if data is None or not base:
        return data
    if (folder := data.parent / base).is_dir():
        return folder
    say(f"no users are loaded: {data} has pseudonyms, and {folder}, which it goes on from, is gone")
    return None


def _data_of(release: Manifest, say: Say) -> Path | None:
    """The data that the release was trained on, where `recstack data` puts it."""
    folder = DATA / release.data_name
    if release.data_name == FIRST_DATA or folder.is_dir():
        if fingerprint_of(folder) == release.data_fingerprint:
            return folder
        say(f"{folder} is not the data that release {release.id} was trained on")
    say(f"no users are loaded: name the data of release {release.id} with --data")
    return None


def fingerprint_of(data: Path) -> str:
    """The fingerprint of the data; one of MAKERS is made when it is not there."""
    from models.data import DataError
    from models.data.dataset import Dataset

    if data.name in MAKERS and not data.exists():
        what, command = MAKERS[data.name]
        _run(what, *command, "--to", str(data.parent))
    try:
        return Dataset.open(data).description.fingerprint
    except DataError as error:
        raise StartupError(str(error)) from None


def _trained_on(store: ReleaseStore, fingerprint: str) -> str:
    """The current release if it was trained on this data, else the newest that was, else ""."""
    created = {}
    for release in store.ids():
        with contextlib.suppress(ReleaseError):  # one that is broken serves nobody
            manifest = Manifest.read(store.fetch(release))
            if manifest.data_fingerprint == fingerprint:
                created[release] = manifest.created
    if created and (current := _current(store)) in created:
        return current
    return max(created, key=lambda release: created[release], default="")


def _train(store: ReleaseStore, data: Path, say: Say) -> str:
    if "://" in store.url:
        raise StartupError(
            f"no release of {data} in {store.url}",
            f"make one with `recstack train --data {data}` and copy it there",
        )
    say(f"no release of {data} yet: training one")
    _run("training", "train", "--data", str(data), "--releases", store.url)
    return store.current()


def _run(what: str, *arguments: str) -> None:
    """Runs a command of recstack in a process of its own, which takes its memory with it."""
    leash = (sys.executable, "-I", "-S", LEASH, str(int(signal.SIGTERM)), str(os.getpid()))
    command = (*leash, sys.executable, "-m", "recstack", *arguments)
    # Its output goes where news go: standard output is for the ready line.
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise StartupError(f"{what} failed", "its message is above")
