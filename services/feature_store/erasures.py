"""Forgets users, and remembers that they are forgotten: an import does not bring them back."""

from hashlib import blake2b

from services.domain.user_state import Erased, EraseQuery
from services.feature_store.connection import Command, Reply
from services.feature_store.layout import ERASED, ERASED_SECONDS, user_key
from services.feature_store.limits import erase_error
from services.feature_store.script import ERASE_USER
from services.feature_store.stage import Operation


def erase_user() -> Operation[EraseQuery, Erased]:
    """The operation: all that is stored of a user is one key, which goes in one step."""

    def command(query: EraseQuery) -> Command:
        keys = (user_key(query.user_id), ERASED)
        return ERASE_USER.command(keys, erased_member(query.user_id), ERASED_SECONDS)

    return Operation("erase", erase_error, command, _decode)


def erased_member(user_id: str) -> bytes:
    """What stands for an erased user in the list of them: BLAKE2b-128 of the id, no id."""
    return blake2b(user_id.encode(), digest_size=16, person=b"erased").digest()


def _decode(query: EraseQuery, reply: Reply) -> Erased:
    return Erased(existed=reply == 1)
