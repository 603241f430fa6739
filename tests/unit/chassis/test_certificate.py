"""When a certificate ends, read without a library, against the library."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from recstack.certs import Authority
from services.chassis.certificate import expires_at
from services.chassis.errors import StartupError

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "days", [1, 365, 8_700, 8_800, 50_000], ids=["day", "year", "2049", "2050", "far"]
)
def test_the_date_is_that_of_the_library(tmp_path: Path, days: int) -> None:
    until = NOW + timedelta(days=days)
    made = Authority(NOW).issue("name", ("localhost",), until).certificate
    file = tmp_path / "file.crt"
    other = Authority(NOW).own.certificate.public_bytes(Encoding.PEM)
    file.write_bytes(b"a comment\n" + made.public_bytes(Encoding.PEM) + other)
    library = x509.load_pem_x509_certificate(made.public_bytes(Encoding.PEM)).not_valid_after_utc
    assert expires_at(file) == until.timestamp() == library.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_certificate_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.crt"
    file.write_text(text)
    with pytest.raises(StartupError, match="holds no certificate"):
        expires_at(file)


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        expires_at(tmp_path / "absent.crt")
