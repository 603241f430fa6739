"""The JSON API with requests made from its own OpenAPI document, good and bad ones.

Schemathesis makes them and checks the answers: no defect, a documented status, and headers and body
as the document says.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from tests.integration.whole import whole_stack
from tests.redis import RedisServer

EXAMPLES = 25
HANGS = 20.0  # seconds
ONE_BY_ONE = {"POST /v1/events"}
"""Calls that take good parts and say what was wrong with the bad ones."""
SINGLE = ("k", "placement", "page_token", "item")
"""Parameters that are not lists."""
KNOWN = {"user_id": "196", "item_id": "i0001"}


def rejected(context: Any, response: Any, case: Any) -> Any:
    """Bad requests are refused; but of a parameter that is there twice, the last one counts."""
    twice = any(isinstance(case.query.get(name), list) for name in SINGLE)
    fine = twice or case.operation.label in ONE_BY_ONE
    return None if fine else checks.negative_data_rejection(context, response, case)


def honest(context: Any, response: Any, case: Any) -> Any:
    """No defect; but 503 while something is away."""
    return None if response.status_code == 503 else not_a_server_error(context, response, case)


AS_TOLD = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    rejected,
]


@dataclass(frozen=True)
class Fuzz:
    """How many requests of each kind and call, the same ones each time or not, and the checks."""

    examples: int
    same: bool
    checks: Sequence[Any]


async def test_answers_are_as_the_document_says(
    release: Path,
    own_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
) -> None:
    async with whole_stack(release, own_redis, tmp_path, monkeypatch) as stack:
        url = str(stack.http.base_url)
        size = Fuzz(EXAMPLES * times, times == 1, [not_a_server_error, *AS_TOLD])
        found = await asyncio.to_thread(fuzz, url, size)
        answer = await stack.client.recommend("196", k=5)
        assert not answer.degraded
        own_redis.kill()
        size = Fuzz(EXAMPLES // 4 * times, times == 1, [honest, *AS_TOLD])
        found += await asyncio.to_thread(fuzz, url, size)
        assert (await stack.client.recommend("196", k=5)).items
        assert (await stack.http.get("/readyz")).status_code == 200
    assert not found, f"{len(found)} calls:\n\n" + "\n\n".join(found)


def fuzz(url: str, size: Fuzz) -> list[str]:
    """What was found, one text a call."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = []
    for operation in schema.get_all_operations():
        for mode in GenerationMode:
            found += fuzz_operation(operation.ok(), mode, size)
    return found


def fuzz_operation(operation: Any, mode: GenerationMode, size: Fuzz) -> list[str]:
    ends: Counter[int] = Counter()

    @settings(
        max_examples=size.examples,
        derandomize=size.same,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), booleans())
    def one(case: Any, known: bool) -> None:
        if known and mode is GenerationMode.POSITIVE:
            case.path_parameters = {n: KNOWN.get(n, v) for n, v in case.path_parameters.items()}
        response = case.call(timeout=HANGS)
        ends[response.status_code] += 1
        case.validate_response(response, checks=size.checks)

    try:
        one()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # a call without parameters
    except FailureGroup as error:
        return [f"{operation.label} {mode.value}: {error}"]
    print(operation.label, mode.value, dict(ends))
    return []
