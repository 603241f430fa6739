"""The manifest of a release: what it is, and the hash of every file in it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.schema import layout

FORMAT = 2
PART = 2**20  # bytes of a file that are hashed at once


class ReleaseError(Exception):
    """A release that may not serve; the message says which and why, `hint` what to do."""

    hint = "make a release with `recstack train`, or name one that is there"


class FormatError(ReleaseError):
    """A release that another version of recstack made.

    Attributes:
        data_name: name of the data set it was trained on; empty: it does not say.
    """

    def __init__(self, message: str, data_name: str) -> None:
        super().__init__(message)
        self.data_name = data_name


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release is.

    Attributes:
        id: unique name, also the folder's name.
        created: ISO 8601, UTC.
        code_version: version of this package that trained it.
        schema_hash: SHA-256 of the feature schema.
        data_fingerprint: SHA-256 of the training data.
        data_name: name of the data set, for people.
        channels: recall channels; the position is the bit and the column of a channel.
        tasks: tasks of the ranker, in the order of its outputs.
        metrics: offline metrics by name, with the protocol in `metrics_protocol`.
        files: path in the folder → SHA-256.
        parent: the release that served the log it was trained on; empty: it was another log.
        recall: by channel, and "merged", what the search of quotas measured, by name.
    """

    id: str
    created: str
    code_version: str
    schema_hash: str
    data_fingerprint: str
    data_name: str
    channels: tuple[str, ...]
    tasks: tuple[str, ...]
    metrics: Mapping[str, float]
    metrics_protocol: str
    files: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    recall: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    format: int = FORMAT

    @staticmethod
    def read(folder: Path) -> "Manifest":
        """Reads the manifest of the release in `folder`.

        Raises:
            FormatError: another version of recstack made it.
            ReleaseError: when there is none or it is not one.
        """
        path = folder / layout.MANIFEST
        try:
            content = path.read_bytes()
            if (folder / layout.MANIFEST_HASH).read_bytes() != _hash_line(content):
                raise ReleaseError(f"{path} was changed after the release was made")
            raw: dict[str, Any] = json.loads(content)
            _check_format(path, raw)
            raw["channels"], raw["tasks"] = tuple(raw["channels"]), tuple(raw["tasks"])
            return Manifest(**raw)
        except FileNotFoundError as error:
            name = Path(str(error.filename)).name
            raise ReleaseError(f"no release in {folder}: {name} is missing") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReleaseError(f"{path} is not a manifest: {error}") from error

    def write(self, folder: Path) -> None:
        """Writes the manifest and its own hash into `folder`."""
        content = (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()
        (folder / layout.MANIFEST).write_bytes(content)
        (folder / layout.MANIFEST_HASH).write_bytes(_hash_line(content))

    def verify(self, folder: Path, after_part: Callable[[], None] = lambda: None) -> None:
        """Checks that every file is there and unchanged.

        `after_part`: called after each megabyte; it may wait.

        Raises:
            ReleaseError: names each file that is missing, changed or unknown to the manifest.
        """
        found = hash_files(folder, after_part)
        wrong = [f"{name} is missing" for name in sorted(self.files.keys() - found.keys())]
        wrong += [
            f"{name} is not in the manifest" for name in sorted(found.keys() - self.files.keys())
        ]
        wrong += [
            f"{name} was changed after the release was made"
            for name in sorted(self.files.keys() & found.keys())
            if self.files[name] != found[name]
        ]
        if wrong:
            raise ReleaseError(f"release {self.id} is corrupted: {'; '.join(wrong)}")


def _check_format(path: Path, raw: Mapping[str, Any]) -> None:
    if raw["format"] != FORMAT:
        message = f"{path} has format {raw['format']}; this version of recstack reads {FORMAT}"
        raise FormatError(message, str(raw.get("data_name", "")))


def _hash_line(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}\n".encode()


def hash_files(folder: Path, after_part: Callable[[], None] = lambda: None) -> dict[str, str]:
    """SHA-256 of every file of a release folder but its manifest, by path in the folder.

    `after_part`: called after each megabyte; it may wait.
    """
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (layout.MANIFEST, layout.MANIFEST_HASH):
            hashes[name] = _hash(path, after_part)
    return hashes


def _hash(path: Path, after_part: Callable[[], None]) -> str:
    """By large parts: a thread that hashes asks for the interpreter a few times a part."""
    digest, part = hashlib.sha256(), memoryview(bytearray(PART))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(part):
            digest.update(part[:size])
            after_part()
    return digest.hexdigest()
