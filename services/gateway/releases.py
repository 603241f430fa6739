"""The releases of a gateway and of its stages, loaded and unloaded while they serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from services.gateway.release import GatewayRelease
from services.inference.holder import ReleaseRecord, ReleaseState


@dataclass(frozen=True, slots=True)
class Holding:
    """What a holder was last heard to hold.

    Attributes:
        holder: "gateway", or the stage: "recall", "prerank", "rank", "rerank".
        address: where it is asked; empty: in this process.
        records: by release; as last heard when there is a problem.
        problem: why it did not say the last time it was asked; empty: it did.
    """

    holder: str
    address: str
    records: Mapping[str, ReleaseRecord]
    problem: str = ""

    def has(self, release: str) -> bool:
        """Whether it had the release loaded."""
        record = self.records.get(release)
        return record is not None and record.state is ReleaseState.LOADED


class GatewayReleases(Protocol):
    """What the gateway answers from. `start`, `ids`, `get` and `holdings` only read memory."""

    @property
    def start(self) -> str:
        """The release that answers where no traffic policy names one; always in `ids()`.

        It is the one the process started with until it is unloaded in favour of another.
        """
        ...

    def ids(self) -> tuple[str, ...]:
        """Releases that are loaded in this gateway, oldest load first; they come and go."""
        ...

    def get(self, release: str) -> GatewayRelease | None:
        """What the gateway holds of a release; None when it is not loaded here.

        One that is loaded here may still be missing in a stage: see `holdings`.
        """
        ...

    def holdings(self) -> tuple[Holding, ...]:
        """Of the gateway and of each stage, as of the last look, a second ago at most."""
        ...

    def everywhere(self, release: str) -> bool:
        """Whether the gateway and, as last heard, every stage has the release loaded."""
        ...
