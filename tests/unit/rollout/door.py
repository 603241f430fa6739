"""RolloutService on a real port, over rollouts that say what a test wants."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import grpc
from pydantic import SecretStr
from recsys.rollout.v1 import rollout_pb2_grpc

from services.chassis.server import started
from services.rollout.record import View
from services.rollout.rollouts import Rollouts
from services.rollout.servicer import NAME, RolloutServicer, guarded
from services.rollout.settings import RolloutSettings
from tests.unit.rollout.samples import LOOK, RECORD, SHADOW, SHADOWED, VIEW

TOKEN = "0123456789abcdef"


class StandIn:
    """Rollouts that remember what they were asked.

    Attributes:
        asked: name and arguments of each call.
        views: what `view` answers, or raises, one after the other, the last one for ever.
        problem: raised instead of any answer.
        passing: raised instead of the next answers, one by one.
    """

    def __init__(self, *views: View) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.views: list[View | Exception] = list(views or (VIEW,))
        self.problem: Exception | None = None
        self.passing: list[Exception] = []

    async def view(self) -> View:
        self._note("view")
        view = self.views.pop(0) if len(self.views) > 1 else self.views[0]
        if isinstance(view, Exception):
            raise view
        return view

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answer = {
            "decisions": [SHADOWED, LOOK],
            "start_shadow": SHADOW,
            "stop_shadow": SHADOW,
            "shadow_view": SHADOW,
        }.get(name, RECORD)

        async def answered(*arguments: Any, **named: Any) -> Any:
            self._note(name, *arguments, **named)
            return answer

        return answered

    def _note(self, name: str, *arguments: Any, **named: Any) -> None:
        self.asked.append((name, *arguments, *named.values()))
        if self.passing:
            raise self.passing.pop(0)
        if self.problem is not None:
            raise self.problem


@asynccontextmanager
async def serving(rollouts: StandIn, **told: Any) -> AsyncIterator[int]:
    """The port of the service."""
    settings = RolloutSettings(
        port=0, metrics_port=0, admin_token=SecretStr(TOKEN), drain_seconds=0.0, **told
    )

    async def mount(server: grpc.aio.Server, _stack: object) -> Sequence[str]:
        rollout_pb2_grpc.add_RolloutServiceServicer_to_server(  # type: ignore[no-untyped-call]
            RolloutServicer(cast(Rollouts, rollouts)), server
        )
        return [NAME]

    async with started("rollout", settings, mount, partial(guarded, settings)) as running:
        yield running.port
