"""Reading tables: what is wrong with a file is said, with the line."""

import gzip
import io
from pathlib import Path

import polars as pl
import pytest

from models.data import DataError
from models.data.source import LINE, PROBLEM, read_headless, read_table

TEXT = "user,item,time\n1,a,10\n2,b,20\n"


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_reads_named_columns_in_the_given_order(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "log.csv", TEXT), ["time", "user"])
    assert table.columns == [LINE, PROBLEM, "time", "user"]
    assert table.rows() == [(2, None, "10", "1"), (3, None, "20", "2")]


def test_rest_reads_the_other_columns_too(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "log.csv", TEXT), ["time"], rest=True)
    assert table.columns == [LINE, PROBLEM, "time", "user", "item"]


def test_one_column_may_have_two_uses(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "log.csv", TEXT), ["user", "user"])["user"].len() == 2


@pytest.mark.parametrize("name", ["log.tsv", "log.TSV", "log.2024.tsv"])
def test_tsv_has_no_quoting(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, 'user\ttitle\n1\t"Alien" again\n')
    assert read_table(path, ["title"])["title"].to_list() == ['"Alien" again']


def test_gzip(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv.gz", gzip.compress(TEXT.encode(), mtime=0))
    assert read_table(path, ["item"])["item"].to_list() == ["a", "b"]


def test_byte_order_mark_crlf_and_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", b"\xef\xbb\xbfuser,item\r\n1,a\r\n\r\n2,b\r\n")
    assert read_table(path, ["user"]).rows() == [(2, None, "1"), (4, None, "2")]


def test_line_is_where_a_row_begins_even_after_a_field_over_two_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", 'user,item\n1,"a\nb"\n2,c\n')
    assert read_table(path, ["item"]).rows() == [(2, None, "a\nb"), (4, None, "c")]


def test_rows_of_another_width_are_marked(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", "user,item\n1\n1,a,x\n2,b\n")
    assert read_table(path, ["item"])[PROBLEM].to_list() == [
        "1 fields where there should be 2",
        "3 fields where there should be 2",
        None,
    ]


def test_a_misquoted_row_is_marked_and_the_next_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", 'user,item\n1,"a"x\n2,b\n')
    bad, good = read_table(path, ["user", "item"]).rows()
    assert bad[0] == 2
    assert "expected after" in bad[1]
    assert good == (3, None, "2", "b")


def test_an_unclosed_quote_says_how_far_it_went(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", 'user,item\n1,a\n2,"b\n3,c\n')
    assert read_table(path, ["user"]).rows()[1][:2] == (3, "unexpected end of data (up to line 4)")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", "", "is empty"),
        ("log.parquet", "", "is empty"),
        ("log.csv", "\n\n", "there is no header"),
        ("log.csv", "user,item\n", "has a header but no rows"),
        ("log.csv", b"user,item\n1,a\n2,caf\xe9\n", r"line 3: not UTF-8 \(byte 0xe9\)"),
        ("log.csv", "user,item\n1,a\n".encode("utf-16"), "line 1: not UTF-8"),
        ("log.csv", "user,user\n1,a\n", "two columns of one name"),
        ("log.csv", "user,#line\n1,a\n", "a reserved one"),
        ("log.csv", 'user,"it', "line 1: unexpected end of data"),
        ("log.csv", "person,item\n1,a\n", "no column 'user'; its columns are: person, item"),
        ("log.xlsx", "PK", "unknown file type"),
        ("log", TEXT, "unknown file type"),
        (".gz", TEXT, "unknown file type"),
        ("log.csv.gz", TEXT, "not a whole gzip file"),
        ("log.csv.gz", gzip.compress(TEXT.encode() * 99, mtime=0)[:-9], "not a whole gzip file"),
        ("log.csv", gzip.compress(TEXT.encode(), mtime=0), "not UTF-8"),
        ("log.parquet", TEXT, "cannot be read as Parquet"),
    ],
)
def test_unusable_files(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(DataError, match=message) as raised:
        read_table(path, ["user"])
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_missing_file_and_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_table(tmp_path / name, ["user"])
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="is not a file"):
        read_table(tmp_path / name, ["user"])


def test_parquet_of_any_types(tmp_path: Path) -> None:
    path = tmp_path / "log[1].parquet"
    pl.DataFrame(
        {
            "user": [1, 2],
            "item": [7.0, None],
            "rating": [3.5, 4.0],
            "at": pl.Series([1_704_164_645_678, None]).cast(pl.Datetime("ms", "UTC")),
            "day": pl.Series([1, 2]).cast(pl.Date),
            "kinds": [["a", "b"], []],
            "place": pl.Series(["x", None]).cast(pl.Categorical),
        }
    ).write_parquet(path)
    columns = ["user", "item", "rating", "at", "day", "kinds", "place"]
    assert read_table(path, columns).rows() == [
        (1, None, "1", "7", "3.5", "1704164645", "86400", "a|b", "x"),
        (2, None, "2", "", "4.0", "", "172800", "", ""),
    ]


def test_parquet_without_the_column_or_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame({"person": ["1"]}).write_parquet(path)
    with pytest.raises(DataError, match="no column 'user'; its columns are: person"):
        read_table(path, ["user"])
    pl.DataFrame({"user": pl.Series([], dtype=pl.String)}).write_parquet(path)
    with pytest.raises(DataError, match="has no rows"):
        read_table(path, ["user"])


def test_headless_text_with_a_long_separator(tmp_path: Path) -> None:
    path = written(tmp_path, "users.dat", "1::F::1\n2::M\n")
    assert read_headless(path, ["id", "gender", "age"], "::").rows() == [
        (1, None, "1", "F", "1"),
        (2, "2 fields where there should be 3", "2", "M", ""),
    ]


def test_the_watch_is_between_the_file_and_its_reader(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", "user\n7\n")
    table = read_table(path, ["user"], watch=lambda file, path: io.BytesIO(file.read() + b"8\n"))
    assert table["user"].to_list() == ["7", "8"]
