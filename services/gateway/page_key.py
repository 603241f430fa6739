"""The key that signs page tokens."""

import secrets
from functools import cache
from pathlib import Path

from services.chassis.errors import StartupError
from services.chassis.log import get_logger
from services.gateway.page_token import MIN_KEY_BYTES

KEY_BYTES = 32


@cache
def page_key(file: Path | None) -> bytes:
    """The key in the file; without one a random key, whose tokens end with this process.

    Raises:
        StartupError: the file cannot be read, or is too short.
    """
    if file is None:
        get_logger("gateway").warning(
            "page tokens are valid for this process alone", hint="set page_key_file"
        )
        return secrets.token_bytes(KEY_BYTES)
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise StartupError(f"the page key file {file} cannot be read", str(error)) from error
    if len(key) < MIN_KEY_BYTES:
        raise StartupError(
            f"the page key file {file} has {len(key)} bytes",
            f"write at least {MIN_KEY_BYTES} random ones into it, such as `openssl rand -hex 32`",
        )
    return key
