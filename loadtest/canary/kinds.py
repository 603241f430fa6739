"""The releases that are rolled out, and how each rollout has to end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtest.canary import faulty
from services.rollout.phase import Phase

SLOWER = 0.5  # of the time that rank takes, as the gateways see it


@dataclass(frozen=True, slots=True)
class Made:
    """What a release is made of.

    Attributes:
        stable: folder of the release that serves.
        folder: where the new one goes.
        rank_seconds: that gateways wait for rank of the stable one.
    """

    stable: Path
    folder: Path
    rank_seconds: float


@dataclass(frozen=True, slots=True)
class ReleaseKind:
    """A kind of release.

    Attributes:
        name: also the release's id.
        wanted: how its rollout has to end.
        make: writes it.
    """

    name: str
    wanted: Phase
    make: Callable[[Made], Path]


def _trained(made: Made) -> Path:
    """It is there: an honest training with another seed."""
    return made.folder


KINDS = (
    ReleaseKind("good", Phase.PROMOTED, _trained),
    ReleaseKind(
        "shuffled", Phase.ROLLED_BACK, lambda made: faulty.shuffled(made.stable, made.folder)
    ),
    ReleaseKind(
        "slow",
        Phase.ROLLED_BACK,
        lambda made: faulty.slow(made.stable, made.folder, SLOWER * made.rank_seconds),
    ),
    ReleaseKind(
        "failing", Phase.ROLLED_BACK, lambda made: faulty.failing(made.stable, made.folder)
    ),
    ReleaseKind("short", Phase.ROLLED_BACK, lambda made: faulty.short(made.stable, made.folder)),
)


def copy(number: int) -> ReleaseKind:
    """The stable release under another id."""
    return ReleaseKind(
        f"copy-{number}",
        Phase.PROMOTED,
        lambda made: faulty.identical(made.stable, made.folder),
    )
