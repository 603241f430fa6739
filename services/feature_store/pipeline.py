"""What the feature store is made of."""

from types import TracebackType

from services.domain.context import UserContext
from services.domain.protocols import StageClient
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Erased,
    EraseQuery,
    Marked,
    MarkShownQuery,
    ProfileQuery,
    Stored,
)
from services.feature_store.address import Address
from services.feature_store.appends import EventLog, append_events
from services.feature_store.contexts import read_context
from services.feature_store.erasures import erase_user
from services.feature_store.imports import Imports
from services.feature_store.layout import BloomShape, Layout
from services.feature_store.link import RedisLink
from services.feature_store.marks import mark_shown
from services.feature_store.metrics import REDIS_UP
from services.feature_store.profiles import put_profile
from services.feature_store.settings import FeatureStoreSettings
from services.feature_store.stage import RedisStage
from services.feature_store.store import Store
from services.feature_store.traced_link import open_link
from services.journal.pseudonym import read_key

SECONDS_A_DAY = 86400


class FeatureStore:
    """The stages on users, and imports. Redis need not be there yet."""

    contexts: StageClient[ContextQuery, UserContext]
    marks: StageClient[MarkShownQuery, Marked]
    events: StageClient[AppendEventsQuery, Appended]
    profiles: StageClient[ProfileQuery, Stored]
    erasures: StageClient[EraseQuery, Erased]
    imports: Imports

    def __init__(self, link: RedisLink, import_link: RedisLink, settings: FeatureStoreSettings):
        """Imports have a connection of their own: requests do not wait behind them."""
        layout = Layout(
            BloomShape(settings.bloom_bits, settings.bloom_hashes, settings.bloom_generations),
            user_expiry=max(1, int(settings.user_days * SECONDS_A_DAY)),
            session_expiry=max(1, int(settings.session_days * SECONDS_A_DAY)),
        )
        store = Store(link)
        self.contexts = RedisStage(store, read_context(layout))
        self.marks = RedisStage(store, mark_shown(layout))
        self.events = RedisStage(store, append_events(layout, _event_log(settings)))
        self.profiles = RedisStage(store, put_profile(layout))
        self.erasures = RedisStage(store, erase_user())
        self.imports = Imports(Store(import_link), layout, settings.import_timeout)
        self._links = (link, import_link)
        REDIS_UP.set_function(lambda: float(link.up))

    async def close(self) -> None:
        """Ends the connections."""
        for link in self._links:
            await link.close()

    async def __aenter__(self) -> "FeatureStore":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _event_log(settings: FeatureStoreSettings) -> EventLog:
    if settings.pseudonym_key_file is None:
        return EventLog()
    return EventLog(read_key(settings.pseudonym_key_file), settings.event_log_limit)


def open_feature_store(settings: FeatureStoreSettings) -> FeatureStore:
    """The feature store of these settings; connects when first used.

    Raises:
        StartupError: the address, the password file or the key file cannot be read.
    """
    url = settings.redis_url.get_secret_value()
    address = Address.parse(url, settings.redis_login)
    return FeatureStore(
        open_link(address, settings.redis_timeout),
        open_link(address, settings.import_timeout),
        settings,
    )
