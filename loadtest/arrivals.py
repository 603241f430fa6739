"""When calls are sent: decided before the first one is, so that no answer can change it.

Many people who do not know of each other ask in a Poisson process. Its times are drawn whole, for
rates that change too: a process of rate 1 is stretched so that each phase has its rate (time
rescaling; Çinlar 1975, Introduction to Stochastic Processes, 4.7).

A load whose callers wait for answers asks less of a server that is slow, and so never sees how
slow it is: coordinated omission (Tene 2013, "How NOT to Measure Latency").
"""

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from loadtest.profiles import Profile

Times = npt.NDArray[np.float64]


def arrivals(profile: Profile, seed: int) -> Times:
    """Ascending seconds from the begin of the profile."""
    ends = [0.0, *accumulate(phase.seconds for phase in profile)]
    expected = [0.0, *accumulate(phase.rate * phase.seconds for phase in profile)]
    rng = np.random.default_rng(seed)
    # More than enough: ten standard deviations above the mean.
    count = int(expected[-1] + 10 * np.sqrt(expected[-1]) + 10)
    unit = np.cumsum(rng.exponential(size=count))
    return np.interp(unit[unit < expected[-1]], expected, ends)
