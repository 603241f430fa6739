"""Room on the disks that a stack writes to."""

import os
import shutil
from pathlib import Path

from recstack.doctor.facts import Disk
from recstack.processes import Plan

PLENTY = 2**62  # file systems without a fixed number of files


def disks_of(plan: Plan) -> tuple[Disk, ...]:
    """One for each disk, the first folder on it named; folders that are not there yet count too."""
    workspace = plan.workspace
    folders = (
        (workspace.redis, "Redis' data"),
        (workspace.logs, "logs, events, requests"),
        (workspace.root, "keys and locks"),
        *(() if "://" in plan.releases else ((Path(plan.releases), "releases"),)),
    )
    disks: dict[int, Disk] = {}
    for folder, holds in folders:
        there = _there(folder.absolute())
        disks.setdefault(there.stat().st_dev, _disk(folder, there, holds))
    return tuple(disks.values())


def _disk(folder: Path, there: Path, holds: str) -> Disk:
    room, system = shutil.disk_usage(there), os.statvfs(there)
    free_files = system.f_favail if system.f_files else PLENTY
    return Disk(folder, holds, room.free, room.total, free_files)


def _there(folder: Path) -> Path:
    """The folder, or the one that it will be made in."""
    return next(path for path in (folder, *folder.parents) if path.exists())
