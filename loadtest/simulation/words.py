"""What can be read of items: names, categories, tags and texts; made up, from syllables."""

import numpy as np

from services.domain.arrays import I64

CATEGORIES = (
    *("news", "sports", "music", "film", "food", "travel", "science", "games"),
    *("fashion", "home", "health", "nature", "finance", "history", "crafts"),
)
TOPICS = 2 * len(CATEGORIES)  # topic k is of category k % 15; nobody sees topics, only their words
TAGS = ("short", "long", "video", "audio", "free")

_WORDS = 20  # of a topic
_LENGTH = 12  # words of a text
_SYLLABLES = ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu", "fa", "do", "pe", "gi")


def word(number: int) -> str:
    """The made-up word of a number, different for each below 14 ** 3."""
    size = len(_SYLLABLES)
    parts = (number % size, number // size % size, number // size**2 % size)
    return "".join(_SYLLABLES[part] for part in parts)


def title(topic: int, row: int) -> str:
    """A title with a word of the item's topic."""
    return f"{word(topic * _WORDS + row % _WORDS).capitalize()} {row}"


def text(topics: I64, generator: np.random.Generator) -> str:
    """A text: half of its words of the main topic, a quarter of the second, the rest of none."""
    of = generator.choice(3, _LENGTH, p=(0.5, 0.25, 0.25))
    first = np.array([topics[0], topics[1], TOPICS])[of] * _WORDS
    return " ".join(word(int(one)) for one in first + generator.integers(_WORDS, size=_LENGTH))


def tags(generator: np.random.Generator) -> list[str]:
    """None to two of TAGS."""
    return sorted(generator.choice(TAGS, generator.integers(3), replace=False).tolist())
