"""The items of a world: what they are, what can be seen of them, and when they are there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.simulation.config import WorldConfig
from loadtest.simulation.words import CATEGORIES, TOPICS
from services.domain.arrays import F32, I64, Bools

MAIN, SECOND = 0.8, 0.2  # weights of an item's two topics
QUALITY = 0.5  # its standard deviation, in logits
MAKERS = 100
NEWER = 0.2  # share of the items that are born during the log
LIFE = 300.0  # days an item lives, on average
AHEAD = 30.0  # days after the log whose births are known to the world
TOPIC_SKEW = 0.5  # exponent of a Zipf law over topics


@dataclass(frozen=True, slots=True)
class Items:
    """Items by row; those born after the log come last.

    Attributes:
        topics: main and second topic, int64 [n, 2].
        category: the category of the main topic, int64 [n].
        quality: what everybody likes more or less of it, in logits, float32 [n]; partly its
            maker's.
        maker: int64 [n].
        price: in standard deviations from the mean, float32 [n].
        appeal: how much of the attention of others it gets, heavy-tailed (log-normal), correlated
            with quality, float32 [n].
        born, dies: days since the log began; 0: it was there before, float32 [n].
        count: items born before the log ends; their rows come first.
    """

    topics: I64
    category: I64
    quality: F32
    maker: I64
    price: F32
    appeal: F32
    born: F32
    dies: F32
    count: int

    def __len__(self) -> int:
        return len(self.category)

    def alive(self, day: float) -> Bools:
        """Which items are there, bool [n]."""
        return (self.born <= day) & (day < self.dies)

    @staticmethod
    def of(config: WorldConfig) -> "Items":
        generator = np.random.default_rng([config.seed, 1])
        later = int(config.items * NEWER * AHEAD / config.days)
        n = config.items + later
        main, second = _topics(generator, n)
        maker = generator.integers(MAKERS, size=n)
        quality = _mixed(generator.standard_normal(MAKERS)[maker], generator, 0.5) * QUALITY
        return Items(
            topics=np.stack([main, second], axis=1),
            category=main % len(CATEGORIES),
            quality=quality.astype(np.float32),
            maker=maker,
            price=generator.standard_normal(n).astype(np.float32),
            appeal=np.exp(1.2 * _mixed(quality / QUALITY, generator, 0.4)).astype(np.float32),
            **_lives(generator, config, later),
            count=config.items,
        )


def _topics(generator: np.random.Generator, n: int) -> tuple[I64, I64]:
    """Main topics by a Zipf law; the second is in half of the cases of the same category."""
    weights = np.arange(1, TOPICS + 1) ** -TOPIC_SKEW
    main = generator.choice(TOPICS, n, p=weights / weights.sum())
    near = (main + len(CATEGORIES)) % TOPICS
    far = generator.integers(TOPICS, size=n)
    return main, np.where(generator.random(n) < 0.5, near, far)


def _mixed(base: npt.NDArray[np.floating], generator: np.random.Generator, share: float) -> F32:
    """Standard normal values of which `share` of the variance is that of `base`."""
    own = generator.standard_normal(len(base))
    return np.asarray(np.sqrt(share) * base + np.sqrt(1.0 - share) * own, np.float32)


def _lives(generator: np.random.Generator, config: WorldConfig, later: int) -> dict[str, F32]:
    newer = generator.random(config.items) < NEWER
    born = np.where(newer, generator.uniform(0.0, config.days, config.items), 0.0)
    ahead = np.sort(generator.uniform(config.days, config.days + AHEAD, later))
    born = np.append(born, ahead).astype(np.float32)
    dies = born + generator.exponential(LIFE, len(born)).astype(np.float32)
    return {"born": born, "dies": dies}
