"""What lists had of what was to be found: the raw result that every table is made of."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from models.evaluation import EvaluationError
from models.evaluation.metrics.found import F64, Found
from models.evaluation.metrics.probabilities import Reliability
from models.schema import layout
from services.domain.arrays import I32, I64

FORMAT = 1
SHOWN = 20
"""Length of the lists that are kept."""


NO_CALIBRATION = Reliability(np.empty(0), np.empty(0), np.empty(0, np.int64))


@dataclass(frozen=True)
class About:
    """What was evaluated, and how.

    Attributes:
        subject: id of the release, or "plain models".
        data: name of the data.
        fingerprint: of the data and the queries: equal ones can be compared user by user.
        protocol: what was held out, for people.
        ranking: "whole catalog" or "sampled: <how>".
        stages: names in the order of the rows of `Places`.
        population: users that were trained on, those without queries too.
        limits: by stage, the most items its list can have; 0: the whole catalog.
        notes: what was counted on the way, such as users without test items.
        scores: metrics that are one number, such as the AUC of rank.
        reasons: what the codes of `Places.reasons` mean; the first is "shown".
    """

    subject: str
    data: str
    fingerprint: str
    protocol: str
    ranking: str
    stages: tuple[str, ...]
    limits: tuple[int, ...]
    population: int = 0
    notes: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Places:
    """The lists of S stages for Q queries with T true items, over a catalog of n items.

    Attributes:
        about: what this is.
        users: row of each query's user in the data set, int64 [Q]; no ids are kept.
        offsets: true items of each query, int64 [Q + 1].
        places: of the true items in the list of each stage, from 0, or NOT_FOUND: int32 [S, T].
        lists: first SHOWN rows of each stage, -1 pads: int32 [S, Q, SHOWN].
        lengths: of the whole lists, int64 [S, Q].
        counts: users who had each item in training, int64 [n].
        diversity: intra-list diversity of `lists`, first of vectors, then of categories; NaN where
            there are none: float64 [2, S, Q].
        reasons: why each true item is not in the last list, [T], or empty.
        calibration: of the ranker's probability of interaction, in equally full bins.
    """

    about: About
    users: I64
    offsets: I64
    places: I32
    lists: I32
    lengths: I64
    counts: I64
    diversity: F64
    reasons: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    calibration: Reliability = NO_CALIBRATION

    def __len__(self) -> int:
        return len(self.users)

    def found(self, stage: str) -> Found:
        return Found(self.offsets, self.places[self.about.stages.index(stage)])

    def write(self, folder: Path) -> None:
        """Writes it into the release folder."""
        path = folder / layout.EVALUATION
        path.parent.mkdir(parents=True, exist_ok=True)
        about = json.dumps({"format": FORMAT, **asdict(self.about)})
        calibration = self.calibration
        np.savez_compressed(
            path,
            about=np.array(about),
            users=self.users,
            offsets=self.offsets,
            places=self.places,
            lists=self.lists,
            lengths=self.lengths.astype(np.int32),
            counts=self.counts,
            diversity=self.diversity.astype(np.float32),
            reasons=self.reasons.astype(np.int8),
            calibration=np.stack(
                [calibration.predicted, calibration.observed, calibration.counts.astype(np.float64)]
            ),
        )

    @staticmethod
    def read(folder: Path) -> "Places":
        """Reads the evaluation that was stored with the release in `folder`.

        Raises:
            EvaluationError: when there is none, or it is of another format.
        """
        path = folder / layout.EVALUATION
        try:
            with np.load(path) as file:
                raw = json.loads(str(file["about"]))
                if (found := raw.pop("format")) != FORMAT:
                    raise EvaluationError(f"{path} has format {found}, not {FORMAT}")
                for name in ("stages", "limits", "reasons"):
                    raw[name] = tuple(raw[name])
                predicted, observed, counts = file["calibration"]
                return Places(
                    About(**{**raw, "subject": folder.name}),
                    file["users"],
                    file["offsets"],
                    file["places"],
                    file["lists"],
                    file["lengths"].astype(np.int64),
                    file["counts"],
                    file["diversity"].astype(np.float64),
                    file["reasons"].astype(np.int64),
                    Reliability(predicted, observed, counts.astype(np.int64)),
                )
        except FileNotFoundError:
            raise EvaluationError(f"{folder.name} has no stored evaluation") from None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise EvaluationError(f"{path} is not an evaluation: {error}") from error

    def named(self, **changes: object) -> "Places":
        """The same with other words about it."""
        return replace(self, about=replace(self.about, **changes))  # type: ignore[arg-type]


def joined(parts: list[Places]) -> Places:
    """The queries of several evaluations of the same stages, such as the folds of one data set."""
    first = parts[0]
    ends = np.cumsum([part.offsets[-1] for part in parts])
    starts = np.append(0, ends[:-1])
    offsets = [part.offsets[1:] + start for part, start in zip(parts, starts, strict=True)]
    notes: dict[str, int] = {}
    for part in parts:
        for name, count in part.about.notes.items():
            notes[name] = notes.get(name, 0) + count
    return replace(
        first,
        about=replace(first.about, notes=notes),
        users=np.concatenate([part.users for part in parts]),
        offsets=np.concatenate([np.zeros(1, np.int64), *offsets]),
        places=np.concatenate([part.places for part in parts], axis=1),
        lists=np.concatenate([part.lists for part in parts], axis=1),
        lengths=np.concatenate([part.lengths for part in parts], axis=1),
        counts=np.maximum.reduce([part.counts for part in parts]),
        diversity=np.concatenate([part.diversity for part in parts], axis=2),
    )


def by_user(users: I64, values: F64) -> F64:
    """Values averaged over the queries of each user, [Q, M] → [users, M]: the unit is the user."""
    _, at, counts = np.unique(users, return_inverse=True, return_counts=True)
    if len(counts) == len(users):
        return values
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, at, values)
    return sums / counts[:, None]
