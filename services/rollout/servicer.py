"""RolloutService on gRPC."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

import grpc
from recsys.rollout.v1 import rollout_pb2 as pb
from recsys.rollout.v1 import rollout_pb2_grpc

from services.chassis.errors import StartupError
from services.chassis.redis import RedisError
from services.chassis.token import check_unseen, read_token
from services.chassis.token_interceptor import HEALTH, TokenInterceptor
from services.domain.traffic import AT_ONCE
from services.rollout.errors import BadRequestError, RolloutError
from services.rollout.pipeline import run_rollouts
from services.rollout.record import Record
from services.rollout.rollouts import Rollouts
from services.rollout.settings import RolloutSettings
from services.rollout.wire import checked, encode_entry, encode_rollout, encode_shadow, encode_view

NAME = pb.DESCRIPTOR.services_by_name["RolloutService"].full_name
DECISIONS = 100

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]


class RolloutServicer(rollout_pb2_grpc.RolloutServiceServicer):
    """Asks the rollouts; their errors become status codes. The names are those of the rpcs."""

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts

    async def StartRollout(  # noqa: N802
        self, request: pb.StartRolloutRequest, context: Context
    ) -> pb.StartRolloutResponse:
        checked(request)
        one = await _done(
            context,
            self._rollouts.start(request.release, request.spec, request.stable, request.by),
        )
        return pb.StartRolloutResponse(rollout=encode_rollout(one))

    async def GetRollout(  # noqa: N802
        self, request: pb.GetRolloutRequest, context: Context
    ) -> pb.GetRolloutResponse:
        return encode_view(await _done(context, self._rollouts.view()))

    async def PromoteRollout(  # noqa: N802
        self, request: pb.PromoteRolloutRequest, context: Context
    ) -> pb.PromoteRolloutResponse:
        step = request.step if request.HasField("step") else None
        promote = partial(self._rollouts.promote, step=step)
        return await _told(context, promote, request, pb.PromoteRolloutResponse)

    async def PauseRollout(  # noqa: N802
        self, request: pb.PauseRolloutRequest, context: Context
    ) -> pb.PauseRolloutResponse:
        return await _told(context, self._rollouts.pause, request, pb.PauseRolloutResponse)

    async def ResumeRollout(  # noqa: N802
        self, request: pb.ResumeRolloutRequest, context: Context
    ) -> pb.ResumeRolloutResponse:
        return await _told(context, self._rollouts.resume, request, pb.ResumeRolloutResponse)

    async def AbortRollout(  # noqa: N802
        self, request: pb.AbortRolloutRequest, context: Context
    ) -> pb.AbortRolloutResponse:
        return await _told(context, self._rollouts.abort, request, pb.AbortRolloutResponse)

    async def ListDecisions(  # noqa: N802
        self, request: pb.ListDecisionsRequest, context: Context
    ) -> pb.ListDecisionsResponse:
        asked = self._rollouts.decisions(
            request.limit or DECISIONS, request.rollout, holds=request.holds
        )
        entries = await _done(context, asked)
        return pb.ListDecisionsResponse(decisions=map(encode_entry, entries))

    async def StartShadow(  # noqa: N802
        self, request: pb.StartShadowRequest, context: Context
    ) -> pb.StartShadowResponse:
        checked(request)
        started = self._rollouts.start_shadow(
            request.release, request.percent, request.at_once or AT_ONCE, request.by
        )
        return pb.StartShadowResponse(shadow=encode_shadow(await _done(context, started)))

    async def StopShadow(  # noqa: N802
        self, request: pb.StopShadowRequest, context: Context
    ) -> pb.StopShadowResponse:
        checked(request)
        shadow = await _done(context, self._rollouts.stop_shadow(request.by))
        return pb.StopShadowResponse(shadow=encode_shadow(shadow))

    async def GetShadow(  # noqa: N802
        self, request: pb.GetShadowRequest, context: Context
    ) -> pb.GetShadowResponse:
        shadow = await _done(context, self._rollouts.shadow_view())
        return pb.GetShadowResponse(shadow=encode_shadow(shadow))


async def _told(
    context: Context,
    command: Callable[[str, str, str], Coroutine[Any, Any, Record]],
    request: Any,
    response: Callable[..., T],
) -> T:
    """Obeys a command: who gives it, why, and which rollout is meant."""
    checked(request)
    one = await _done(context, command(request.by, request.why, request.rollout))
    return response(rollout=encode_rollout(one))


async def _done(context: Context, asked: Coroutine[Any, Any, T]) -> T:
    """What was asked for, or the end of the call with what was answered instead."""
    try:
        return await asked
    except BadRequestError as error:
        code, problem = grpc.StatusCode.INVALID_ARGUMENT, str(error)
    except RolloutError as error:
        code, problem = grpc.StatusCode.FAILED_PRECONDITION, str(error)
    except RedisError as error:
        code, problem = grpc.StatusCode.UNAVAILABLE, f"Redis: {error}"
    await context.abort(code, problem)
    raise AssertionError("abort raises")


def guarded(settings: RolloutSettings) -> Sequence[grpc.aio.ServerInterceptor]:  # type: ignore[type-arg]
    """Asks for the token before anything, but for the health of the service.

    Raises:
        StartupError: there is no token, or it is none, or it would be sent over a network in
            plain text.
    """
    token = read_token(settings.admin_token_file, settings.admin_token.get_secret_value())
    if token is None:
        raise StartupError(
            "there is no token that callers must know",
            "set RECSTACK_ROLLOUT_ADMIN_TOKEN_FILE; `recstack up` does, with var/secrets",
        )
    check_unseen("RolloutService", settings.host, settings.tls)
    return (TokenInterceptor(token, free=(HEALTH,)),)


async def mount(
    settings: RolloutSettings, server: grpc.aio.Server, stack: AsyncExitStack
) -> Sequence[str]:
    """Serves the rollouts; Redis need not be there.

    Raises:
        StartupError: the Redis address or the password file cannot be read.
    """
    rollouts = await run_rollouts(settings, stack)
    rollout_pb2_grpc.add_RolloutServiceServicer_to_server(  # type: ignore[no-untyped-call]
        RolloutServicer(rollouts), server
    )
    return [NAME]
