"""Lists that the gateway explains for nobody: they mark no item as shown."""

from email.utils import parsedate_to_datetime

import httpx

from recstack.client import AsyncClient, ClientError
from recstack.doctor.facts import Asked, Stage
from recstack.doctor.gather.http import trust_of, url_of
from recstack.doctor.gather.places import Place, places
from recstack.doctor.gather.services import Seen
from recstack.doctor.target import Target
from recstack.results import Explanation
from recstack.security import CLIENT

SESSION = "doctor"
TIMEOUT_SECONDS = 5.0
LATE = "TIMEOUT"


async def ask(target: Target, seen: Seen) -> Asked:
    """Asks for some lists, one after the other, and for the time."""
    answers: list[Explanation] = []
    error = ""
    place, tls = places(target)[0], target.plan.security.tls_of(CLIENT)
    try:
        async with AsyncClient(place.address, TIMEOUT_SECONDS, tls=tls) as client:
            for _ in range(target.lists):
                answers.append(await client.explain(session_id=SESSION))
    except ClientError as problem:
        error = str(problem)
    return Asked(len(answers), error, _stages(answers, seen), await _date(target, place))


def _stages(answers: list[Explanation], seen: Seen) -> tuple[Stage, ...]:
    names = dict.fromkeys(stage.stage for answer in answers for stage in answer.stages)
    return tuple(_stage(name, answers, seen) for name in names)


def _stage(name: str, answers: list[Explanation], seen: Seen) -> Stage:
    traces = [trace for answer in answers for trace in answer.stages if trace.stage == name]
    late = sum(
        shown.summed("recstack_gateway_stage_failures_total", "stage", reason=LATE)[name]
        for shown in seen.metrics.values()
    )
    return Stage(
        name,
        [trace.seconds for trace in traces if trace.reason == "OK"],
        [trace.reason for trace in traces if trace.reason != "OK"],
        late,
    )


async def _date(target: Target, place: Place) -> tuple[float, float] | None:
    """The gateway's clock beside ours, to the second."""
    url = url_of(target.plan, place.host, place.others[0])
    async with httpx.AsyncClient(trust_env=False, verify=trust_of(target.plan)) as client:
        try:
            answer = await client.get(f"{url}/healthz")
            ours = target.clock()
            return parsedate_to_datetime(answer.headers["date"]).timestamp(), float(int(ours))
        except (httpx.HTTPError, KeyError, ValueError):
            return None
