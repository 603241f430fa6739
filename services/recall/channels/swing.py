"""Items that people with little else in common take together (Yang et al. 2020)."""

from models.schema import layout
from models.schema.item_cf import ItemCf
from services.recall.channels.item_cf import ItemCfChannel
from services.recall.tables import Tables


class Swing(ItemCfChannel):
    """CandidateSource: as itemCF, over the table of Swing similarities."""

    name = "swing"

    @staticmethod
    def open(tables: Tables) -> "Swing":
        recency = tables.parameters.retrieval.swing_recency
        table = ItemCf.open(tables.folder, recency, layout.SWING_ROWS, layout.SWING_SCORES)
        return Swing(tables.histories, table)
