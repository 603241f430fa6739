"""The conditions a canary has to keep; a guard is a file here and a line in the list."""

from services.rollout.guards.clicks import Clicks
from services.rollout.guards.conversions import Conversions
from services.rollout.guards.coverage import Coverage
from services.rollout.guards.degraded import Degraded
from services.rollout.guards.diversity import Diversity
from services.rollout.guards.errors import Errors
from services.rollout.guards.guard import Guard
from services.rollout.guards.lists import Lists
from services.rollout.guards.overlap import Overlap
from services.rollout.guards.scores import Scores
from services.rollout.guards.slow import Slow

GUARDS: tuple[type[Guard], ...] = (
    Errors,
    Slow,
    Degraded,
    Lists,
    Scores,
    Clicks,
    Conversions,
    Coverage,
    Diversity,
    Overlap,
)
