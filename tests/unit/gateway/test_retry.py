"""Retries: only when unreachable, once, within the budget."""

from collections.abc import Sequence

import pytest

from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.gateway.resilience.retry import RetryBudget, Retrying


class Flaky:
    """Fails with each of the reasons in turn, then answers."""

    def __init__(self, *reasons: Reason) -> None:
        self.reasons = list(reasons)
        self.calls = 0

    async def call(self, queries: Sequence[int], timeout: float) -> Sequence[Outcome[int]]:
        self.calls += 1
        if self.reasons:
            raise CallError(Failure(self.reasons.pop(0), "no"))
        return [Outcome.of(query) for query in queries]


async def test_once_when_unavailable() -> None:
    stage = Flaky(Reason.UNAVAILABLE)
    assert await Retrying(stage, RetryBudget()).call([1], 1.0) == [Outcome.of(1)]
    assert stage.calls == 2
    stage = Flaky(Reason.UNAVAILABLE, Reason.UNAVAILABLE)
    with pytest.raises(CallError):
        await Retrying(stage, RetryBudget()).call([1], 1.0)
    assert stage.calls == 2


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.UNAVAILABLE])
async def test_not_for_other_reasons(reason: Reason) -> None:
    stage = Flaky(reason)
    with pytest.raises(CallError):
        await Retrying(stage, RetryBudget()).call([1], 1.0)
    assert stage.calls == 1


async def test_a_service_that_is_down_sees_a_tenth_more_calls() -> None:
    stage = Flaky(*[Reason.UNAVAILABLE] * 5000)
    retrying = Retrying(stage, RetryBudget(ratio=0.1, most=10.0))
    for _ in range(1000):
        with pytest.raises(CallError):
            await retrying.call([1], 1.0)
    assert 1090 <= stage.calls <= 1110
