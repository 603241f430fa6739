"""Loads whole users, many at once; a user that exists, or was erased, is left as it is."""

from collections.abc import Sequence

import hiredis
import numpy as np

from services.domain.arrays import U64
from services.domain.bloom import BloomFilter
from services.domain.outcome import CallError, Failure, Reason
from services.domain.user_state import Imported, UserImport
from services.feature_store import layout as keys
from services.feature_store import records
from services.feature_store.connection import Command, LinkError, Reply
from services.feature_store.erasures import erased_member
from services.feature_store.layout import BloomShape, Layout
from services.feature_store.limits import fingerprint_error, import_error
from services.feature_store.script import IMPORT_USER
from services.feature_store.store import Store, failure_of

_STEP = 50
"""Users in one batch to Redis: other callers wait no longer than one."""


class Imports:
    """Imports named by a fingerprint of their data; a finished one is remembered."""

    def __init__(self, store: Store, layout: Layout, timeout: float) -> None:
        """`timeout`: seconds for one step."""
        self._store = store
        self._layout = layout
        self._timeout = timeout

    async def add(self, fingerprint: str, users: Sequence[UserImport], last: bool) -> Imported:
        """Stores a part of the import; `last` finishes it. May be sent again.

        Raises:
            CallError: INVALID names what is wrong with a user, and nothing is stored; otherwise
                Redis failed, and what was stored before stays.
        """
        if error := import_error(fingerprint, users):
            raise CallError(Failure(Reason.INVALID, error))
        stored = 0
        for start in range(0, len(users), _STEP):
            commands = [self._command(user) for user in users[start : start + _STEP]]
            stored += sum(await self._execute(commands))
        if last:
            key = keys.import_key(fingerprint)
            await self._execute([(b"SET", key, b"1", b"EX", self._layout.user_expiry)])
        return Imported(stored, len(users) - stored)

    async def done(self, fingerprint: str) -> bool:
        """Whether the import was finished, within the time that users are kept.

        Raises:
            CallError: INVALID, or Redis failed.
        """
        if error := fingerprint_error(fingerprint):
            raise CallError(Failure(Reason.INVALID, error))
        return bool((await self._execute([(b"EXISTS", keys.import_key(fingerprint))]))[0])

    def _command(self, user: UserImport) -> Command:
        fields: list[bytes | str | int] = [keys.PROFILE, records.encode_profile(user.profile)]
        fields += [keys.HISTORY, records.encode_history(user.history.head(keys.HISTORY_LIMIT))]
        for age, generation in enumerate(generations(user.seen_keys, self._layout.bloom)):
            fields += [keys.bloom_field(age), records.encode_generation(generation)]
        return IMPORT_USER.command(
            (keys.user_key(user.user_id), keys.ERASED),
            self._layout.expiry(user.user_id),
            erased_member(user.user_id),
            *fields,
        )

    async def _execute(self, commands: list[Command]) -> list[Reply]:
        try:
            replies = await self._store.execute("import", commands, self._timeout)
        except LinkError as error:
            raise CallError(error.failure) from error
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise CallError(failure_of(reply))
        return replies


def generations(seen: U64, shape: BloomShape) -> list[records.Generation]:
    """The newest keys that fit into the generations, newest generation first.

    `seen`: keys, newest first; repeated ones count at their newest place.
    """
    distinct = np.array(list(dict.fromkeys(seen.tolist())), np.uint64)
    parts = [
        distinct[i * shape.capacity : (i + 1) * shape.capacity] for i in range(shape.generations)
    ]
    filled = [_generation(part, shape) for part in parts if len(part)]
    return [
        records.Generation(bloom, set_bits, len(filled) - age)
        for age, (bloom, set_bits) in enumerate(filled)
    ]


def _generation(part: U64, shape: BloomShape) -> tuple[BloomFilter, int]:
    bloom = BloomFilter.empty(shape.bits, shape.hashes).added(part)
    return bloom, int(np.unpackbits(bloom.data).sum())
