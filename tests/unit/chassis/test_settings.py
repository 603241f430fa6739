"""Settings from the environment."""

import pytest
from pydantic import SecretStr
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
