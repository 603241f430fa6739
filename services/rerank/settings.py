"""Settings of the rerank service."""

from pydantic_settings import SettingsConfigDict

from services.chassis.settings import ReleaseSettings


class RerankSettings(ReleaseSettings):
    """RECSTACK_RERANK_* in the environment.

    Attributes:
        rules_file: YAML file of an operator's rules; each key in it overrides the release's.
            Empty: the release's rules alone.
    """

    model_config = SettingsConfigDict(env_prefix="RECSTACK_RERANK_")

    port: int = 50055
    metrics_port: int = 51055
    rules_file: str = ""
