"""What a world is made from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from services.chassis.errors import StartupError

FILE = "simulated.json"
END = 1_767_225_600  # unix seconds, 2026-01-01: when a log ends that is not told when
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """Size, seed and end; the same config is the same world.

    Attributes:
        users: people with an id, whose past is in the log.
        items: items that exist before the log ends, those that died included.
        seed: of everything that is drawn.
        days: length of the log.
        visits: lists that a person was shown in the log, on average.
        end: unix seconds when the log ends; nothing but times depends on it.
    """

    users: int = 5_000
    items: int = 5_000
    seed: int = 1
    days: float = 60.0
    visits: float = 150.0
    end: int = END

    def __post_init__(self) -> None:
        if self.users < 10 or self.items < 100:
            raise ValueError("a world has 10 users and 100 items at least")
        if self.days <= 0 or self.visits <= 0:
            raise ValueError("days and visits are above 0")
        if not self.days * DAY <= self.end < 2**32:
            raise ValueError("a log lies between 1970 and 2106")

    def time_of(self, day: float) -> int:
        """Unix seconds of a day, counted from the beginning of the log."""
        return int(self.end + (day - self.days) * DAY)

    def write(self, folder: Path) -> None:
        """Leaves it beside a data set, for those who go on with its world."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    @staticmethod
    def read(folder: Path) -> "WorldConfig":
        """The world of a data set; StartupError when it is not a simulated one."""
        hint = "make one with `recstack simulate log`"
        try:
            return WorldConfig(**json.loads((folder / FILE).read_text("utf-8")))
        except FileNotFoundError:
            raise StartupError(f"{folder} is no simulated data set", hint) from None
        except (ValueError, TypeError) as error:
            raise StartupError(f"{folder / FILE} describes no world: {error}", hint) from None
