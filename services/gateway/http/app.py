"""The public calls as JSON over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException

from services.chassis.request_id import request_id
from services.domain.events import EventType
from services.gateway.gateway import Gateway
from services.gateway.http import encoding, event_models, models
from services.gateway.http.boundary import BoundaryRoute, json_response, unknown_route
from services.gateway.http.items import items_router
from services.gateway.http.kept import SECONDS, Kept
from services.gateway.http.parameters import ItemId, SessionId, UserId
from services.gateway.http.query import ExplainQuery, ListQuery, SimilarQuery
from services.gateway.http.responses import answers, operation, text
from services.gateway.http.users import users_router
from services.gateway.requests import EventInput
from services.gateway.stats_report import report

DESCRIPTION = """
The same calls as the gRPC services of `recsys.gateway.v1`, with the same limits.

Every answer has the header `x-request-id`. The header `x-client-key` names the client to the rate
limit. Ids in paths are percent-encoded UTF-8 and may hold `/`.
"""
TAGS = [
    {"name": "recommendations", "description": "Personal lists, and how they came to be."},
    {"name": "events", "description": "What users did."},
    {"name": "items", "description": "Items that come, change and go while a release serves."},
    {"name": "users", "description": "Profiles; what is stored of a user."},
    {"name": "operations", "description": "For those who run it."},
]

EVENT_TYPES = {f"EVENT_TYPE_{kind.name}": int(kind) for kind in EventType}


def make_app(
    gateway: Gateway, registry: CollectorRegistry, worker: int, kept_seconds: float = SECONDS
) -> FastAPI:
    """The HTTP application over a gateway; `worker` names the process in /stats.

    `kept_seconds`: how old the bodies of /stats and /metrics may be.
    """
    app = FastAPI(
        title="recstack",
        summary="Recommendations, and what users did with them.",
        version="1",
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        exception_handlers={HTTPException: unknown_route},
    )
    app.include_router(_lists(gateway))
    app.include_router(_items_and_events(gateway))
    app.include_router(items_router(gateway.items))
    app.include_router(users_router(gateway.users))
    app.include_router(_operations(gateway, registry, worker, kept_seconds))
    return app


def _lists(gateway: Gateway) -> APIRouter:
    """Personal lists, and how they came to be."""
    router = APIRouter(route_class=BoundaryRoute, tags=["recommendations"])

    @router.get("/v1/users/{user_id:path}/recommendations", **answers(models.RecommendResponse))
    async def recommend(user_id: UserId, query: Annotated[ListQuery, Query()]) -> Response:
        """A personal list. Always answers in time; what was skipped is in `degraded`."""
        answer = await gateway.recommend(query.given(user_id=user_id), request_id.get())
        return json_response(encoding.recommend_json(answer))

    @router.get(
        "/v1/sessions/{session_id:path}/recommendations", **answers(models.RecommendResponse)
    )
    async def recommend_session(
        session_id: SessionId, query: Annotated[ListQuery, Query()]
    ) -> Response:
        """A list for an anonymous visitor."""
        answer = await gateway.recommend(query.given(session_id=session_id), request_id.get())
        return json_response(encoding.recommend_json(answer))

    @router.get("/v1/users/{user_id:path}/explain", **answers(models.ExplainResponse))
    async def explain(user_id: UserId, query: Annotated[ExplainQuery, Query()]) -> Response:
        """What every stage had, kept, dropped and why; marks nothing as shown."""
        explanation = await gateway.explain(
            query.given(user_id=user_id), query.item, request_id.get()
        )
        return json_response(encoding.explain_json(explanation))

    @router.get("/v1/sessions/{session_id:path}/explain", **answers(models.ExplainResponse))
    async def explain_session(
        session_id: SessionId, query: Annotated[ExplainQuery, Query()]
    ) -> Response:
        """The same for an anonymous visitor."""
        explanation = await gateway.explain(
            query.given(session_id=session_id), query.item, request_id.get()
        )
        return json_response(encoding.explain_json(explanation))

    return router


def _items_and_events(gateway: Gateway) -> APIRouter:
    router = APIRouter(route_class=BoundaryRoute)

    @router.get(
        "/v1/items/{item_id:path}/similar",
        tags=["items"],
        **answers(models.SimilarItemsResponse, 404),
    )
    async def similar_items(item_id: ItemId, query: Annotated[SimilarQuery, Query()]) -> Response:
        """Items like an item, closest first."""
        answer = await gateway.similar(item_id, query.k, request_id.get())
        return json_response(encoding.similar_json(answer))

    @router.post("/v1/events", tags=["events"], **answers(event_models.RecordEventsResponse))
    async def record_events(body: event_models.RecordEventsRequest) -> Response:
        """What users did; when this is answered, the next request has it in the history."""
        recorded = await gateway.record([_event(event) for event in body.read()])
        return json_response(encoding.record_json(recorded))

    return router


def _operations(
    gateway: Gateway, registry: CollectorRegistry, worker: int, seconds: float
) -> APIRouter:
    """For those who run it."""
    kept_metrics = Kept(lambda: generate_latest(registry), seconds)

    def stats_body() -> bytes:
        return bytes(json_response(report(gateway.stats, gateway.release.id, worker)).body)

    kept_stats = Kept(stats_body, seconds)
    router = APIRouter(route_class=BoundaryRoute, tags=["operations"])

    @router.get("/healthz", summary="The process answers", **operation(models.Health))
    async def healthz() -> Response:
        return json_response({"status": "ok"})

    @router.get("/readyz", summary="The release is loaded", **operation(models.Readiness))
    async def readyz() -> Response:
        return json_response({"status": "ready", "release": gateway.release.id})

    @router.get(
        "/stats",
        summary="Rates and latencies of the last 10, 60 and 300 seconds",
        **operation(dict[str, Any]),
    )
    async def stats() -> Response:
        return Response(kept_stats.body(), media_type="application/json")

    @router.get("/metrics", summary="Prometheus metrics", **text("text/plain"))
    async def metrics() -> Response:
        return Response(kept_metrics.body(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


def _event(event: event_models.UserEvent | event_models.Unreadable) -> EventInput:
    if isinstance(event, event_models.Unreadable):
        return EventInput(unreadable=(event.field, event.message))
    return EventInput(
        event.event_id,
        event.user_id,
        event.item_id,
        EVENT_TYPES.get(event.type, 0),
        event.time,
        event.value,
        event.request_id,
        event.session_id,
    )
