"""Tests that may be looked at after every block: evidence that a canary is worse, as e-values.

An e-process is a non-negative process that is 1 on average, at every stopping time, as long as the
canary is not worse. It is at or above 1 / alpha at any time with probability alpha at most (Ville,
Etude critique de la notion de collectif, 1939): whoever looks every second spends no more than who
looks once. Returned are logarithms, for each moment of the step.

Two of them. Blocks of time for what requests have in common (an outage hits many at once), users
for what people do (one who clicks clicks again). `docs/adr/0017-sequential-guards.md` says why.
"""

import math

import numpy as np

from services.rollout.evidence import F64

STAKES = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Bets on a difference of mean size; one of them is near the best for any fault."""

MOST = 0.95  # of the wealth that one block may lose


def blocks_at_least(log_threshold: float) -> int:
    """How many blocks, all worse, it takes to reach a threshold."""
    first = math.log(2 * len(STAKES))
    return math.ceil((log_threshold + first) / math.log1p(MOST * math.tanh(STAKES[-1])))


def part(alpha: float, look: int) -> float:
    """What may be spent on evidence that is weighed anew for the look-th time, alpha on the 0th.

    alpha, alpha / 3, alpha / 6, ...: no more than twice alpha, however often.
    """
    return 2 * alpha / ((look + 1) * (look + 2))


def paired(differences: F64) -> F64:
    """Log evidence that differences between the arms, block by block, are above zero.

    If the arms are alike, a block's difference has either sign with equal chance, whatever its
    size: prod_t (1 + tanh(s d_t)) is 1 on average, for any s that is known from the past and from
    the sizes |d| alone, and for any distribution of sizes: bursts, heavy tails, changing traffic
    (de la Peña, A general class of exponential inequalities for martingales and ratios, Annals of
    Probability 27, 1999; the cosh bound in it, taken exactly). A mixture of STAKES over the
    mean size so far, which one incident moves less than a root mean square. A mixture of starts
    too, the k-th block with weight 1 / (k (k + 1)), so that a fault that comes late is found as
    well (e-detectors: Shin, Ramdas and Rinaldo, 2022).

    Args:
        differences: canary's minus control's, weighted by their sizes, worse is more, [..., T];
            from one that is not a number on, evidence is none either.

    Returns:
        [..., T].
    """
    counted = np.maximum(np.cumsum(differences != 0, axis=-1), 1)
    spread = np.cumsum(np.abs(differences), axis=-1) / counted
    unit = np.divide(differences, spread, out=np.zeros_like(differences), where=spread != 0)
    stakes = np.array(STAKES)[:, None] * unit[..., None, :]
    gained = np.cumsum(np.log1p(MOST * np.tanh(stakes)), axis=-1)
    before = np.concatenate([np.zeros_like(gained[..., :1]), gained[..., :-1]], axis=-1)
    block = np.arange(1.0, differences.shape[-1] + 1)
    held = -np.log(block + 1)  # what has not been bet yet
    with np.errstate(invalid="ignore"):
        starts = np.logaddexp.accumulate(-before - np.log(block * (block + 1)), axis=-1)
        every = np.logaddexp(gained + starts, held)
    return mean(every, axis=-2)


def mean(evidence: F64, axis: int) -> F64:
    """The mean of e-values, which is one again, whatever they have in common; logarithms."""
    with np.errstate(invalid="ignore"):  # what is not a number stays that
        total = np.logaddexp.reduce(evidence, axis=axis)
    return np.asarray(total - math.log(evidence.shape[axis]), np.float64)


def mixture(effect: F64, variance: F64, scale: F64) -> F64:
    """Log evidence that an effect is above zero, its estimate being near normal.

    The one-sided mixture sequential probability ratio test (Robbins, Statistical methods related
    to the law of the iterated logarithm, 1970; Howard et al., Time-uniform, nonparametric,
    nonasymptotic confidence sequences, Annals of Statistics 49, 2021, proposition 6): with z the
    effect in standard errors, i its information times the scale squared, r = i / (1 + i),
    2 (1 + i)^-1/2 exp(r z^2 / 2) Phi(z r^1/2).

    Args:
        effect: estimates, any shape.
        variance: their variances, of the same shape; where not above zero, there is no evidence.
        scale: the size of effect that is to be found soonest, above zero.
    """
    known = np.isfinite(effect) & np.isfinite(scale) & (variance > 0) & (scale > 0)
    safe = np.where(known, variance, 1.0)
    z = np.where(known, effect, 0.0) / np.sqrt(safe)
    information = np.where(known, scale, 0.0) ** 2 / safe
    share = information / (1 + information)
    evidence = 0.5 * (share * z**2 - np.log1p(information)) + _log_twice_below(z * np.sqrt(share))
    return np.asarray(np.where(known, evidence, 0.0), np.float64)


def _log_twice_below(z: F64) -> F64:
    """log(2 Phi(z)), Phi the distribution of the standard normal."""
    twice = np.frompyfunc(lambda x: math.erfc(-x / math.sqrt(2)), 1, 1)(z)
    return np.asarray(np.log(np.maximum(np.asarray(twice, np.float64), 1e-300)), np.float64)


def ratio(counts: F64, lists: F64) -> tuple[F64, F64]:
    """Sum of counts over sum of lists, and its variance with the user as the unit.

    By linearisation (delta method): n / (n - 1) sum_u (c_u - R l_u)^2 / (sum l)^2 over the n users
    with a list. What one user does at different times may depend on each other in any way.

    Args:
        counts: by user, [..., users].
        lists: the same.

    Returns:
        Estimates and variances, [...]; NaN where there is no list, or one user.
    """
    total, users = lists.sum(axis=-1), np.count_nonzero(lists, axis=-1)
    some = np.where((total > 0) & (users > 1), total, np.nan)
    estimate = np.asarray(counts.sum(axis=-1) / some, np.float64)
    squares = ((counts - estimate[..., None] * lists) ** 2).sum(axis=-1)
    variance = squares * users / np.where(users > 1, users - 1, np.nan) / some**2
    return estimate, np.asarray(variance, np.float64)
