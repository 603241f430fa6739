"""Room on disks."""

from collections.abc import Iterator

from recstack.doctor.facts import Disk, Facts
from recstack.doctor.finding import Finding

MIB = 2**20
FREE_FILES = 1000


def full(facts: Facts) -> Iterator[Finding]:
    """A disk with too little room: Redis refuses writes, events are not filed."""
    for disk in facts.disks:
        if disk.free_bytes < facts.limits.free_bytes:
            seen = f"{disk.free_bytes // MIB} MiB of {disk.total_bytes // MIB} MiB are free"
            yield _finding(disk, f"{seen}, {facts.limits.free_bytes // MIB} MiB should be")
        elif disk.free_files < FREE_FILES:
            yield _finding(disk, f"{disk.free_files} more files can be made")


def _finding(disk: Disk, seen: str) -> Finding:
    return Finding(
        "full_disk",
        f"the disk of {disk.path} ({disk.holds}) is full",
        seen,
        "make room: old releases, Parquet files of the log and *.old.log may go; or name a folder "
        "on another disk with --var",
    )
