"""`recstack certs`, and whether its files do what they are for."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recstack.certs import make_certificates
from recstack.cli import app
from recstack.security import SERVICES, Security
from recstack.tls_check import problem_of
from services.chassis.errors import StartupError
from services.chassis.tls import Tls
from tests.certificates import certificates, strangers, tls_of

__all__ = ["certificates", "strangers"]


def test_the_command_says_what_it_made_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    done = CliRunner().invoke(app, ["certs", str(folder), "--host", "10.1.2.3", "--days", "30"])
    assert done.exit_code == 0, done.output
    until = f"{datetime.now(UTC) + timedelta(days=30):%-d %B %Y}"
    line = f"{folder}/rank.crt: until {until}, for rank, localhost, 127.0.0.1, ::1, 10.1.2.3"
    assert line in done.output.splitlines()
    assert f"{folder}/client.crt: until {until}" in done.output.splitlines()
    before = {file: file.read_bytes() for file in folder.iterdir()}
    again = CliRunner().invoke(app, ["certs", str(folder)])
    assert isinstance(again.exception, StartupError)
    assert "ca.crt is there already" in str(again.exception)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_keys_are_for_their_owner_alone(certificates: Path) -> None:
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in certificates.iterdir()}
    assert {mode for name, mode in modes.items() if name.endswith(".key")} == {0o600}
    assert len(modes) == 2 * (len(SERVICES) + 2)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_trusted_by_its_names_alone(certificates: Path, service: str) -> None:
    server, client = tls_of(certificates, service), tls_of(certificates, "client")
    for host in ("localhost", "127.0.0.1", "::1", service):
        assert problem_of(server, client, host) == ""
    assert "mismatch" in problem_of(server, client, "elsewhere").lower()


def test_a_client_is_no_server_and_a_stranger_nobody(certificates: Path, strangers: Path) -> None:
    client, server = tls_of(certificates, "client"), tls_of(certificates, "rank")
    assert problem_of(client, client, "localhost") != ""
    assert "self-signed" in problem_of(server, tls_of(strangers, "client"), "localhost")
    stranger = Tls(server.ca, *tls_of(strangers, "client").pair)
    assert problem_of(server, stranger, "localhost") != ""
    assert "did not return a certificate" in problem_of(server, Tls(server.ca), "localhost")


def test_up_is_told_before_it_starts_what_is_wrong(certificates: Path, tmp_path: Path) -> None:
    Security(certificates).check_tls("127.0.0.1")
    Security().check_tls("anywhere")
    with pytest.raises(StartupError, match=r"10\.0\.0\.1") as wrong:
        Security(certificates).check_tls("10.0.0.1")
    assert "--host 10.0.0.1" in wrong.value.hint
    make_certificates(tmp_path, days=1, now=datetime.now(UTC) - timedelta(days=9))
    with pytest.raises(StartupError, match="certificate has expired"):
        Security(tmp_path).check_tls("127.0.0.1")
    with pytest.raises(StartupError, match="cannot be read"):
        Security(tmp_path / "nowhere").check_tls("127.0.0.1")
