"""What the processes of a stack are told of TLS, users of Redis and the token."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recstack.cli import app
from recstack.processes import EVENTS, ROLLOUT, STAGES, Plan
from recstack.redis_users import USERS
from recstack.security import CLIENT, SERVICES, Security
from recstack.stack import ready_line
from recstack.workspace import Workspace
from services.chassis.redis import Login
from services.chassis.tls import OFF, Tls
from tests.certificates import certificates

__all__ = ["certificates"]

FILES = Security(Path("/tls"), Path("/secrets"), Path("/secrets/admin.token"))
PLAN = Plan(Workspace(Path("var")), "127.0.0.1", "releases", security=FILES, release="r")


def told(plan: Plan) -> dict[str, dict[str, str]]:
    """Process → what it is told, without what has nothing to do with it."""
    return {
        child.name: {
            name: value
            for name, value in child.environment.items()
            if any(word in name for word in ("_TLS_", "_REDIS_USER", "PASSWORD", "TOKEN"))
        }
        for phase in plan.phases()
        for child in phase
    }


@pytest.fixture
def plan(certificates: Path) -> Plan:
    return replace(PLAN, security=replace(FILES, tls=certificates))


def test_each_service_has_files_of_its_own(plan: Plan, certificates: Path) -> None:
    found = told(plan)
    assert found.keys() == {"gateway", EVENTS, ROLLOUT, *STAGES}
    users = {user.name for user in USERS}
    for service, told_it in found.items():
        name = f"RECSTACK_{service.upper()}_"
        expected = {
            f"{name}TLS_CA": f"{certificates}/ca.crt",
            f"{name}TLS_CERTIFICATE": f"{certificates}/{service}.crt",
            f"{name}TLS_KEY": f"{certificates}/{service}.key",
        }
        if service in users:
            expected[f"{name}REDIS_USER"] = service
            expected[f"{name}REDIS_PASSWORD_FILE"] = f"/secrets/redis-{service}.password"
        if service in ("gateway", ROLLOUT):
            expected[f"{name}ADMIN_TOKEN_FILE"] = "/secrets/admin.token"
        assert told_it == expected


def test_a_worker_is_told_what_its_stages_would_be(plan: Plan) -> None:
    apart = {name: value for one in told(plan).values() for name, value in one.items()}
    together = told(replace(plan, workers=2))
    assert together.keys() == {EVENTS, "worker-0", "worker-1", ROLLOUT}
    assert together["worker-0"] == together["worker-1"]
    assert {**together["worker-0"], **together[EVENTS], **together[ROLLOUT]} == apart


def test_another_redis_has_users_of_its_own(plan: Plan) -> None:
    elsewhere = replace(plan, security=replace(plan.security, redis_passwords=None))
    assert not [name for one in told(elsewhere).values() for name in one if "REDIS" in name]
    assert elsewhere.security.redis_login("recall") == Login(tls=plan.security.tls_of(CLIENT))


def test_without_security_nothing_is_told() -> None:
    assert not any(told(replace(PLAN, security=Security())).values())
    assert Security().tls_of("rank") == OFF
    assert Security().redis_login("recall") == Login()
    assert set(STAGES) < set(SERVICES)


def test_the_ready_line_has_the_files(certificates: Path, plan: Plan) -> None:
    first, ours, curl, grpcurl = ready_line(plan, "7").splitlines()
    assert "HTTPS://127.0.0.1:8080" in first.replace("https", "HTTPS")
    client = [f"{certificates}/{file}" for file in ("ca.crt", "client.crt", "client.key")]
    for line, program, names in (
        (ours, "recstack", ("--tls-ca", "--tls-certificate", "--tls-key")),
        (curl, "curl", ("--cacert", "--cert", "--key")),
        (grpcurl, "grpcurl", ("-cacert", "-cert", "-key")),
    ):
        pairs = zip(names, client, strict=True)
        options = " ".join(f"{name} {file}" for name, file in pairs)
        assert line.startswith(f"  {program} {options} ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--tls-certificate", "a.crt"], "--tls-certificate and --tls-key go together"),
        (["--tls-certificate", "a.crt", "--tls-key", "a.key"], "--tls-certificate needs --tls-ca"),
        (["--tls-ca", "absent.crt"], "absent.crt cannot be read"),
    ],
)
def test_options_that_do_not_fit(options: list[str], problem: str) -> None:
    done = CliRunner().invoke(app, [*options, "recommend", "--user", "1"])
    assert problem in str(done.exception)


def test_a_token_file_that_is_none_is_said(tmp_path: Path) -> None:
    for text, problem in ((None, "cannot be read"), ("one\ntwo", "holds no admin token")):
        file = tmp_path / "token"
        if text is not None:
            file.write_text(text)
        done = CliRunner().invoke(app, ["status", "--token-file", str(file)])
        assert problem in str(done.exception)


def test_files_of_a_client() -> None:
    assert FILES.tls_of(CLIENT) == Tls(
        Path("/tls/ca.crt"), Path("/tls/client.crt"), Path("/tls/client.key")
    )
