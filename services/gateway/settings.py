"""Settings of the gateway, read from RECSTACK_GATEWAY_* by __main__ alone."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import OptionalFile, RedisSettings, ReleaseSettings


class GatewaySettings(ReleaseSettings, RedisSettings):
    """How the gateway serves.

    Attributes:
        http_port: port of the JSON API; 0 takes a free one.
        deadline_seconds: time to answer in; a caller's shorter gRPC deadline goes first.
        recall_limit: most candidates asked of recall; models are trained for 600.
        rank_limit: most candidates that prerank passes on.
        feature_store, recall, prerank, rank, rerank: addresses of the services, host:port.
        breaker_pause_seconds: a stage that keeps failing is probed this often.
        seen_on: what makes an item seen: "served": that an answer had it; "impression": the event
            that says it was looked at.
        admin_host, admin_port: where AdminService listens, if there is a token.
        admin_token_file, admin_token: at least 16 secret bytes, the file before the value; neither:
            there is no AdminService.
        max_request_bytes: as MAX_BODY_BYTES of HTTP: a thousand users with profiles of 4 KB.
        limit_delay_seconds: the median time of a list that the limit on calls in flight aims at
            when there is too much to do.
        limit_least, limit_most: the limit stays within them.
        client_rate: calls a second that one client key may make; 0: no such limit.
        client_burst: calls that it may make at once, after a pause.
        page_key_file: at least 16 secret bytes that sign page tokens, the same for all gateways;
            not set: tokens are valid for one process.
        policy_file: copy of the traffic policy, for a start while Redis is away; not set: none.
        rules_file: the operator's rules that rerank is given; their blocks hold when it is down.
        batch_queries: most queries in one stage call.
        batch_items: most candidates in one stage call.
        retry_ratio: retries per call that are allowed.
        pseudonym_key_file: 64 hexadecimal digits, the key of the users' pseudonyms in the log of
            served requests; not set: requests are not logged.
        log_requests: share of the requests that are logged.
        log_length: served requests that each stream keeps when nobody reads it.
        unknown_items: what happens to events of items that neither the release nor the item table
            knows.
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
    unknown_items: Literal["refuse", "accept"] = "refuse"
    seen_on: Literal["served", "impression"] = "served"
    admin_host: str = "127.0.0.1"
    admin_port: int = 52050
    admin_token_file: OptionalFile = None
    admin_token: SecretStr = SecretStr("")
    max_request_bytes: Annotated[int, Field(ge=1024)] = 4 * 2**20
    limit_delay_seconds: Annotated[float, Field(gt=0)] = 0.05
    limit_least: Annotated[int, Field(ge=1)] = 24
    limit_most: Annotated[int, Field(ge=1)] = 256
    client_rate: Annotated[float, Field(ge=0)] = 0.0
    client_burst: Annotated[float, Field(ge=1)] = 20.0
    page_key_file: Path | None = None
    pseudonym_key_file: Path | None = None
    log_requests: Annotated[float, Field(ge=0, le=1)] = 1.0
    log_length: Annotated[int, Field(ge=1)] = 10_000
    policy_file: OptionalFile = None
    rules_file: str = ""
    breaker_pause_seconds: Annotated[float, Field(gt=0)] = 1.0
    batch_queries: Annotated[int, Field(ge=1, le=256)] = 64
    batch_items: Annotated[int, Field(ge=1)] = 8000
    retry_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    trace_parents: bool = False  # the public decides nothing
