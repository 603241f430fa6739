"""Settings of the prerank service."""

from pydantic_settings import SettingsConfigDict

from services.chassis.settings import ReleaseSettings


class PrerankSettings(ReleaseSettings):
    """See RECSTACK_PRERANK_* in the environment."""

    model_config = SettingsConfigDict(env_prefix="RECSTACK_PRERANK_")

    port: int = 50053
    metrics_port: int = 51053
