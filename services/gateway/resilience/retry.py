"""One more try when a service could not be reached, within a budget."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from services.domain.outcome import CallError, Outcome, Reason
from services.domain.protocols import StageClient

Q = TypeVar("Q")
R = TypeVar("R")


class RetryBudget:
    """Tokens: each call earns a part of one, each retry costs one (Finagle's retry budget).

    So retries add at most `ratio` to the load of a service that is already in trouble.

    Args:
        ratio: what a call earns.
        most: tokens it holds at most, and at the start.
    """

    def __init__(self, ratio: float = 0.1, most: float = 10.0) -> None:
        self._ratio = ratio
        self._most = most
        self._tokens = most

    def earn(self) -> None:
        """A call was made."""
        self._tokens = min(self._tokens + self._ratio, self._most)

    def spend(self) -> bool:
        """True when a retry may be made; it is then paid."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Retrying(Generic[Q, R]):
    """A StageClient that asks `client` again, once, when it was UNAVAILABLE.

    Only for calls that may be made twice; every stage call may: reads are pure, marks and events
    are idempotent. The caller's timer runs over both tries. `observe` hears of each retry.
    """

    def __init__(
        self,
        client: StageClient[Q, R],
        budget: RetryBudget,
        observe: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._budget = budget
        self._observe = observe

    async def call(self, queries: Sequence[Q], timeout: float) -> Sequence[Outcome[R]]:
        """Answers each query; raises CallError as the client does."""
        self._budget.earn()
        try:
            return await self._client.call(queries, timeout)
        except CallError as error:
            if error.failure.reason is not Reason.UNAVAILABLE or not self._budget.spend():
                raise
        self._observe()
        return await self._client.call(queries, timeout)
