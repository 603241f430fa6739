"""Page tokens: stateless, signed, and bound to the user and the request they were made for.

    base64url( u8 version · u32 issued at · user · request · u64 key … · signature )

`user` and `request` are BLAKE2b-64 of who asked and of what was asked; the keys are those of all
items on earlier pages, so that a page repeats none even when marking failed. The signature is
HMAC-SHA256 (RFC 2104), cut to 128 bits.
"""

import hmac
import json
import struct
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Final

import numpy as np

from services.chassis.errors import InvalidArgumentError
from services.domain.arrays import U64
from services.gateway.requests import ListRequest, RecommendInput

VALID_SECONDS: Final = 3600
SKEW_SECONDS: Final = 60
"""Clocks of two gateways differ by no more."""
MAX_KEYS: Final = 500
"""Items on all pages of a list: 5.4 KB of token."""
MIN_KEY_BYTES: Final = 16

_VERSION: Final = 1
_HEADER: Final = struct.Struct("<BI8s8s")
_SIGNATURE_BYTES: Final = 16
_MAX_CHARS: Final = 4 * (_HEADER.size + 8 * MAX_KEYS + _SIGNATURE_BYTES + 2) // 3


class PageTokens:
    """Makes tokens and takes them back. Gateways that share the key take one another's."""

    def __init__(self, key: bytes) -> None:
        """`key`: at least 16 secret bytes."""
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(
                f"the page key has {len(key)} bytes, at least {MIN_KEY_BYTES} expected"
            )
        self._key = key

    def opened(self, given: RecommendInput, asked: ListRequest) -> ListRequest:
        """The request with the items of earlier pages, if any, excluded and in `earlier`.

        Raises:
            InvalidArgumentError: the token is not one of ours, is too old, or belongs to another
                user or request.
        """
        if not given.page_token:
            return asked
        issued, user, request, earlier = self._read(given.page_token)
        if user != _user(asked):
            raise _refused("was given to another user or session")
        if request != _request(given):
            raise _refused("belongs to another request; only k may differ from page to page")
        if not -SKEW_SECONDS <= asked.request.now - issued <= VALID_SECONDS:
            raise _refused(f"is older than {VALID_SECONDS} s; begin with the first page again")
        exclude = np.concatenate([asked.request.exclude, earlier])
        return replace(asked, request=replace(asked.request, exclude=exclude), earlier=earlier)

    def following(self, given: RecommendInput, asked: ListRequest, shown: U64) -> str:
        """The token of the page after this one, uint64 [m] keys of which are `shown`.

        Empty when there is none: the list was short, or the pages hold as many items as may be.
        """
        keys = np.concatenate([asked.earlier, shown])
        if len(shown) < asked.k or len(keys) >= MAX_KEYS:
            return ""
        header = _HEADER.pack(_VERSION, asked.request.now, _user(asked), _request(given))
        body = header + keys.astype("<u8", copy=False).tobytes()
        return urlsafe_b64encode(body + self._signature(body)).decode().rstrip("=")

    def _read(self, token: str) -> tuple[int, bytes, bytes, U64]:
        """Issued at, user, request and keys of a token that we signed."""
        if len(token) > _MAX_CHARS:
            raise _refused("is none of this stack")
        try:
            signed = b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:  # binascii.Error is one
            raise _refused("is none of this stack") from None
        body, signature = signed[:-_SIGNATURE_BYTES], signed[-_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(body)):
            raise _refused("is none of this stack, or of one with another key")
        version, issued, user, request = _HEADER.unpack_from(body)
        if version != _VERSION:
            raise _refused("is of another version; begin with the first page again")
        return issued, user, request, np.frombuffer(body, "<u8", offset=_HEADER.size)

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, sha256)[:_SIGNATURE_BYTES]


def _user(asked: ListRequest) -> bytes:
    return _digest([asked.user_id])


def _request(given: RecommendInput) -> bytes:
    """All that pages of one list have in common, as it was given."""
    return _digest(
        [
            given.placement,
            sorted(given.context.items()),
            sorted(given.categories),
            sorted(given.tags),
            sorted(given.exclude_item_ids),
        ]
    )


def _digest(parts: Sequence[object]) -> bytes:
    return blake2b(json.dumps(parts).encode(), digest_size=8).digest()


def _refused(message: str) -> InvalidArgumentError:
    return InvalidArgumentError("page_token", f"it {message}")
