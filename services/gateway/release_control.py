"""Loads and unloads releases in this gateway and in the stages that it asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from services.chassis.errors import InvalidArgumentError
from services.domain.traffic import Policy
from services.gateway.release import GatewayRelease
from services.gateway.releases import Holding
from services.inference.holder import (
    HolderError,
    NoSuchReleaseError,
    ReleaseHolder,
    ReleaseInUseError,
)
from services.inference.keeper import ReleaseKeeper
from services.inference.slots import ReleaseSlots

OWN = "gateway"
Named = Callable[[], Sequence[str]]
"""Releases that the traffic policy names, stable first; empty: there is no policy."""

NO_POLICY = 0
"""Version of the policy that holds where there is no other: it names nothing."""


class Following(Protocol):
    """Knows the policy that holds."""

    @property
    def applied(self) -> Policy: ...


def nobody() -> Sequence[str]:
    """No policy."""
    return ()


def named_by(following: Following) -> Sequence[str]:
    """The releases of the policy that holds."""
    policy = following.applied
    return () if policy.version == NO_POLICY else policy.releases


class ReleaseControl:
    """GatewayReleases over the slots of this process and the holders of its stages.

    Args:
        slots: of this gateway, with the release of the start loaded.
        stages: by name; what holds the releases of each stage.
        addresses: of stages, by name; of others they are in this process.
        named: releases that may not be unloaded.
        answering: nor may these, which the lists of this process come from.
    """

    def __init__(
        self,
        slots: ReleaseSlots[GatewayRelease],
        stages: Mapping[str, ReleaseHolder],
        addresses: Mapping[str, str],
        named: Named = nobody,
        answering: Named = nobody,
    ) -> None:
        self._slots = slots
        self._own = ReleaseKeeper(slots)
        self._stages = stages
        self._heard = {
            name: Holding(name, addresses.get(name, ""), {}, "not asked yet") for name in stages
        }
        self.named = named
        self._answering = answering

    @property
    def start(self) -> str:
        return self._own.start

    @property
    def wanted(self) -> tuple[str, ...]:
        """What the gateway and its stages are to hold; the first answers most people."""
        return tuple(self.named()) or (self.start,)

    def ids(self) -> tuple[str, ...]:
        return self._slots.ids()

    def get(self, release: str) -> GatewayRelease | None:
        return self._slots.get(release)

    def held(self) -> tuple[GatewayRelease, ...]:
        """All that are loaded in this gateway, oldest load first."""
        found = (self._slots.get(release) for release in self._slots.ids())
        return tuple(release for release in found if release is not None)

    def holdings(self) -> tuple[Holding, ...]:
        records = {record.release: record for record in self._own.records}
        return Holding(OWN, "", records), *self._heard.values()

    def answers_from(self, release: str) -> bool:
        """Whether lists of this process come from a release."""
        return release in self._answering()

    def everywhere(self, release: str) -> bool:
        return all(holding.has(release) for holding in self.holdings())

    async def look(self) -> None:
        """Asks every stage what it holds."""
        await asyncio.gather(*(self._ask(name) for name in self._stages))

    async def load(self, release: str) -> tuple[Holding, ...]:
        """Begins to load a release here and in every stage, by hand; how far each is.

        A stage that could not be told says so as its problem.

        Raises:
            InvalidArgumentError: that is no id.
            NoSuchReleaseError: it is not where this gateway's releases lie.
        """
        await self._own.load(release, by_hand=True)
        problems = await _told(self._stages, lambda stage: stage.load(release, by_hand=True))
        return await self._after(problems)

    async def load_in(self, holder: str, release: str, *, urgent: bool) -> None:
        """Begins to load a release in the gateway or a stage, as ReleaseHolder does."""
        if holder == OWN:
            await self._own.load(release, urgent=urgent)
            return
        record = await self._stages[holder].load(release, urgent=urgent)
        heard = self._heard[holder]
        self._heard[holder] = replace(heard, records={**heard.records, release: record})

    async def unload(
        self, release: str, instead: str = "", here_only: bool = False
    ) -> tuple[Holding, ...]:
        """Forgets a release here and in every stage; what each then holds.

        `here_only`: in the stages of this process alone, for others are asked by other gateways.
        A stage that keeps it says why as its problem.

        Raises:
            InvalidArgumentError: that is no id, or `instead` is not loaded or the same.
            NoSuchReleaseError: neither this gateway nor such a stage was told to load it.
            ReleaseInUseError: traffic names it, this gateway answers from it, or it stands on it
                and no other is named.
        """
        self._check_unused(release, instead)
        here = None
        try:
            await self._own.unload(release, instead)
        except NoSuchReleaseError as error:
            here = error
        own = {name: one for name, one in self._stages.items() if not self._heard[name].address}
        stages, replaced = own if here_only else self._stages, instead or self.start
        ends = await _told(stages, lambda stage: stage.unload(release, replaced))
        missing = {name for name, error in ends.items() if isinstance(error, NoSuchReleaseError)}
        if here is not None and missing == stages.keys():
            raise here
        return await self._after({name: ends[name] for name in ends.keys() - missing})

    def _check_unused(self, release: str, instead: str) -> None:
        if release in self.named():
            raise ReleaseInUseError(f"traffic names release {release}: take it out of there first")
        if instead in self._slots.ids() and self.answers_from(release):
            raise ReleaseInUseError(f"this gateway answers from release {release}")

    async def _ask(self, name: str) -> None:
        try:
            records = await self._stages[name].list()
        except HolderError as error:
            self._heard[name] = replace(self._heard[name], problem=str(error))
        else:
            by_release = {record.release: record for record in records}
            self._heard[name] = replace(self._heard[name], records=by_release, problem="")

    async def _after(self, problems: Mapping[str, Exception]) -> tuple[Holding, ...]:
        await self.look()
        return tuple(
            replace(holding, problem=str(problems[holding.holder]))
            if holding.holder in problems
            else holding
            for holding in self.holdings()
        )


async def _told(
    stages: Mapping[str, ReleaseHolder], tell: Callable[[ReleaseHolder], Awaitable[object]]
) -> dict[str, Exception]:
    """Tells all at once; the errors of those that did not do it, by name."""
    ends = await asyncio.gather(*map(tell, stages.values()), return_exceptions=True)
    errors: dict[str, Exception] = {}
    for name, end in zip(stages, ends, strict=True):
        if isinstance(end, (HolderError, InvalidArgumentError)):
            errors[name] = end
        elif isinstance(end, BaseException):
            raise end
    return errors
