"""Status and releases ↔ protobuf."""

from collections.abc import Iterable

from recsys.gateway.v1 import admin_pb2 as pb

from services.gateway.admin.status import Status
from services.gateway.releases import Holding
from services.inference.wire import encode_record


def status_response(status: Status) -> pb.GetStatusResponse:
    """The response of GetStatus."""
    settings = status.settings
    response = pb.GetStatusResponse(
        version=status.version,
        process_id=status.process_id,
        started_at=status.started_at,
        releases=[
            pb.LoadedRelease(release=name, items=items) for name, items in status.releases.items()
        ],
        stages=[
            pb.StageState(
                stage=stage.stage,
                address=stage.address,
                breaker_open=stage.breaker_open,
                breaker_trips=stage.breaker_trips,
            )
            for stage in status.stages
        ],
        limits=pb.GatewayLimits(
            deadline_ms=round(settings.deadline_seconds * 1000),
            request_bytes=settings.max_request_bytes,
            recall_candidates=settings.recall_limit,
            rank_candidates=settings.rank_limit,
        ),
    )
    if status.certificate_expires_at is not None:
        response.certificate.expires_at = status.certificate_expires_at
        response.certificate.clients_asked = settings.asks_clients
    return response


def releases_response(start: str, holdings: Iterable[Holding]) -> pb.ListReleasesResponse:
    """The response of ListReleases."""
    return pb.ListReleasesResponse(start=start, holders=to_holders(holdings))


def to_holders(holdings: Iterable[Holding]) -> list[pb.ReleaseHolder]:
    """What each holder holds."""
    return [
        pb.ReleaseHolder(
            holder=holding.holder,
            address=holding.address,
            releases=map(encode_record, holding.records.values()),
            problem=holding.problem,
        )
        for holding in holdings
    ]
