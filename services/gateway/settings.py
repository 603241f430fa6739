"""Settings of the gateway, read from RECSTACK_GATEWAY_* by __main__ alone."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import ReleaseSettings


class GatewaySettings(ReleaseSettings):
    """How the gateway serves.

    Attributes:
        http_port: port of the JSON API; 0 takes a free one.
        deadline_seconds: time to answer in; a caller's shorter gRPC deadline goes first.
        recall_limit: most candidates asked of recall; models are trained for 600.
        rank_limit: most candidates that prerank passes on.
        feature_store, recall, prerank, rank, rerank: addresses of the services, host:port.
        breaker_pause_seconds: a stage that keeps failing is probed this often.
        rules_file: the operator's rules that rerank is given; their blocks hold when it is down.
        batch_queries: most queries in one stage call.
        batch_items: most candidates in one stage call.
        retry_ratio: retries per call that are allowed.
    """

    model_config = SettingsConfigDict(env_prefix="RECSTACK_GATEWAY_")

    port: int = 50050
    metrics_port: int = 51050
    http_port: int = 8080
    deadline_seconds: Annotated[float, Field(gt=0)] = 0.5
    recall_limit: Annotated[int, Field(ge=1, le=5000)] = 600
    rank_limit: Annotated[int, Field(ge=1, le=2000)] = 200
    feature_store: str = "127.0.0.1:50051"
    recall: str = "127.0.0.1:50052"
    prerank: str = "127.0.0.1:50053"
    rank: str = "127.0.0.1:50054"
    rerank: str = "127.0.0.1:50055"
    rules_file: str = ""
    breaker_pause_seconds: Annotated[float, Field(gt=0)] = 1.0
    batch_queries: Annotated[int, Field(ge=1, le=256)] = 64
    batch_items: Annotated[int, Field(ge=1)] = 8000
    retry_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
