"""Releases that come and go while a process serves: states, refusals, and what a race leaves."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from services.chassis.errors import InvalidArgumentError
from services.inference.golden import open_checked
from services.inference.holder import (
    NoSuchReleaseError,
    ReleaseInUseError,
    ReleaseRecord,
    ReleaseState,
)
from services.inference.keeper import ReleaseKeeper
from services.inference.session import OnnxModel
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore
from tests.unit.inference.small_release import GOLDEN, GRAPH, write_golden, write_release

NOW = 1_700_000_000
PATIENCE = 30.0


class Gate:
    """Opens releases; those that are named wait until they may."""

    def __init__(self) -> None:
        self.waits: dict[str, Event] = {}
        self.opened: list[str] = []

    def __call__(self, folder: Path) -> OnnxModel:
        if folder.name in self.waits:
            assert self.waits[folder.name].wait(PATIENCE)
        self.opened.append(folder.name)
        return open_checked(folder, GRAPH, GOLDEN)


class Kept:
    """A process that started with "a"; there are "b" and "c" too, and "bad"."""

    def __init__(self, folder: Path) -> None:
        for release in ("a", "b", "c"):
            write_release(folder, release)
        self.bad = write_release(folder, "bad")
        (self.bad / GRAPH).write_bytes(b"")
        self.gate = Gate()
        self.slots = ReleaseSlots(ReleaseStore(str(folder)), self.gate)
        self.slots.load("a")
        self.keeper = ReleaseKeeper(self.slots, lambda: NOW)

    def states(self) -> dict[str, ReleaseState]:
        return {record.release: record.state for record in self.keeper.records}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "releases")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn is waited for that others on this machine take."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_release_is_loaded_beside_the_one_that_serves(kept: Kept) -> None:
    (start,) = await kept.keeper.list()
    assert (start.release, start.state, start.since) == ("a", ReleaseState.LOADED, NOW)
    kept.gate.waits["b"] = Event()
    assert await kept.keeper.load("b") == ReleaseRecord("b", ReleaseState.LOADING, since=NOW)
    assert await kept.keeper.load("b") == ReleaseRecord("b", ReleaseState.LOADING, since=NOW)
    assert kept.slots.ids() == ("a",)
    kept.gate.waits["b"].set()
    await until(lambda: kept.states()["b"] is ReleaseState.LOADED)
    assert kept.slots.ids() == ("a", "b")
    assert kept.gate.opened == ["a", "b"]
    loaded = await kept.keeper.load("b")
    assert loaded.bytes == sum(p.stat().st_size for p in (kept.bad.parent / "b").iterdir())


async def test_a_refused_release_says_why_and_is_tried_again(kept: Kept) -> None:
    await kept.keeper.load("bad")
    await until(lambda: kept.states()["bad"] is ReleaseState.REFUSED)
    (_, refused) = await kept.keeper.list()
    assert "graph.onnx was changed" in refused.reason
    assert kept.slots.ids() == ("a",)
    (kept.bad / GRAPH).write_bytes((kept.bad.parent / "b" / GRAPH).read_bytes())
    await kept.keeper.load("bad")
    await until(lambda: kept.states()["bad"] is ReleaseState.LOADED)
    assert kept.keeper.records[-1].reason == ""


async def test_wrong_golden_values_are_refused_though_hashes_fit(kept: Kept) -> None:
    folder = write_release(kept.bad.parent, "shifted", offset=1.0)
    await kept.keeper.load(folder.name)
    await until(lambda: kept.states()["shifted"] is ReleaseState.REFUSED)
    assert "off its golden values" in kept.keeper.records[-1].reason


@pytest.mark.parametrize("release", ["", "../a", ".hidden", "a b", "a/b", "x" * 129, "a\n", "ü"])
async def test_what_is_no_id_is_refused(kept: Kept, release: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"release: .* is not the id"):
        await kept.keeper.load(release)
    with pytest.raises(InvalidArgumentError, match=r"release: .* is not the id"):
        await kept.keeper.unload(release)


async def test_what_is_not_there_is_refused_at_once(kept: Kept) -> None:
    with pytest.raises(NoSuchReleaseError, match=r"no release d in .*: there are a, b, bad, c"):
        await kept.keeper.load("d")
    with pytest.raises(NoSuchReleaseError, match="release b is not loaded; there are a"):
        await kept.keeper.unload("b")
    assert list(kept.states()) == ["a"]


async def test_the_release_it_stands_on_stays_until_another_is_named(kept: Kept) -> None:
    with pytest.raises(ReleaseInUseError, match="the service stands on release a"):
        await kept.keeper.unload("a")
    with pytest.raises(InvalidArgumentError, match="instead: release b is not loaded"):
        await kept.keeper.unload("a", "b")
    with pytest.raises(InvalidArgumentError, match="instead: the release that is to be"):
        await kept.keeper.unload("a", "a")
    await kept.keeper.load("b")
    await until(lambda: "b" in kept.slots.ids())
    await kept.keeper.unload("a", "b")
    assert (kept.keeper.start, list(kept.states()), kept.slots.ids()) == ("b", ["b"], ("b",))
    with pytest.raises(ReleaseInUseError):
        await kept.keeper.unload("b")


async def test_what_to_stand_on_is_asked_only_where_it_matters(kept: Kept) -> None:
    await kept.keeper.load("b")
    await until(lambda: "b" in kept.slots.ids())
    await kept.keeper.unload("b", "c")
    assert (kept.keeper.start, list(kept.states())) == ("a", ["a"])
    with pytest.raises(InvalidArgumentError, match=r"instead: '\.\./c' is not the id"):
        await kept.keeper.unload("a", "../c")


async def test_what_is_loaded_by_hand_is_so_until_it_is_unloaded(kept: Kept) -> None:
    kept.gate.waits["b"] = Event()
    assert not (await kept.keeper.load("b")).by_hand
    assert (await kept.keeper.load("b", by_hand=True)).by_hand
    assert (await kept.keeper.load("b")).by_hand
    kept.gate.waits["b"].set()
    await until(lambda: kept.states()["b"] is ReleaseState.LOADED)
    assert [record.by_hand for record in await kept.keeper.list()] == [False, True]
    await kept.keeper.unload("b")
    assert not (await kept.keeper.load("b")).by_hand


async def test_one_that_is_unloaded_while_it_loads_never_serves(kept: Kept) -> None:
    kept.gate.waits["b"] = Event()
    await kept.keeper.load("b")
    await kept.keeper.load("c")
    await kept.keeper.unload("b")
    assert list(kept.states()) == ["a", "c"]
    kept.gate.waits["b"].set()
    await until(lambda: kept.states()["c"] is ReleaseState.LOADED)
    await until(lambda: kept.slots.ids() == ("a", "c"))


async def test_it_can_be_loaded_again_before_the_first_load_has_ended(kept: Kept) -> None:
    kept.gate.waits["b"] = Event()
    await kept.keeper.load("b")
    await kept.keeper.unload("b")
    await kept.keeper.load("b")
    kept.gate.waits["b"].set()
    await until(lambda: kept.states()["b"] is ReleaseState.LOADED)
    assert kept.slots.get("b") is not None


async def test_a_refused_one_can_be_forgotten(kept: Kept) -> None:
    write_golden(kept.bad / GOLDEN, 1.0)
    await kept.keeper.load("bad")
    await until(lambda: kept.states()["bad"] is ReleaseState.REFUSED)
    await kept.keeper.unload("bad")
    assert list(kept.states()) == ["a"]
