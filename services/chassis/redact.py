"""Keeps secrets out of what a process says: log lines, exceptions, last words.

Two nets. What is known to be secret, a password that was read from a file, is taken out wherever
it stands. What looks like a secret is taken out by its name or its form.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

HIDDEN = "[redacted]"
MIN_LENGTH = 8
"""Characters: a shorter secret is part of too many words to be taken out of all of them."""

_NAMES = "passwords?|passwd|secrets?|tokens?|api[-_]?keys?|authorization|credentials?"
_NAMED = re.compile(rf"(^|[-_.]|\b)({_NAMES})$", re.IGNORECASE)
_IN_URL = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@'\"]*@", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[a-z0-9._~+/=-]+", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"((?:{_NAMES})['\"]?\s*[=:]\s*(?:SecretStr\()?)('[^']*'|\"[^\"]*\"|[^\s,;&)\]}}]+)",
    re.IGNORECASE,
)

_known: set[str] = set()


def protect(secret: str) -> None:
    """From now on, this is taken out of all that this process says."""
    if len(secret) >= MIN_LENGTH:
        _known.add(secret)


def protect_url(url: str) -> None:
    """The password in a URL is a secret, as it is written there and as it is meant."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        protect(password)
        protect(unquote(password))


def redacted(text: str) -> str:
    """The text without secrets."""
    for secret in _known:
        text = text.replace(secret, HIDDEN)
    text = _IN_URL.sub(rf"\1{HIDDEN}@", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    return _ASSIGNED.sub(rf"\1{HIDDEN}", text)


def redacted_value(name: str, value: Any) -> Any:
    """A value of a log line without secrets; all of it is one when its name says so."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _NAMED.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: redacted_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted_value("", inner) for inner in value]
    return redacted(value if isinstance(value, str) else str(value))
