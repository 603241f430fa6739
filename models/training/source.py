"""What a release is trained from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from models.data.dataset import Dataset, Tables
from models.schema.features import FeatureSchema
from models.training.log import Log
from models.training.settings import Settings


class Report(Protocol):
    """Who hears how far the training is."""

    def __call__(self, step: str) -> Callable[[float], None]:
        """Begins a step; the result is called with the part of it that is done."""
        ...


@dataclass(frozen=True)
class Source:
    """What everything is trained from."""

    dataset: Dataset
    tables: Tables
    log: Log
    schema: FeatureSchema
    settings: Settings
    report: Report
