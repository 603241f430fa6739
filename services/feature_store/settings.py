"""Settings of the feature store."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import RedisSettings
from services.journal.streams import MAX_ENTRIES


class FeatureStoreSettings(RedisSettings):
    """How users are kept, and where.

    Attributes:
        import_timeout: the same for one step of an import.
        user_days: days without a write after which a user is forgotten.
        session_days: the same for an anonymous visitor.
        bloom_bits: bits of a Bloom generation, a power of two.
        bloom_hashes: bits a key; a full generation is wrong about 1 key in 2^hashes.
        bloom_generations: generations kept; lowering it forgets the oldest.
        pseudonym_key_file: key of the pseudonyms that stand for users in logs; none: events are
            logged nowhere.
        event_log_limit: events that each partition of the log keeps when nobody reads it, about.
    """

    model_config = SettingsConfigDict(env_prefix="RECSTACK_FEATURE_STORE_")

    port: int = 50051
    metrics_port: int = 51051
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    redis_timeout: float = Field(default=0.25, gt=0)
    import_timeout: float = Field(default=10.0, gt=0)
    user_days: float = Field(default=90.0, gt=0)
    session_days: float = Field(default=14.0, gt=0)
    bloom_bits: int = Field(default=16384, ge=64, le=2**20)
    bloom_hashes: int = Field(default=10, ge=10, le=32)
    bloom_generations: int = Field(default=2, ge=2, le=8)
    pseudonym_key_file: Path | None = None
    event_log_limit: int = Field(default=MAX_ENTRIES, ge=1000)

    @field_validator("bloom_bits")
    @classmethod
    def _power_of_two(cls, bits: int) -> int:
        if bits & (bits - 1):
            raise ValueError(f"{bits} is not a power of two")
        return bits
