"""Certificates for tests: of one CA, made once a run."""

from pathlib import Path

import pytest

from recstack.certs import make_certificates
from services.chassis.tls import Tls


def tls_of(folder: Path, name: str) -> Tls:
    """The files of a name in a folder of certificates."""
    return Tls(folder / "ca.crt", folder / f"{name}.crt", folder / f"{name}.key")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `recstack certs` makes it."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of another CA."""
    folder = tmp_path_factory.mktemp("strangers")
    make_certificates(folder)
    return folder
