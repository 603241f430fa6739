"""The token of those who run the stack."""

from pathlib import Path

import pytest

from services.chassis.errors import StartupError
from services.chassis.tls import OFF, Tls
from services.chassis.token import Token, check_unseen, read_token

SECRET = "0123456789abcdef"


def test_tokens_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("short\n")
    with pytest.raises(StartupError, match="has 5 bytes") as short:
        read_token(file, SECRET)
    assert "short" not in f"{short.value} {short.value.hint}"
    with pytest.raises(StartupError, match="has 15 bytes"):
        read_token(None, SECRET[1:])
    with pytest.raises(StartupError, match="cannot be read"):
        read_token(tmp_path / "absent", SECRET)
    file.write_text("")
    with pytest.raises(StartupError, match="has 0 bytes"):
        read_token(file, "")


def test_the_file_goes_before_the_value(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("f" * 16 + "\n")
    token = read_token(file, SECRET)
    assert token is not None
    assert token.admits("Bearer " + "f" * 16)
    assert not token.admits(f"Bearer {SECRET}")


def test_bytes_of_any_kind_are_refused() -> None:
    token = Token(SECRET.encode())
    for given in (None, b"\xff\xfe", "Bearer ünd", b"Bearer \x00"):
        assert not token.admits(given)


def test_without_file_and_value_there_is_no_token() -> None:
    assert read_token(None, "") is None


def test_it_is_not_shown_to_a_network() -> None:
    files = Tls(None, Path("certificate"), Path("key"))
    for host in ("127.0.0.1", "::1", "localhost"):
        check_unseen("X", host, OFF)
    check_unseen("X", "0.0.0.0", files)
    for tls in (OFF, Tls(Path("ca"))):
        with pytest.raises(StartupError, match=r"X on 0\.0\.0\.0 would show its token"):
            check_unseen("X", "0.0.0.0", tls)
