"""Metrics of a service, read once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """Samples by name: labels and value."""

    samples: Mapping[str, list[tuple[Mapping[str, str], float]]] = field(default_factory=dict)

    def labelled(self, name: str, label: str) -> Iterator[str]:
        """Values of a label whose sample is more than 0."""
        return (labels[label] for labels, value in self.samples.get(name, ()) if value > 0)

    def single(self, name: str) -> float:
        """Of a metric without labels; 0: it is not shown."""
        return next((value for _, value in self.samples.get(name, ())), 0.0)

    def summed(self, name: str, by: str, **only: str) -> Counter[str]:
        """Sums by a label, of the samples with other labels as given."""
        sums: Counter[str] = Counter()
        for labels, value in self.samples.get(name, ()):
            if all(labels.get(key) == wanted for key, wanted in only.items()):
                sums[labels[by]] += int(value)
        return sums


async def scrape(client: httpx.AsyncClient, url: str) -> Scrape | None:
    """What the service shows; None: nothing, or something else."""
    try:
        answer = (await client.get(url, timeout=TIMEOUT_SECONDS)).raise_for_status()
        samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    except (httpx.HTTPError, ValueError):
        return None
    return Scrape(samples)
