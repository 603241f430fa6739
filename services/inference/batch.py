"""A batch at the edge: what is wrong with a query fails that query alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from services.chassis.errors import InvalidArgumentError
from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.domain.protocols import StageClient

MAX_QUERIES = 256

P = TypeVar("P")
Q = TypeVar("Q")
R = TypeVar("R")


def decode_each(messages: Sequence[P], decode: Callable[[P], Q]) -> list[Q | Failure]:
    """Each query, or INVALID with the message of the ValueError that `decode` raised.

    Raises:
        InvalidArgumentError: when there are more than 256; the whole call is refused.
    """
    if len(messages) > MAX_QUERIES:
        raise InvalidArgumentError("queries", f"{len(messages)}, at most {MAX_QUERIES}")
    return [_decoded(message, decode) for message in messages]


async def answer_each(
    stage: StageClient[Q, R], decoded: Sequence[Q | Failure], timeout: float | None
) -> list[Outcome[R]]:
    """Answers the good queries in one call, and puts the failures where they were.

    `timeout`: seconds; None: no limit.
    """
    good = [query for query in decoded if not isinstance(query, Failure)]
    answers = iter(await _called(stage, good, float("inf") if timeout is None else timeout))
    return list(_merged(decoded, answers))


def _decoded(message: P, decode: Callable[[P], Q]) -> Q | Failure:
    try:
        return decode(message)
    except ValueError as error:
        return Failure(Reason.INVALID, str(error))


async def _called(
    stage: StageClient[Q, R], queries: Sequence[Q], timeout: float
) -> Sequence[Outcome[R]]:
    if not queries:
        return []
    try:
        return await stage.call(queries, timeout)
    except CallError as error:
        return [Outcome(None, error.failure)] * len(queries)


def _merged(decoded: Sequence[Q | Failure], answers: Iterator[Outcome[R]]) -> Iterator[Outcome[R]]:
    for query in decoded:
        yield Outcome(None, query) if isinstance(query, Failure) else next(answers)
