"""What a release is trained from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from models.data.dataset import Dataset, Tables
from models.data.exposures import Exposures
from models.data.served import ServedLog
from models.schema.features import FeatureSchema
from models.schema.parameters import Parameters
from models.training import channels
from models.training.log import Log
from models.training.settings import Settings


class Report(Protocol):
    """Who hears how far the training is."""

    def __call__(self, step: str) -> Callable[[float], None]:
        """Begins a step; the result is called with the part of it that is done."""
        ...


@dataclass(frozen=True)
class Source:
    """What everything is trained from.

    Attributes:
        quotas: of the recall channels of the release.
        parent: the release whose log this is; empty: another log.
        served: the log of a stack; its lists teach the scorers what was shown and not taken.
        exposures: what the users of the log were shown, where the data set says it.
    """

    dataset: Dataset
    tables: Tables
    log: Log
    schema: FeatureSchema
    settings: Settings
    report: Report
    quotas: Mapping[str, int] = field(default_factory=dict)
    parent: str = ""
    served: ServedLog | None = None
    exposures: Exposures | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of the release, in order."""
        return channels.of(self.quotas)

    def parameters(self) -> Parameters:
        """What serving reads.

        Without one event vectors mean nothing: no diversity is sought by them.
        """
        parameters = self.settings.parameters(self.quotas)
        if len(self.log.rows):
            return parameters
        return replace(parameters, rerank=replace(parameters.rerank, diversity="none"))
