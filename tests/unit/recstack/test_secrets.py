"""Key files of a stack."""

import stat
from pathlib import Path

import pytest

from recstack.secrets import key_file
from services.chassis.errors import StartupError
from services.journal.pseudonym import read_key


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = key_file(tmp_path / "secrets" / "page.key")
    key = read_key(path)
    assert path.is_absolute()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert key_file(path) == path
    assert read_key(path) == key
    assert read_key(key_file(tmp_path / "secrets" / "other.key")) != key
    assert sorted(p.name for p in path.parent.iterdir()) == ["other.key", "page.key"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="file/key"):
        key_file(tmp_path / "file" / "key")
