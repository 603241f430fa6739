"""Settings of the rank service."""

from pydantic_settings import SettingsConfigDict

from services.chassis.settings import ReleaseSettings


class RankSettings(ReleaseSettings):
    """See RECSTACK_RANK_* in the environment."""

    model_config = SettingsConfigDict(env_prefix="RECSTACK_RANK_")

    port: int = 50054
    metrics_port: int = 51054
