"""How different the items of a list are."""

from collections.abc import Sequence

import numpy as np


def intra_list_diversity(categories: Sequence[Sequence[str]]) -> float | None:
    """Mean over the pairs of a list of 1 - Jaccard similarity of their categories, 0 to 1.

    Ziegler et al., "Improving Recommendation Lists Through Topic Diversification", WWW 2005. Items
    without categories are left out; None when fewer than two are left.
    """
    columns: dict[str, int] = {}
    found = [columns.setdefault(name, len(columns)) for names in categories for name in names]
    sizes = [len(names) for names in categories if names]
    count = len(sizes)
    if count < 2:
        return None
    has = np.zeros((count, len(columns)), np.float32)
    has[np.repeat(np.arange(count), sizes), found] = 1.0
    both = has @ has.T
    own = both.diagonal()
    alike = both / (own[:, None] + own - both)
    return 1.0 - float(alike.sum() - count) / (count * (count - 1))
