"""Settings of the events service."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import RedisSettings
from services.statistics.decay import TRENDING_LIMIT


class EventsSettings(RedisSettings):
    """Where the log is read and filed, and how often.

    Attributes:
        log: folder of the Parquet files.
        lease_seconds: after which the work of a silent process is taken over.
        publish_seconds: between two snapshots of item statistics.
        trending: items in the list of what is trending, at most.
        file_rows, file_mb, file_seconds: a file is finished when it has so many rows, its entries
            so many megabytes, or its first entry so old.
        file_days: after which a file is deleted.
        idle_days: after which an item without events is counted anew.
    """

    model_config = SettingsConfigDict(env_prefix="RECSTACK_EVENTS_")

    port: int = 50049
    metrics_port: int = 51049
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    redis_timeout: float = Field(default=5.0, gt=0)
    log: Path = Path("var/log")
    lease_seconds: float = Field(default=5.0, ge=0.5)
    publish_seconds: float = Field(default=2.0, gt=0)
    trending: int = Field(default=TRENDING_LIMIT, ge=1, le=100_000)
    file_rows: int = Field(default=50_000, ge=1, le=1_000_000)
    file_mb: float = Field(default=16.0, gt=0)
    file_seconds: float = Field(default=30.0, ge=0)
    file_days: float = Field(default=90.0, gt=0)
    idle_days: float = Field(default=30.0, ge=7)
