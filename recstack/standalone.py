"""All stages in the gateway's process: the one place that knows every stage's insides.

`python -m recstack.standalone` is one worker; settings from the environment, as for the services.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from pydantic import SecretStr, ValidationError

from services.chassis.errors import StartupError
from services.chassis.redis import NOBODY, Login
from services.chassis.server import run
from services.chassis.settings import from_environment, problems
from services.feature_store.imports import Imports
from services.feature_store.pipeline import open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.gateway.mount import mounted
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.inference.keeper import ReleaseKeeper
from services.inference.stage import ReleaseStage
from services.inference.startup import load_slots
from services.prerank.pipeline import open_prerank
from services.prerank.settings import PrerankSettings
from services.rank.pipeline import open_rank
from services.rank.settings import RankSettings
from services.recall.live_state import followed
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings
from services.recall.slots import LiveSlots, SimilarSlots
from services.rerank.pipeline import open_rerank
from services.rerank.settings import RerankSettings

LEAST = 12  # limit_least of a worker: it computes one call at a time, more of them only wait


class _StageSettings:
    """The environment's settings of every stage, read before anything is opened."""

    def __init__(self) -> None:
        self.feature_store = from_environment(FeatureStoreSettings)
        self.recall = from_environment(RecallSettings)
        self.prerank = from_environment(PrerankSettings)
        self.rank = from_environment(RankSettings)
        self.rerank = from_environment(RerankSettings)


async def in_process(_gateway: GatewaySettings, stack: AsyncExitStack) -> Stages:
    """The stages of the environment's settings; what they hold is let go with the stack.

    Raises:
        StartupError: the release is not there or refused, or the Redis address is wrong.
    """
    settings = _StageSettings()
    store = await stack.enter_async_context(open_feature_store(settings.feature_store))
    recall = await load_slots(settings.recall, partial(open_recall, settings=settings.recall))
    prerank = await load_slots(settings.prerank, open_prerank)
    rank = await load_slots(settings.rank, open_rank)
    rerank = await load_slots(settings.rerank, partial(open_rerank, settings=settings.rerank))
    live = await stack.enter_async_context(followed(recall, settings.recall))
    return Stages(
        contexts=store.contexts,
        recall=ReleaseStage(LiveSlots(recall, live)),
        similar=ReleaseStage(SimilarSlots(recall, live)),
        prerank=ReleaseStage(prerank),
        rank=ReleaseStage(rank),
        rerank=ReleaseStage(rerank),
        marks=store.marks,
        events=store.events,
        profiles=store.profiles,
        erasures=store.erasures,
        holders={
            "recall": ReleaseKeeper(recall),
            "prerank": ReleaseKeeper(prerank),
            "rank": ReleaseKeeper(rank),
            "rerank": ReleaseKeeper(rerank),
        },
    )


@asynccontextmanager
async def user_imports(redis_url: str, login: Login = NOBODY) -> AsyncIterator[Imports]:
    """Where whole users are loaded into the Redis at the URL.

    `login`: who asks; what it lacks is taken from the settings of the feature store.

    Raises:
        StartupError: the address, or another setting of the feature store, is wrong.
    """
    try:
        settings = FeatureStoreSettings(redis_url=SecretStr(redis_url), **_told(login))
    except ValidationError as error:
        raise StartupError(problems(FeatureStoreSettings, error)) from None
    async with open_feature_store(settings) as store:
        yield store.imports


def _told(login: Login) -> dict[str, Any]:
    tls = login.tls
    told = {
        "redis_user": login.user,
        "redis_password_file": login.password_file,
        "tls_ca": tls.ca,
        "tls_certificate": tls.certificate,
        "tls_key": tls.key,
    }
    return {name: value for name, value in told.items() if value}


def main() -> int:
    """Runs one worker until SIGTERM; its metrics port serves the whole HTTP API, for it alone."""
    settings = from_environment(GatewaySettings)
    least = settings.limit_least if "limit_least" in settings.model_fields_set else LEAST
    shared = settings.model_copy(update={"metrics_port": 0, "limit_least": least})
    return run("gateway", shared, mounted(shared, in_process, own_port=settings.metrics_port))


if __name__ == "__main__":
    raise SystemExit(main())
