"""Until when a certificate holds, read from its file: PEM around DER (X.690, RFC 5280, 4.1)."""

import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from services.chassis.errors import StartupError

_called_with: dict[Path, int] = {}
_END = "-----END CERTIFICATE-----"
_VERSION, _UTC_TIME = 0xA0, 0x17


def expires_at(file: Path) -> int:
    """Of the first certificate in a PEM file, unix seconds.

    Raises:
        StartupError: the file cannot be read, or has none.
    """
    try:
        first, end, _ = file.read_text("ascii").partition(_END)
        start = first.index("-----BEGIN CERTIFICATE-----")
        return _not_after(ssl.PEM_cert_to_DER_cert(first[start:] + end))
    except OSError as error:
        raise StartupError(f"the certificate {file} cannot be read", str(error)) from error
    except (ValueError, LookupError, StopIteration) as error:
        raise StartupError(f"{file} holds no certificate in PEM") from error


def note_called_with(file: Path) -> None:
    """A client of this process has read the file, and goes on with what was in it."""
    with suppress(StartupError):
        until = expires_at(file)
        _called_with[file] = min(until, _called_with.get(file, until))


def in_use_until(file: Path) -> int:
    """The end of the certificate in the file now, or of what clients have read there, if sooner.

    Raises:
        StartupError: as `expires_at`.
    """
    until = expires_at(file)
    return min(until, _called_with.get(file, until))


def _not_after(der: bytes) -> int:
    (_, certificate) = next(_values(der))
    (_, signed) = next(_values(certificate))
    fields = [value for tag, value in _values(signed) if tag != _VERSION]
    # serial number, algorithm, issuer, validity
    tag, moment = list(_values(fields[3]))[1]
    text = moment.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: 1950 to 2049
        text = ("20" if int(text[:2]) < 50 else "19") + text
    return int(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp())


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value, one after the other."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:  # so many bytes of length follow
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size]), at + size
        yield tag, data[at : at + length]
        at += length
