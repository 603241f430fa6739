"""What recall is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema.catalog import Catalog
from models.schema.manifest import ReleaseError
from services.chassis.log import get_logger
from services.domain.protocols import CandidateSource, Filter
from services.recall.channels.category import Category
from services.recall.channels.content import Content
from services.recall.channels.ease import Ease
from services.recall.channels.item_cf import ItemCfChannel
from services.recall.channels.new import New
from services.recall.channels.popular import Popular
from services.recall.channels.swing import Swing
from services.recall.channels.trending import Trending
from services.recall.channels.two_tower import TwoTower
from services.recall.channels.user_cf import UserCfChannel
from services.recall.fetch_sizes import FetchSizes
from services.recall.filters import ExcludeFilter, HiddenFilter
from services.recall.labels import LabelFilter, category_filter, tag_filter
from services.recall.model import RecallModel, Timing
from services.recall.release_items import ReleaseItems
from services.recall.runners import InlineRunner, Runner, ThreadRunner
from services.recall.settings import RecallSettings
from services.recall.similar import SimilarModel
from services.recall.tables import Tables, open_tables

LOOP = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that there is code for; it runs when the release's manifest names it.

    Attributes:
        open: makes it from the tables of a release.
        thread: where it runs, one after the other with the others there; LOOP: on the event loop,
            for one that only gives what lies ready.
    """

    name: str
    open: Callable[[Tables], CandidateSource]
    thread: str


# popular cannot fail and fills up for the others.
CHANNELS = (
    Channel(TwoTower.name, TwoTower.open, "vectors"),
    Channel(New.name, New.open, "vectors"),
    Channel(ItemCfChannel.name, ItemCfChannel.open, "tables"),
    Channel(Swing.name, Swing.open, "tables"),
    Channel(UserCfChannel.name, UserCfChannel.open, "tables"),
    Channel(Ease.name, Ease.open, "tables"),
    Channel(Content.name, Content.open, "tables"),
    Channel(Category.name, Category.open, "tables"),
    Channel(Popular.name, Popular.open, LOOP),
    Channel(Trending.name, Trending.open, LOOP),
)
FILLS = (Popular.name,)


def filters(catalog: Catalog, labels: tuple[LabelFilter, ...]) -> tuple[Filter, ...]:
    """What takes candidates out, but for what the user has seen, which comes last.

    An item is reported under the first that does.
    """
    return (HiddenFilter(), ExcludeFilter(catalog), *labels)


def open_recall(folder: Path, settings: RecallSettings) -> RecallModel:
    """Recall from the release in `folder`.

    Raises:
        ReleaseError: when the release does not fit together or names a channel that is not here.
    """
    tables = open_tables(folder, settings)
    catalog, names = tables.catalog, tables.channels
    runners = _runners(tables)
    labels = (category_filter(catalog), tag_filter(catalog))
    sizes = FetchSizes(
        quotas=np.array([tables.parameters.quotas[name] for name in names], np.float32),
        fills=np.isin(names, FILLS),
        seen_margin=settings.seen_margin,
        filtered=settings.filtered_fetch,
        everything=len(catalog),
    )
    return RecallModel(
        channels=names,
        runners=runners,
        filters=filters(catalog, labels),
        labels=labels,
        sizes=sizes,
        timing=Timing(settings.channel_timeout, settings.time_share),
        keys=catalog.keys,
        similar=SimilarModel(catalog, tables.vectors, tables.index, tables.neighbours),
        items=ReleaseItems.open(folder, catalog, tables.schema, settings.fresh_items),
    )


def _runners(tables: Tables) -> tuple[Runner, ...]:
    """The channels of the release in their places; the others are neither opened nor started."""
    known = {channel.name: channel for channel in CHANNELS}
    names, quotas = tables.channels, tables.parameters.quotas
    if unknown := [n for n in names if n not in known or n not in quotas]:
        raise ReleaseError(
            f"the release has channels without code or quota: {', '.join(unknown)}; "
            f"there are {', '.join(known)}"
        )
    if unused := [name for name in known if name not in names]:
        get_logger("recall").info("channels that are not in the release", channels=unused)
    placed: dict[str, list[CandidateSource]] = {}
    for channel in CHANNELS:
        if channel.name in names:
            placed.setdefault(channel.thread, []).append(channel.open(tables))
    return tuple(
        InlineRunner(sources) if thread == LOOP else ThreadRunner(thread, sources)
        for thread, sources in placed.items()
    )
