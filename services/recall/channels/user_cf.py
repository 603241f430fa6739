"""What people with a history like the user's took (Resnick et al. 1994)."""

from collections.abc import Sequence

from models.schema.user_cf import UserCf
from services.domain.live import Live
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall.histories import Histories
from services.recall.tables import Tables


class UserCfChannel:
    """CandidateSource over who took what, as of the training."""

    name = "user_cf"

    def __init__(self, histories: Histories, users: UserCf) -> None:
        self._histories = histories
        self._users = users

    @staticmethod
    def open(tables: Tables) -> "UserCfChannel":
        users = UserCf.open(tables.folder, tables.parameters.retrieval.user_cf_recency)
        return UserCfChannel(tables.histories, users)

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """Nothing for a user without an engagement with an item of the release."""
        return [
            Fetched(*self._users.fetch(history, limit))
            for history, limit in zip(self._histories.of(queries), limits, strict=True)
        ]
