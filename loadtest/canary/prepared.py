"""What the demonstration stands on, made once: a world's log, and releases trained on it."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.canary import faulty
from loadtest.simulation.config import WorldConfig
from models.schema.manifest import Manifest, ReleaseError
from recstack.preparation import fingerprint_of
from services.chassis.errors import StartupError

Say = Callable[[str], None]

WORLD = WorldConfig(users=6_000, items=1_000, visits=20.0)
EPOCHS = "0.3"  # factor: a minute of training
STABLE, GOOD = "stable", "good"
SEEDS = {STABLE: "1", GOOD: "2"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """Folders below one that is kept.

    Attributes:
        data: the world's log, whose users are loaded.
        releases: has STABLE and GOOD; the others are made beside them.
    """

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data" / "simulated"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    def release(self, name: str) -> Path:
        return self.releases / name


def prepared(root: Path, say: Say) -> Prepared:
    """What is there from another run is not made again.

    Raises:
        StartupError: it cannot be made.
    """
    found = Prepared(root)
    if not _is_of_this_world(found.data):
        say(f"making the log of {WORLD.users:,} SIMULATED people ...")
        size = ("--users", str(WORLD.users), "--items", str(WORLD.items))
        options = (*size, "--visits", str(WORLD.visits), "--force")
        _recstack("simulate", "log", "--to", str(found.data.parent), *options)
    fingerprint = fingerprint_of(found.data)
    for name, seed in SEEDS.items():
        if not _is_of_data(found.release(name), fingerprint):
            say(f"training the release {name}, about a minute ...")
            _train(found, name, seed)
    return found


def _train(found: Prepared, name: str, seed: str) -> None:
    trained = found.root / f"trained-{name}"
    options = ("--releases", str(trained), "--seed", seed, "--epochs", EPOCHS)
    _recstack("train", "--data", str(found.data), *options)
    faulty.identical(trained / (trained / "current").read_text().strip(), found.release(name))


def _is_of_this_world(data: Path) -> bool:
    try:
        return {**asdict(WorldConfig.read(data)), "end": WORLD.end} == asdict(WORLD)
    except StartupError:
        return False


def _is_of_data(release: Path, fingerprint: str) -> bool:
    try:
        manifest = Manifest.read(release)
        manifest.verify(release)
    except ReleaseError:
        return False
    return manifest.data_fingerprint == fingerprint


def _recstack(*arguments: str) -> None:
    command = [sys.executable, "-m", "recstack", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartupError(f"recstack {' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
