"""What recall, prerank and rank refuse to serve from, and what they load."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.schema import layout
from models.schema.manifest import Manifest, ReleaseError, hash_files
from services.chassis.errors import StartupError
from services.chassis.server import started
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore
from services.prerank.pipeline import open_prerank
from services.rank.__main__ import mounted as mounted_rank
from services.rank.pipeline import open_rank
from services.rank.settings import RankSettings
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings
from tests.integration.compute import (
    loaded,
)
from tests.releases import release, release_copy

__all__ = ["release", "release_copy"]

OPENERS: list[tuple[str, Any]] = [
    ("recall", lambda path: open_recall(path, RecallSettings())),
    ("prerank", open_prerank),
    ("rank", open_rank),
]


@pytest.mark.parametrize(("name", "opener"), OPENERS)
def test_any_flipped_byte_in_any_file_is_refused(
    release_copy: Path, name: str, opener: Any
) -> None:
    generator = np.random.default_rng(3)
    paths = [path for path in sorted(release_copy.rglob("*")) if path.is_file()]
    assert len(paths) > 20
    for path in paths:
        whole = path.read_bytes()
        broken = bytearray(whole)
        broken[int(generator.integers(len(whole)))] ^= 1 << int(generator.integers(8))
        path.write_bytes(broken)
        slots: ReleaseSlots[Any] = ReleaseSlots(ReleaseStore(str(release_copy.parent)), opener)
        with pytest.raises(ReleaseError, match=r"changed|not a manifest|corrupted"):
            slots.load(release_copy.name)
        assert slots.ids() == ()
        path.write_bytes(whole)
    loaded(release_copy, opener)


def _rewrite_manifest(folder: Path) -> None:
    """Makes the hashes fit again: damage that only opening can find."""
    replace(Manifest.read(folder), files=hash_files(folder)).write(folder)


@pytest.mark.parametrize(
    ("name", "opener", "damaged"),
    [
        (*OPENERS[0], layout.USER_TOWER),
        (*OPENERS[0], layout.INDEX),
        (*OPENERS[0], layout.GOLDEN_USER_TOWER),
        (*OPENERS[0], layout.ITEM_CF_ROWS),
        (*OPENERS[0], layout.PARAMETERS),
        (*OPENERS[1], layout.PRERANK),
        (*OPENERS[1], layout.GOLDEN_PRERANK),
        (*OPENERS[2], layout.RANK),
        (*OPENERS[2], layout.RANK_ITEMS),
        (*OPENERS[2], layout.GOLDEN_RANK),
    ],
)
def test_a_truncated_file_with_a_fitting_hash_is_refused(
    release_copy: Path, name: str, opener: Any, damaged: str
) -> None:
    path = release_copy / damaged
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _rewrite_manifest(release_copy)
    with pytest.raises(ReleaseError):
        loaded(release_copy, opener)


async def test_a_service_without_its_release_does_not_start(release: Path) -> None:
    settings = RankSettings(port=0, metrics_port=0, releases=str(release.parent), release="other")
    with pytest.raises(StartupError, match=f"no release other in .*: there are {release.name}"):
        async with started("rank", settings, mounted_rank(settings)):
            pass


@pytest.mark.parametrize("service", ["recall", "prerank", "rank"])
def test_no_service_loads_torch(service: str, release: Path) -> None:
    """In a process of its own: loads the release as the service does, then looks."""
    code = (
        "import asyncio, sys, grpc\n"
        "from contextlib import AsyncExitStack\n"
        f"from services.{service}.__main__ import mounted\n"
        f"from services.{service}.settings import {service.title()}Settings\n"
        "async def main():\n"
        f"    settings = {service.title()}Settings(releases={str(release.parent)!r})\n"
        "    async with AsyncExitStack() as stack:\n"
        "        print(await mounted(settings)(grpc.aio.server(), stack))\n"
        "asyncio.run(main())\n"
        "heavy = {'torch', 'onnx', 'polars', 'scipy', 'pyarrow'} & sys.modules.keys()\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"recsys.{service}.v1" in done.stdout
