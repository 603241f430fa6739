"""Lessons for the ranker from lists that were served: shown and not wanted is a negative."""

from pathlib import Path

import numpy as np

from models.data.impressions import Impression, Impressions
from models.schema import layout
from models.schema.arrays import mapped
from models.schema.user_tower import UserEncoder, user_feed
from models.training.lessons import Encoded, Lessons
from models.training.rows import Labelled
from services.domain.arrays import I64
from services.domain.candidates import Candidates
from services.inference.session import OnnxModel

NO_IMPRESSIONS = Impressions()
BATCH = 1024  # users that the tower encodes at once


def lessons(impressions: Impressions, folder: Path) -> Lessons:
    """One list for each item that a user took from a list, with the user as it was then.

    Args:
        folder: recall's part of a release with the channels of the impressions.
    """
    labelled = logged_rows(impressions)
    taken = [(one, place) for one in impressions.lists for place in np.flatnonzero(one.clicked)]
    users = UserEncoder.open(folder)
    history, fields = users.encode(
        [one.context for one, _ in taken], [one.request for one, _ in taken]
    )
    items, tower = mapped(folder / layout.USER_TOWER_ITEMS), OnnxModel(folder / layout.USER_TOWER)
    vectors = [np.empty((0, mapped(folder / layout.VECTORS).shape[1]), np.float32)]
    for start in range(0, len(taken), BATCH):
        at = slice(start, start + BATCH)
        feed = user_feed(history.at(at), fields[at], items)
        vectors.append(tower.run(feed)["user"])
    liked = np.array([one.liked[place] for one, place in taken], np.bool_)
    return Lessons(labelled, Encoded(history, fields, np.concatenate(vectors), liked))


def logged_rows(impressions: Impressions) -> Labelled:
    """The lists with answers: an item that was taken against those shown beside it that were not.

    What was not shown is no negative. The i-th list belongs to the i-th item taken. Recall's
    features are those of the whole list that went into rank.
    """
    candidates: list[Candidates] = []
    answers, negatives, positions = [], [], []
    for one in impressions.lists:
        shown = _shown(one)
        left = np.zeros(len(one.candidates), np.bool_)
        left[one.exposed[~one.clicked]] = True
        for place in one.exposed[one.clicked].tolist():
            candidates.append(one.candidates)
            answers.append(place)
            negatives.append(left)
            positions.append(shown)
    index = np.arange(len(answers))
    return Labelled(index, candidates, np.array(answers, np.int64), negatives, positions)


def _shown(one: Impression) -> I64:
    """Where each candidate was shown, from 1, int64 [n]; 0: it was not."""
    shown = np.zeros(len(one.candidates), np.int64)
    shown[one.exposed] = 1 + one.positions
    return shown
