"""Status ↔ protobuf."""

from recsys.gateway.v1 import admin_pb2 as pb

from services.gateway.admin.status import Status


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
