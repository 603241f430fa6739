"""Which interactions are held out; pure functions over columns of interactions."""

import numpy as np

from services.domain.arrays import I64, Bools


def last_out(users: I64, order: I64) -> Bools:
    """The last interaction of each user with two or more, bool [E].

    Args:
        users, order: the user of each interaction and its position in time, int64 [E]; of equal
            positions the later row is the later interaction.
    """
    by_time = np.lexsort((np.arange(len(users)), order, users))
    sorted_users = users[by_time]
    last = np.append(sorted_users[1:] != sorted_users[:-1], True)[: len(users)]
    again = np.append(False, sorted_users[1:] == sorted_users[:-1])[: len(users)]
    held_out = np.zeros(len(users), np.bool_)
    held_out[by_time[last & again]] = True
    return held_out


def after(times: I64, share: float) -> Bools:
    """The newest `share` of all interactions by one point in time, bool [E].

    Those at the very cut stay in training together, so no moment is on both sides.
    """
    if not len(times):
        return np.zeros(0, np.bool_)
    kept = round(len(times) * (1 - share))
    cut = np.sort(times)[max(0, min(kept, len(times)) - 1)]
    return np.asarray(times > cut)


def folds(count: int, k: int, seed: int) -> I64:
    """The fold 0..k - 1 of each of `count` interactions, as equal as can be, int64 [count]."""
    return np.random.default_rng(seed).permutation(np.arange(count) % k)


def random_share(count: int, share: float, seed: int) -> Bools:
    """A random `share` of the interactions, bool [count]."""
    held_out = np.zeros(count, np.bool_)
    held_out[np.random.default_rng(seed).permutation(count)[: round(count * share)]] = True
    return held_out
