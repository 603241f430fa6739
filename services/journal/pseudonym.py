"""Users in logs: keyed hashes, which nobody without the key can connect with a user id."""

from hashlib import blake2b
from pathlib import Path

from services.chassis.errors import StartupError

PSEUDONYM_BYTES = 16
KEY_BYTES = 32


def pseudonym(user_id: str, key: bytes) -> bytes:
    """The 16 bytes that stand for a user: BLAKE2b-128 of the id with the key."""
    return blake2b(user_id.encode(), digest_size=PSEUDONYM_BYTES, key=key).digest()


def read_key(path: Path) -> bytes:
    """The key in a file: 32 bytes as 64 hexadecimal digits.

    Raises:
        StartupError: the file cannot be read or holds something else; it is not shown.
    """
    hint = "make one with `openssl rand -hex 32`, readable by its owner alone"
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise StartupError(f"key file {path}: {error.strerror}", hint) from error
    except ValueError:
        raise StartupError(f"key file {path} is not a hexadecimal number", hint) from None
    if len(key) != KEY_BYTES:
        raise StartupError(f"key file {path} has {len(key)} bytes, {KEY_BYTES} expected", hint)
    return key
