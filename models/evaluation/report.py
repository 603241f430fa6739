"""Tables made of places: what people read, programs get, and the manifest keeps."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.evaluation.bootstrap import Interval
from models.evaluation.comparison import first_and_others, of_stages, titled
from models.evaluation.losses import losses
from models.evaluation.metrics import RANKING
from models.evaluation.metrics.exposure import (
    exposures,
    gini,
    item_coverage,
    novelty,
    user_coverage,
)
from models.evaluation.metrics.found import F64
from models.evaluation.metrics.ranks import list_auc
from models.evaluation.places import SHOWN, Places
from models.evaluation.tables import Cell, Report, Table
from models.evaluation.values import accuracy


def report(places: Places, ks: Sequence[int]) -> Report:
    """All tables of one evaluation; none where there was nothing to be found."""
    about = places.about
    facts = [
        ("data", about.data),
        ("protocol", about.protocol),
        ("ranking", about.ranking),
        ("users", f"{len(np.unique(places.users))}"),
        ("queries", f"{len(places)}"),
        ("true items", f"{places.offsets[-1]}"),
        *((name, str(count)) for name, count in about.notes.items() if count),
    ]
    if not len(places):
        facts.append(("nothing measured", "no user did enough to hold something out"))
    return Report(about.subject, tuple(facts), tuple(_tables(places, ks) if len(places) else ()))


def _tables(places: Places, ks: Sequence[int]) -> list[Table]:
    measured = accuracy(places, ks)
    pairs = of_stages if "rerank" in places.about.stages else first_and_others
    return [
        *(_accuracy(places, measured, k) for k in ks),
        _beyond(places),
        *_losses(places),
        *pairs(places, ks),
        *_probabilities(places),
    ]


def _accuracy(places: Places, measured: Mapping[str, Mapping[str, Interval]], k: int) -> Table:
    names = [f"{name}@{k}" for name, _ in RANKING]
    rows = [
        (stage, *(measured[stage].get(name) for name in names)) for stage in places.about.stages
    ]
    return Table(titled(places, f"Accuracy at {k}"), ("stage", *names), tuple(rows))


def _beyond(places: Places) -> Table:
    """What lists are like, whether they are right or not: of the first items of each."""
    items = len(places.counts)
    rows: list[tuple[Cell, ...]] = []
    for s, stage in enumerate(places.about.stages):
        lists = places.lists[s]
        areas = list_auc(places.found(stage), places.lengths[s])
        rows.append(
            (
                stage,
                _mean(areas),
                _mean(places.diversity[0, s]),
                _mean(places.diversity[1, s]),
                _mean(novelty(lists, places.counts, places.about.population)),
                _mean(np.array([gini(exposures(lists, items))])),
                item_coverage(lists, items),
                float(user_coverage(lists).mean()) if len(lists) else 0.0,
            )
        )
    columns = (
        "list AUC",
        "ILD vectors",
        "ILD categories",
        "novelty, bits",
        "Gini",
        "item coverage",
        "user coverage",
    )
    return Table(
        titled(places, f"Beyond accuracy: first {SHOWN}"),
        ("stage", *columns),
        tuple(rows),
        "list AUC: of the true items that are in the list, among the rest of it",
    )


def _losses(places: Places) -> list[Table]:
    lost = losses(places, SHOWN)
    if not lost:
        return []
    rows = tuple(
        (
            one.stage,
            one.came,
            one.left,
            one.lost,
            one.gained,
            ", ".join(f"{reason} {count}" for reason, count in one.reasons),
        )
        for one in lost
    )
    return [
        Table(
            f"True items lost on the way to the first {SHOWN}",
            ("stage", "in", "out", "lost", "gained", "why"),
            rows,
            "what rank left below the list and rerank lifted into it is lost, then gained",
        )
    ]


def _probabilities(places: Places) -> list[Table]:
    scores = places.about.scores
    if not scores:
        return []
    return [
        Table(
            "The ranker's probability of interaction, among its candidates",
            tuple(scores),
            (tuple(scores.values()),),
            "only the true item counts as positive; ECE over bins with equally many candidates",
        )
    ]


def _mean(values: F64) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
