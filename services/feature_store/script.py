"""Lua scripts: sent as a hash, and as text when Redis does not know the hash."""

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files

from services.feature_store.connection import Argument, Command


@dataclass(frozen=True, slots=True)
class Script:
    """A script: its text, and the SHA-1 that Redis knows it by."""

    text: bytes
    sha: bytes

    @staticmethod
    def load(*names: str) -> "Script":
        """The files of `scripts/` put together, in this order."""
        folder = files(__package__) / "scripts"
        text = "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in names).encode()
        return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())

    def command(self, keys: tuple[bytes, ...], *arguments: Argument) -> Command:
        """Runs the script on these keys."""
        return (b"EVALSHA", self.sha, len(keys), *keys, *arguments)

    def as_text(self, command: Command) -> Command:
        """The same command with the whole script, which Redis then knows."""
        return (b"EVAL", self.text, *command[2:])


MARK_SHOWN = Script.load("record", "bloom", "mark_shown")
APPEND_EVENTS = Script.load("record", "bloom", "append_events")
IMPORT_USER = Script.load("import_user")
PUT_PROFILE = Script.load("put_profile")
ERASE_USER = Script.load("erase_user")
BY_SHA: dict[Argument, Script] = {
    script.sha: script
    for script in (MARK_SHOWN, APPEND_EVENTS, IMPORT_USER, PUT_PROFILE, ERASE_USER)
}
