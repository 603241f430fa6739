"""The secrets of a stack of containers, as files."""

import stat
from pathlib import Path

import pytest

from recstack.container_secrets import ALL, READERS, make_secrets
from services.chassis.errors import StartupError


def read(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_each_reader_has_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {ALL, *READERS}
    for reader, names in READERS.items():
        assert {path.name for path in (tmp_path / reader).iterdir()} == {*names}
        for name in names:
            assert (tmp_path / reader / name).samefile(tmp_path / ALL / name)
            assert stat.S_IMODE((tmp_path / reader / name).stat().st_mode) == 0o600


def test_secrets_that_are_there_stay_and_lost_ones_are_given_again(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = read(tmp_path)
    (tmp_path / "gateway" / "page.key").unlink()
    (tmp_path / "recall" / "redis-recall.password").write_text("changed in place\n")
    make_secrets(tmp_path)
    changed = {name for name, text in read(tmp_path).items() if text != before[name]}
    assert changed == {
        "all/redis-recall.password",
        "recall/redis-recall.password",
        "all/users.acl",
        "redis/users.acl",
    }
    assert {*read(tmp_path)} == {*before}


def test_what_a_reader_is_no_longer_given_is_taken_away(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    operator = tmp_path / ALL / "redis-operator.password"
    (tmp_path / "bootstrap" / operator.name).hardlink_to(operator)
    make_secrets(tmp_path)
    assert not (tmp_path / "bootstrap" / operator.name).exists()
    assert operator.exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="file"):
        make_secrets(tmp_path / "file")
