"""Items like the user's last ones by content alone: needs nobody else's behaviour."""

from models.schema import layout
from models.schema.item_cf import ItemCf
from services.recall.channels.item_cf import ItemCfChannel
from services.recall.tables import Tables


class Content(ItemCfChannel):
    """CandidateSource: as itemCF, over the cosines of content features."""

    name = "content"

    @staticmethod
    def open(tables: Tables) -> "Content":
        recency = tables.parameters.retrieval.content_recency
        table = ItemCf.open(tables.folder, recency, layout.CONTENT_ROWS, layout.CONTENT_SCORES)
        return Content(tables.histories, table)
