"""Settings of the rollout service, read from RECSTACK_ROLLOUT_* by __main__ alone."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import OptionalFile, RedisSettings
from services.domain.traffic import LEASE_SECONDS
from services.domain.traffic_document import MAX_LEASE_SECONDS


class RolloutSettings(RedisSettings):
    """Where the service listens, whose word it takes, and the Redis it decides in.

    Attributes:
        name: what other processes call this one when it leads; empty: its host, port and process.
        leader_seconds: after which a silent leader is replaced.
        lease_seconds: after which gateways that hear nothing of a leader have all users on stable.
        admin_token_file, admin_token: at least 16 secret bytes that every call needs, the file
            before the value; without one the service does not start.
        max_request_bytes: of a call; the longest has a plan.
    """

    model_config = SettingsConfigDict(env_prefix="RECSTACK_ROLLOUT_")

    port: int = 50048
    metrics_port: int = 51048
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    redis_timeout: float = Field(default=0.5, gt=0)
    name: str = Field(default="", max_length=200)
    leader_seconds: float = Field(default=5.0, ge=1)
    lease_seconds: float = Field(default=LEASE_SECONDS, ge=2, le=MAX_LEASE_SECONDS)
    admin_token_file: OptionalFile = None
    admin_token: SecretStr = SecretStr("")
    max_request_bytes: int = Field(default=256 * 1024, ge=1024)
