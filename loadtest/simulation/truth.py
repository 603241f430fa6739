"""The truth: how likely it is that a person looks at an item, clicks it, buys it or sends it away.

    P(looked at | place p, device d) = (1 + p) ** -EXPONENT[d]                      p from 0
    P(click | u, i, p, t)            = P(looked at | p, d) * r(u, i, t)
    r(u, i, t) = sigmoid(BASE + w1 g_u,t1(t) + w2 g_u,t2(t) + quality_i
                         - CATEGORY_FATIGUE log(1 + n_c) - ITEM_FATIGUE n_i)
    P(purchase | click)  = sigmoid(BUYS + LIKING x - DEARNESS (price_i - budget_u)), x: w1 g + w2 g
    P(dismiss | looked at, not clicked) = DISMISSES (1 - r)

The first two lines are the examination hypothesis, that a click needs a look and a liking, and
that looks depend on the place alone (Richardson et al., Predicting clicks, WWW 2007; the
position-based model in Craswell et al., An experimental comparison of click position-bias models,
WSDM 2008), here by a power law of the place. The third is a logistic choice model with what Ma et
al. (User fatigue in online news recommendation, WWW 2016) find: who saw much of a category, or an
item before, clicks less. n_c are the looks at items of the category, halved every FATIGUE_HALF_LIFE
days, those at earlier places of the same list included; n_i how often the item was among the last
items shown. Looks count by their probability, so r is known without drawing anything.
"""

import numpy as np

from services.domain.arrays import F32, I64

DEVICES = ("phone", "desktop", "tablet")
EXPONENT = np.array([0.6, 0.4, 0.5], np.float32)  # by device: on a phone fewer look far down

BASE = -3.0
CATEGORY_FATIGUE = 0.25
ITEM_FATIGUE = 0.7
FATIGUE_HALF_LIFE = 1.0  # days
BUYS, LIKING, DEARNESS = -2.5, 0.4, 0.6
DISMISSES = 0.02


def sigmoid(x: F32) -> F32:
    """1 / (1 + exp(-x)), elementwise."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)), np.float32)


def looks(devices: I64, length: int) -> F32:
    """Probability that each place is looked at, by device: float32 [m, length]."""
    places = np.arange(1, length + 1, dtype=np.float32)
    return np.asarray(places ** -EXPONENT[devices][:, None], np.float32)


def tired(looked: F32, before: F32) -> F32:
    """What fatigue takes from the logit, elementwise.

    Args:
        looked: looks at the item's category so far, n_c.
        before: how often the item itself was shown lately, n_i.
    """
    return np.asarray(CATEGORY_FATIGUE * np.log1p(looked) + ITEM_FATIGUE * before, np.float32)


def buys(liking: F32, dearness: F32) -> F32:
    """Probability of a purchase after a click. `dearness`: price above the person's budget."""
    return sigmoid(np.asarray(BUYS + LIKING * liking - DEARNESS * dearness, np.float32))


def dismisses(relevance: F32) -> F32:
    """Probability that what was looked at and not clicked is sent away."""
    return np.asarray(DISMISSES * (1.0 - relevance), np.float32)


def rested(looked: F32, days: F32) -> F32:
    """Looks that are still felt after so many days."""
    return np.asarray(looked * np.float32(0.5) ** (days / FATIGUE_HALF_LIFE), np.float32)
