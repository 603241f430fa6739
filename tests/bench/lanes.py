"""Cost of lanes to a request: `python -m tests.bench.lanes --releases var/releases`.

Prints microseconds: of giving a user its lane, and of counting a list of 20 in it.
"""

import argparse
import asyncio
import timeit
from collections.abc import Callable

from services.domain.traffic import Policy
from services.gateway.answer import answer
from services.gateway.lanes.diversity import intra_list_diversity
from services.gateway.lanes.judged import JudgedTally
from services.gateway.lanes.lane import Routing
from services.gateway.lanes.tally import Tally
from services.gateway.pipeline import make_gateway, open_release
from services.gateway.requests import RecommendInput
from services.gateway.settings import GatewaySettings
from services.gateway.traffic.follow import Follower
from services.inference.store import ReleaseStore
from tests.bench.gateway import instant_stages

CALLS, ROUNDS = 2000, 15


def best(call: Callable[[], object]) -> float:
    """Microseconds of a call, the best of several rounds."""
    return min(timeit.repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


async def main(releases: str) -> None:
    settings = GatewaySettings(deadline_seconds=30.0)
    store = ReleaseStore(releases)
    release = open_release(store.fetch(store.current()), settings)
    stages = instant_stages(release, batched=False)
    lanes = make_gateway(release, stages, settings).lanes
    gateway = make_gateway(release, stages, settings)
    asked = gateway._asked(RecommendInput(user_id="196", k=20))
    trace = await lanes.stable.funnel.run(asked, 30.0)
    made = answer(trace, release, "id")
    loaded = Routing.alone(release).loaded
    for name, policy in (
        ("no canary", Policy(1, release.id)),
        ("a canary", Policy(1, release.id, release.id, 10.0, 10.0)),
    ):
        follower = Follower(None, policy)
        follower._until = float("inf")  # a lease that holds, without a Redis
        lanes = make_gateway(Routing(follower, loaded), stages, settings).lanes
        print(f"a lane, {name:10}   {best(lambda lanes=lanes: lanes.of('8131712')):6.2f} µs")
    for name, tally in (("stable", Tally()), ("judged", JudgedTally())):
        cost = best(lambda tally=tally: tally.answered(trace, made, 0.02))
        print(f"a list, {name:10}   {cost:6.2f} µs")
    categories = [item.text.categories for item in made.items]
    print(f"its diversity        {best(lambda: intra_list_diversity(categories)):6.2f} µs")
    print(f"a report, judged     {best(lambda: tally.report('r', policy)):6.2f} µs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", default="var/releases")
    asyncio.run(main(parser.parse_args().releases))
