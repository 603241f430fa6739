"""What a rule did, for people: made only for queries that ask for it."""

from services.domain.arrays import I32
from services.domain.stages import RerankQuery, RuleNote

Notes = tuple[RuleNote, ...]


def removed(rule: str, rows: I32, query: RerankQuery) -> Notes:
    """A note for each row the rule took out."""
    return _notes(rule, "removed", rows.tolist(), query)


def boosted(rule: str, rows: I32, query: RerankQuery) -> Notes:
    """A note for each row whose score the rule changed."""
    return _notes(rule, "boosted", rows.tolist(), query)


def pinned(rule: str, rows: list[int], query: RerankQuery) -> Notes:
    """A note for each row the rule put at its position."""
    return _notes(rule, "pinned", rows, query)


def moved(rule: str, before: I32, after: I32, query: RerankQuery) -> Notes:
    """A note for each row that changed its place and is, or was, among the first k."""
    if not query.explain:
        return ()
    place = {row: at for at, row in enumerate(after.tolist())}
    rows = [
        row
        for at, row in enumerate(before.tolist())
        if place[row] != at and min(place[row], at) < query.k
    ]
    return _notes(rule, "moved", rows, query)


def _notes(rule: str, effect: str, rows: list[int], query: RerankQuery) -> Notes:
    if not query.explain:
        return ()
    return tuple(RuleNote(row, rule, effect) for row in rows)
