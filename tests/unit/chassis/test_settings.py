"""Settings from the environment."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import ServerSettings, from_environment


class Settings(ServerSettings):
    model_config = SettingsConfigDict(env_prefix="TEST_")

    port: int = 7
    password: SecretStr = SecretStr("")
    count: int = 1


def test_values_are_read_under_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PORT", "8")
    assert from_environment(Settings).port == 8


def test_each_wrong_variable_is_named_and_no_value_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEST_PORT", "hunter2")
    monkeypatch.setenv("TEST_COUNT", "many")
    with pytest.raises(SystemExit) as ended:
        from_environment(Settings)
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "TEST_PORT: " in shown
    assert "TEST_COUNT: " in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("host", "starts"), [("127.0.0.2", True), ("::1", True), ("0.0.0.0", False)]
)
def test_a_ca_alone_is_no_protection_beyond_loopback(host: str, starts: bool) -> None:
    with nullcontext() if starts else pytest.raises(ValidationError, match="in plain text"):
        Settings(host=host, tls_ca=Path("ca.crt"))
    Settings(host=host)
    Settings(host=host, tls_ca=Path("a"), tls_certificate=Path("b"), tls_key=Path("c"))
