"""Where Redis is."""

from pathlib import Path

import pytest

from services.chassis.errors import StartupError
from services.chassis.redis import Login
from services.feature_store.address import Address
from services.feature_store.settings import FeatureStoreSettings


@pytest.mark.parametrize(
    ("url", "shown", "greeting"),
    [
        ("redis://", "localhost:6379", (("SELECT", 0),)),
        ("redis://h:1/3", "h:1", (("SELECT", 3),)),
        ("redis://:p%40ss@h:1", "h:1", (("AUTH", "p@ss"), ("SELECT", 0))),
        ("redis://me:pass@h:1", "h:1", (("AUTH", "me", "pass"), ("SELECT", 0))),
        ("unix:///run/redis.sock?db=2", "/run/redis.sock", (("SELECT", 2),)),
    ],
)
def test_urls(url: str, shown: str, greeting: object) -> None:
    address = Address.parse(url)
    assert str(address) == shown
    assert address.greeting == greeting
    assert address.tls is None
    assert "pass" not in repr(address)


def test_tls() -> None:
    assert Address.parse("rediss://h").tls


def test_a_password_file_goes_before_the_url(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from file\r\n", "utf-8")
    greeting = Address.parse("redis://:from-url@h", Login(password_file=file)).greeting
    assert greeting[0] == ("AUTH", "from file")


def test_a_user_goes_before_the_url(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret", "utf-8")
    greeting = Address.parse("redis://me@h", Login("feature_store", file)).greeting
    assert greeting[0] == ("AUTH", "feature_store", "secret")


def test_what_cannot_be_read_is_a_clear_error_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="Redis address") as wrong:
        Address.parse("http://:secret@h")
    assert "secret" not in f"{wrong.value} {wrong.value.hint}"
    with pytest.raises(StartupError, match="password file"):
        Address.parse("redis://", Login(password_file=tmp_path / "absent"))


def test_bits_that_are_no_power_of_two() -> None:
    with pytest.raises(ValueError, match="1000 is not a power of two"):
        FeatureStoreSettings(bloom_bits=1000)


def test_settings_do_not_show_the_address() -> None:
    settings = FeatureStoreSettings.model_validate({"redis_url": "redis://:secret@h"})
    assert "secret" not in f"{settings!r} {settings}"
