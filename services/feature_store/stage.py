"""A stage on Redis: each query is one command, a call is one round trip."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import hiredis

from services.domain.outcome import Failure, Outcome, Reason
from services.feature_store.connection import Command, LinkError, Reply
from services.feature_store.metrics import QUERY_FAILURES
from services.feature_store.records import RecordError
from services.feature_store.store import Store, failure_of


class Query(Protocol):
    """What all queries have."""

    @property
    def remaining(self) -> float:
        """Seconds left."""
        ...


Q = TypeVar("Q", bound=Query)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Beside(Generic[R]):
    """One more command in the round trip of a batch; `add` puts its reply into an answer."""

    command: Command
    add: Callable[[R, Reply], R]


@dataclass(frozen=True, slots=True)
class Operation(Generic[Q, R]):
    """What a stage does with one query.

    Attributes:
        name: label of the metrics.
        error: what is wrong with a query; empty: nothing.
        command: asks Redis.
        decode: reads the reply; RecordError when what is stored cannot be read.
        beside: what is read once a batch, for all its answers.
    """

    name: str
    error: Callable[[Q], str]
    command: Callable[[Q], Command]
    decode: Callable[[Q, Reply], R]
    beside: Beside[R] | None = None


class RedisStage(Generic[Q, R]):
    """StageClient in this process. Never raises: without Redis each query fails by itself."""

    def __init__(self, store: Store, operation: Operation[Q, R]) -> None:
        self._store = store
        self._operation = operation

    async def call(self, queries: Sequence[Q], timeout: float) -> list[Outcome[R]]:
        """Answers each query; commands run in the order of the queries. `timeout`: seconds."""
        outcomes = [self._refused(query) for query in queries]
        asked = [i for i, outcome in enumerate(outcomes) if outcome is None]
        if asked:
            answers = await self._ask([queries[i] for i in asked], timeout)
            for i, answer in zip(asked, answers, strict=True):
                outcomes[i] = answer
        ended = [outcome for outcome in outcomes if outcome is not None]
        for outcome in ended:
            if outcome.failure:
                reason = outcome.failure.reason.value
                QUERY_FAILURES.labels(self._operation.name, reason).inc()
        return ended

    def _refused(self, query: Q) -> Outcome[R] | None:
        if error := self._operation.error(query):
            return Outcome.failed(Reason.INVALID, error)
        return Outcome.failed(Reason.EXPIRED) if query.remaining <= 0 else None

    async def _ask(self, queries: list[Q], timeout: float) -> list[Outcome[R]]:
        budget = min(timeout, max(query.remaining for query in queries))
        beside = self._operation.beside
        commands = [self._operation.command(query) for query in queries]
        if beside is not None:
            commands.append(beside.command)
        try:
            replies = await self._store.execute(self._operation.name, commands, budget)
        except LinkError as error:
            return [Outcome(None, error.failure)] * len(queries)
        extra = None if beside is None else replies.pop()
        return [self._answer(q, reply, extra) for q, reply in zip(queries, replies, strict=True)]

    def _answer(self, query: Q, reply: Reply, extra: Reply) -> Outcome[R]:
        if isinstance(reply, hiredis.ReplyError):
            return Outcome(None, failure_of(reply))
        beside = self._operation.beside
        try:
            value = self._operation.decode(query, reply)
            return Outcome.of(value if beside is None else beside.add(value, extra))
        except RecordError as error:
            return Outcome(None, Failure(Reason.INTERNAL, str(error)))
