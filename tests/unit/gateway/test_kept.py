"""What anybody may ask for, and costs much, is made seldom."""

from collections.abc import Iterable

import httpx
from prometheus_client import CollectorRegistry, Metric

from services.gateway.http.app import make_app
from services.gateway.http.kept import Kept
from services.gateway.release import GatewayRelease
from tests.unit.gateway.world import make_world


def test_a_body_is_made_again_when_its_time_is_over() -> None:
    now, made = [100.0], list[float]()

    def make() -> bytes:
        made.append(now[0])
        return b"%d" % len(made)

    kept = Kept(make, 1.0, lambda: now[0])
    bodies = []
    for moment in (100.0, 100.9, 101.0, 101.5, 109.0):
        now[0] = moment
        bodies.append(kept.body())
    assert bodies == [b"1", b"1", b"2", b"2", b"3"]
    assert made == [100.0, 101.0, 109.0]


class Counting(CollectorRegistry):
    """Counts how often its metrics are collected."""

    collected = 0

    def collect(self) -> Iterable[Metric]:
        self.collected += 1
        return super().collect()


async def test_metrics_and_stats_are_made_once_for_many(release: GatewayRelease) -> None:
    registry = Counting()
    app = make_app(make_world(release).gateway, registry, 7, kept_seconds=3600)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        first, second = [await http.get("/stats") for _ in range(2)]
        assert first.content == second.content
        assert first.json()["worker"] == 7
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        for _ in range(3):
            assert (await http.get("/metrics")).status_code == 200
    assert registry.collected == 1
