"""What users did, told to the lanes that serve them."""

from services.domain.events import EventType
from services.gateway.lanes.tally import Tally
from services.gateway.requests import UserEvents


def attribute(tally: Tally, user: UserEvents, accepted: int) -> None:
    """Counts the clicks and purchases of a user's events, `accepted` of which were new.

    Which ones is not told; who sends some again sends them before those that followed.
    """
    if not accepted:
        return
    types = [event.type for event in user.events[-accepted:]]
    clicks, purchases = types.count(EventType.CLICK), types.count(EventType.PURCHASE)
    if clicks or purchases:
        tally.acted(user.user_id, clicks, purchases)
