"""Secret keys of a stack: files that only their owner may read, made once."""

import os
import secrets
from pathlib import Path

from services.chassis.errors import StartupError

KEY_BYTES = 32


def key_file(path: Path) -> Path:
    """The absolute path of a key file; it is made when it is not there, and never changed.

    Raises:
        StartupError: it cannot be made.
    """
    path = path.resolve()
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(path)
    except OSError as error:
        raise StartupError(f"cannot write the key file {path}: {error.strerror}") from None
    return path


def _make(path: Path) -> None:
    """The file appears whole; when another process was faster, its key holds."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{secrets.token_hex(KEY_BYTES)}\n")
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return
    finally:
        fresh.unlink()
