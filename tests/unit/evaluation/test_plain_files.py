from pathlib import Path

import pytest

from models.evaluation import EvaluationError
from models.evaluation.plain.files import read


def written(folder: Path, text: str) -> Path:
    path = folder / "file.txt"
    path.write_text(text)
    return path


def pairs(path: Path) -> list[tuple[str, str]]:
    found = read(path)
    return list(zip(found.users, found.items, strict=True))


def test_lists_as_lightgcn_publishes_them(tmp_path: Path) -> None:
    path = written(tmp_path, "0 5 7 5 \n1 7\n\n2\n")
    assert pairs(path) == [("0", "5"), ("0", "7"), ("0", "5"), ("1", "7")]
    assert read(path).empty == ["2"]


@pytest.mark.parametrize("head", ["", "user_id\titem_id\trating\n", "user_id:token\titem\n"])
def test_pairs_with_or_without_a_header(tmp_path: Path, head: str) -> None:
    path = written(tmp_path, f"{head}a b\tx\t5\t99\nc\ty\n")
    assert pairs(path) == [("a b", "x"), ("c", "y")]


def test_negatives_as_ncf_publishes_them(tmp_path: Path) -> None:
    path = written(tmp_path, "(0,25)\t1064\t174\n(1,133)\t1072\n")
    assert pairs(path) == [("0", "1064"), ("0", "174"), ("1", "1072")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("7\n", "no interaction"),
        ("a\tb\nc\n", "line 2: expected user TAB item"),
        ("a\tb\n\t\n\tc\n", "line 3: expected user TAB item"),
        ("a\tb\tc\td\te\n", "line 1: expected user TAB item"),
        ("1 2 3\n4\t5\n", "line 2: a tab among lines without"),
        ("(1,2) 3\n(1) 4\n", r"line 2: '\(1\)' is not \(user,item\)"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        read(written(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="does not exist"):
        read(tmp_path / "none.txt")
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00 1\n")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read(tmp_path / "raw")
