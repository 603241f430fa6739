"""The call for items like an item; it is of no user, so the stable release answers."""

from services.domain.hard_rules import allowed
from services.domain.ids import item_key, item_keys
from services.domain.outcome import Reason
from services.domain.stages import Similar, SimilarQuery
from services.gateway import checks, limits
from services.gateway.answer import Answer, similar_answer
from services.gateway.config import GatewayConfig
from services.gateway.counted import Counted
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.funnel import TAKEDOWN_PART
from services.gateway.lanes.lane import Lane
from services.gateway.lanes.lanes import Lanes
from services.gateway.resilience.budget import request_seconds
from services.gateway.stats import Meter
from services.gateway.takedown import Takedown

MAX_ASKED = 1000  # of recall: those that are blocked are among them
MAX_SPARE = 100  # asked for more than that, in place of those that were taken down


class SimilarItems:
    """Checks, runs and counts the call."""

    def __init__(
        self, lanes: Lanes, takedown: Takedown, meter: Meter, config: GatewayConfig
    ) -> None:
        self._lanes = lanes
        self._takedown = takedown
        self._meter = meter
        self._config = config

    async def find(
        self, item_id: str, k: int | None, request_id: str, caller: float | None = None
    ) -> Answer:
        """See Gateway.similar."""
        limits.check_id("item_id", item_id)
        k = limits.check_k(k)
        lane = self._lanes.stable
        with Counted(self._meter, self._config.clock, lane.release.id) as counted:
            seconds = request_seconds(self._config.seconds, caller)
            await self._takedown.reach(None, seconds * TAKEDOWN_PART)
            if not lane.funnel.items.known(item_keys([item_id]))[0]:
                message = "neither the release nor the item table has this item"
                raise NotFoundError("item_id", message)
            spare = len(lane.release.blocked) + min(self._takedown.table.out_count, MAX_SPARE)
            limit = min(k + spare, MAX_ASKED)
            query = SimilarQuery(lane.release.id, item_key(item_id), limit, seconds)
            fault = checks.similar_fault(len(lane.release))
            asked = await lane.guards.similar.ask(query, seconds, fault)
            failure = asked.failure
            if failure is not None and failure.reason is Reason.INVALID:
                message = "it is newer than the release, and is hidden, expired or put just now"
                raise NotFoundError("item_id", message)
            if asked.value is None:
                reason = failure.reason if failure is not None else Reason.INTERNAL
                raise UnavailableError(f"recall did not answer ({reason.value})")
            result = self._answer(asked.value, lane, k, request_id)
            counted.listed(len(result.items), k)
            return result

    def _answer(self, similar: Similar, lane: Lane, k: int, request_id: str) -> Answer:
        view, now = lane.funnel.items.beside(similar.inline), int(self._config.now())
        keep = allowed(similar.rows, lane.release.blocked)
        keep &= self._takedown.apply(similar.rows, view, now).mask
        rows, scores = similar.rows[keep][:k], similar.scores[keep][:k]
        return similar_answer(rows, scores, view, request_id)
