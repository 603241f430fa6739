"""Items that a linear model foretells from the history (EASE: Steck 2019)."""

from models.schema import layout
from models.schema.item_cf import ItemCf
from services.recall.channels.item_cf import ItemCfChannel
from services.recall.tables import Tables


class Ease(ItemCfChannel):
    """CandidateSource: as itemCF, over the weights of EASE; those below 0 take items down."""

    name = "ease"

    @staticmethod
    def open(tables: Tables) -> "Ease":
        recency = tables.parameters.retrieval.ease_recency
        table = ItemCf.open(tables.folder, recency, layout.EASE_ROWS, layout.EASE_SCORES)
        return Ease(tables.histories, table)
