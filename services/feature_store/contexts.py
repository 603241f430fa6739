"""Reads everything known of a user with one HMGET, and the version of the item table with it."""

from dataclasses import replace
from typing import Final

from services.domain.context import History, Seen, UserContext
from services.domain.user_state import ContextQuery
from services.feature_store import records
from services.feature_store.connection import Command, Reply
from services.feature_store.layout import Layout, bloom_field, user_key
from services.feature_store.limits import context_error
from services.feature_store.metrics import observe_bloom
from services.feature_store.stage import Beside, Operation
from services.items.store import VERSION

_FIRST_GENERATION: Final = 3  # after profile, history and recent


def read_context(layout: Layout) -> Operation[ContextQuery, UserContext]:
    """The operation; a user of whom only shown items are stored is still unknown."""
    fields = layout.fields()

    def command(query: ContextQuery) -> Command:
        return (b"HMGET", user_key(query.user_id), *fields)

    version = Beside((b"GET", VERSION), _with_version)
    return Operation("context", context_error, command, _decode, version)


def _with_version(context: UserContext, reply: Reply) -> UserContext:
    """0 when there is no item table here; a version that is no number is not known either."""
    version = int(reply) if isinstance(reply, bytes) and reply.isdigit() else 0
    return replace(context, items_version=version) if version else context


def _decode(query: ContextQuery, reply: Reply) -> UserContext:
    profile, history, recent = reply[:_FIRST_GENERATION]
    generations = [
        records.decode_generation(bloom_field(age), record)
        for age, record in enumerate(reply[_FIRST_GENERATION:])
        if record is not None
    ]
    observe_bloom(generations)
    seen = Seen(
        Seen.nothing().recent if recent is None else records.decode_recent(recent),
        tuple(generation.filter for generation in generations),
    )
    past = History.empty() if history is None else records.decode_history(history)
    return UserContext(
        user_id=query.user_id,
        known=profile is not None or len(past) > 0,
        profile={} if profile is None else records.decode_profile(profile),
        history=past,
        seen=seen,
    )
