"""Settings of the recall service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import RedisSettings, ReleaseSettings


class RecallSettings(ReleaseSettings, RedisSettings):
    """See RECSTACK_RECALL_* in the environment.

    Attributes:
        channel_timeout: seconds a channel may take; one that is late is skipped.
        time_share: part of a query's remaining time that channels may use; the rest is for merging
            and the way back.
        seen_margin: most items a channel fetches beyond its quota for those the user has seen.
            prerank and rank are trained on candidates made with SEEN_MARGIN of
            models/training/candidates.py: with another number users with longer histories get
            lists the models were not trained on.
        filtered_fetch: items a channel fetches when the request is limited to categories or tags;
            popular, which fills the list, fetches everything.
        fresh_items: most items newer than the release that are kept; of more, the newest.
        items_interval: seconds between two looks for changed items.
        statistics_interval: seconds between two reads of item statistics and the trending list.
        ef_search: breadth of an HNSW search; 0: the release's.
        nprobe: lists an IVF search scans; 0: the release's.
    """

    model_config = SettingsConfigDict(env_prefix="RECSTACK_RECALL_")

    port: int = 50052
    metrics_port: int = 51052
    channel_timeout: float = Field(default=0.2, gt=0)
    time_share: float = Field(default=0.8, gt=0, le=1)
    seen_margin: int = Field(default=1000, ge=0)
    filtered_fetch: int = Field(default=3000, ge=1)
    fresh_items: int = Field(default=10_000, ge=0)
    items_interval: float = Field(default=0.5, gt=0)
    statistics_interval: float = Field(default=2.0, gt=0)
    ef_search: int = Field(default=0, ge=0)
    nprobe: int = Field(default=0, ge=0)
