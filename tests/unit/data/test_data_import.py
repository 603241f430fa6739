"""Importing a user's own logs: mapping, order, rejected rows."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.data import DataError
from models.data.attributes import ItemTable, UserTable
from models.data.dataset import Dataset
from models.data.importer import Imported, LogFile, Target, import_logs
from models.data.interactions import LogColumns
from services.domain.events import EventType

TIMED = LogColumns("user", "item", time="time")


def imported(folder: Path, text: str, columns: LogColumns, **options: Any) -> Imported:
    path = folder / "log.csv"
    path.write_text(text)
    tables = options.pop("users", None), options.pop("items", None)
    return import_logs(LogFile(path, columns), Target(folder / "out", "shop"), tables, **options)


def rows(done: Imported) -> list[tuple[Any, ...]]:
    return done.dataset.tables().interactions.rows()


def test_sorted_by_user_and_time_with_ties_in_the_order_of_the_file(tmp_path: Path) -> None:
    done = imported(tmp_path, "user,item,time\n2,a,5\n1,z,7\n1,y,3\n1,x,7\n10,a,1\n1,w,7\n", TIMED)
    assert rows(done) == [
        ("1", "y", 2, 0.0, 3, 0),
        ("1", "z", 2, 0.0, 7, 1),
        ("1", "x", 2, 0.0, 7, 2),
        ("1", "w", 2, 0.0, 7, 3),
        ("10", "a", 2, 0.0, 1, 0),
        ("2", "a", 2, 0.0, 5, 0),
    ]
    assert done.dataset.description.has_clock


def test_schema_on_disk(tmp_path: Path) -> None:
    tables = imported(tmp_path, "user,item,time\n1,a,5\n", TIMED).dataset.tables()
    assert tables.interactions.schema == {
        "user_id": pl.String,
        "item_id": pl.String,
        "event": pl.UInt8,
        "value": pl.Float32,
        "time": pl.Int64,
        "order": pl.Int64,
    }
    assert tables.users.schema == {"user_id": pl.String}
    assert tables.items.schema == {
        "item_id": pl.String,
        "title": pl.String,
        "categories": pl.List(pl.String),
    }
    assert tables.items.rows() == [("a", "a", [])]


@pytest.mark.parametrize(("like_at", "likes"), [(4.0, [4.0, 5.0]), (3.5, [3.5, 4.0, 5.0])])
def test_ratings_are_likes_from_a_limit_on(
    tmp_path: Path, like_at: float, likes: list[float]
) -> None:
    columns = LogColumns("user", "item", rating="stars", like_at=like_at)
    done = imported(tmp_path, "user,item,stars\n1,a,5\n1,b,4\n1,c,3.5\n1,d,-1\n", columns)
    liked = [row[3] for row in rows(done) if row[2] == EventType.LIKE]
    assert sorted(liked) == likes
    assert [row[3] for row in rows(done)] == [5.0, 4.0, 3.5, -1.0]


def test_events_by_their_own_names_and_by_the_map(tmp_path: Path) -> None:
    columns = LogColumns(
        "user", "item", event="what", event_map={"Buy": EventType.PURCHASE, "like": EventType.CLICK}
    )
    text = "user,item,what\n1,a,buy\n1,b, PURCHASE \n1,c,Like\n1,d,dwell\n1,e,view\n1,f,\n"
    done = imported(tmp_path, text, columns)
    assert [(row[1], row[2]) for row in rows(done)] == [("a", 4), ("b", 4), ("c", 2), ("d", 6)]
    assert done.rejected["reason"].to_list() == ["unknown event", "unknown event"]


def test_milliseconds_are_told(tmp_path: Path) -> None:
    done = imported(tmp_path, "user,item,time\n1,a,1704164645123\n", TIMED)
    assert rows(done)[0][4] == 1704164645
    assert done.notes == ("time is in milliseconds (told by its magnitude)",)


def test_an_order_is_no_clock(tmp_path: Path) -> None:
    columns = LogColumns("user", "item", order="pos")
    done = imported(tmp_path, "user,item,pos\n1,a,9\n1,b,4\n1,c,-1\n", columns)
    assert [(row[1], *row[4:]) for row in rows(done)] == [("b", 4, 0), ("a", 9, 1)]
    assert not done.dataset.description.has_clock
    assert done.rejected["reason"].to_list() == ["order is not a whole number of 0 or more"]


def test_without_time_and_order_the_file_is_the_order(tmp_path: Path) -> None:
    done = imported(tmp_path, "user,item\n1,z\n1,a\n1,z\n", LogColumns("user", "item"))
    assert [(row[1], row[5]) for row in rows(done)] == [("z", 0), ("a", 1), ("z", 2)]
    assert not done.dataset.description.has_clock
    assert "the order of the file" in done.notes[0]


def test_rejected_rows_are_kept_with_line_and_reason(tmp_path: Path) -> None:
    text = "user,item,stars,time\n" + "\n".join(
        [
            "1,good,5,10",
            ",a,5,10",
            "1, ,5,10",
            f"{'u' * 257},a,5,10",
            f"1,{'é' * 129},5,10",
            "1,a,many,10",
            "1,a,,10",
            "1,a,nan,10",
            "1,a,1e39,10",
            "1,a,5,soon",
            "1,a,5",
            f"{'u' * 256},{'é' * 128},5,10",
        ]
    )
    columns = LogColumns("user", "item", rating="stars", time="time")
    done = imported(tmp_path, text, columns)
    assert len(rows(done)) == 2
    assert done.rejected.select("line", "reason").rows() == [
        (3, "empty user id"),
        (4, "empty item id"),
        (5, "user id longer than 256 bytes"),
        (6, "item id longer than 256 bytes"),
        (7, "rating is not a number"),
        (8, "rating is not a number"),
        (9, "rating is not finite"),
        (10, "rating is not finite"),
        (11, "not a time"),
        (12, "3 fields where there should be 4"),
    ]
    assert done.dataset.description.rejected == 10


def test_the_file_of_rejected_rows_is_whole_whatever_is_in_them(tmp_path: Path) -> None:
    done = imported(tmp_path, 'user,item,time\n1,a,5\n1,"x\t\n""",never\n', TIMED)
    lines = (done.dataset.folder / "rejected.tsv").read_text().splitlines()
    assert lines[0] == "file\tline\treason\tfields"
    file, line, reason, fields = lines[1].split("\t")
    assert (file, line, reason) == ("log.csv", "3", "not a time")
    assert json.loads(fields) == {"user": "1", "item": 'x\t\n"', "time": "never"}
    assert len(lines) == 2


def test_repeated_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    columns = LogColumns("user", "item", rating="stars", time="time")
    text = "user,item,stars,time\n1,a,5,1\n1,a,4,1\n1,a,3,1\n1,a,5,2\n2,a,5,1\n"
    done = imported(tmp_path, text, columns)
    assert [(row[0], row[3], row[4]) for row in rows(done)] == [
        ("1", 5.0, 1),
        ("1", 3.0, 1),
        ("1", 5.0, 2),
        ("2", 5.0, 1),
    ]
    assert done.dataset.description.duplicates == 1


def test_tables_of_users_and_items(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id,city,age\n1,Oslo,30\n3,,\n1,Rome,31\n,Bern,1\n")
    (tmp_path / "items.tsv").write_text('sku\tname\tkinds\tyear\na\t"A"\tx; y;;x\t1999\nc\t \t\t\n')
    done = imported(
        tmp_path,
        "user,item,time\n1,a,1\n2,b,2\n",
        TIMED,
        users=UserTable(tmp_path / "users.csv", "id"),
        items=ItemTable(tmp_path / "items.tsv", "sku", "name", "kinds", ";"),
    )
    tables = done.dataset.tables()
    assert tables.users.columns == ["user_id", "city", "age"]
    assert tables.users.rows() == [("1", "Oslo", "30"), ("2", "", ""), ("3", "", "")]
    assert tables.items.columns == ["item_id", "title", "categories", "year"]
    assert tables.items.rows() == [
        ("a", '"A"', ["x", "y"], "1999"),
        ("b", "b", [], ""),
        ("c", "c", [], ""),
    ]
    assert done.rejected.select("file", "line", "reason").rows() == [
        ("users.csv", 4, "user id occurs again"),
        ("users.csv", 5, "empty user id"),
    ]


def test_attributes_of_users_may_have_any_name_but_the_id_s(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id,title,user_id\n1,Dr,9\n")
    table = UserTable(tmp_path / "users.csv", "id")
    with pytest.raises(DataError, match="column 'user_id' is not an attribute"):
        imported(tmp_path, "user,item,time\n1,a,1\n", TIMED, users=table)
    (tmp_path / "users.csv").write_text("id,title,categories\n1,Dr,x\n")
    done = imported(tmp_path, "user,item,time\n1,a,1\n2,a,1\n", TIMED, users=table)
    assert done.dataset.tables().users.rows() == [("1", "Dr", "x"), ("2", "", "")]


def test_an_unmapped_title_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item,title\na,A\n")
    table = ItemTable(tmp_path / "items.csv", "item")
    with pytest.raises(DataError, match="column 'title' is not an attribute; map or rename it"):
        imported(tmp_path, "user,item,time\n1,a,1\n", TIMED, items=table)


def test_parquet_gives_the_same_data_set(tmp_path: Path) -> None:
    log = pl.DataFrame({"user": [2, 1], "item": ["a", "b"], "time": [1704164645, 1704164646]})
    log.write_parquet(tmp_path / "log.parquet")
    log.write_csv(tmp_path / "log.csv")
    a, b = (
        import_logs(LogFile(tmp_path / f"log.{kind}", TIMED), Target(tmp_path, kind)).dataset
        for kind in ("csv", "parquet")
    )
    assert a.description.fingerprint == b.description.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user,item\n1,a\n", "no column 'time'; its columns are: user, item"),
        ("user,item,time\n,a,1\n1,a,x\n", r"every row was rejected; the first is log\.csv, line 2"),
        ("", "is empty"),
    ],
)
def test_nothing_is_written_when_the_log_is_unusable(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        imported(tmp_path, text, TIMED)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_a_failed_import_leaves_the_old_data_set(tmp_path: Path) -> None:
    old = imported(tmp_path, "user,item,time\n1,a,1\n", TIMED)
    (tmp_path / "log.csv").write_text("user,item,time\n1,a,x\n")
    with pytest.raises(DataError):
        import_logs(
            LogFile(tmp_path / "log.csv", TIMED), Target(tmp_path / "out", "shop", force=True)
        )
    assert Dataset.open(old.dataset.folder).description == old.dataset.description


def test_items_alone_are_a_data_set(tmp_path: Path) -> None:
    """Of a system that begins: its events will have times."""
    (tmp_path / "items.csv").write_text("sku,name\na,Apple\na,Again\nb,Pear\n")
    (tmp_path / "users.csv").write_text("who,age\nann,20\n")
    tables = UserTable(tmp_path / "users.csv", "who"), ItemTable(tmp_path / "items.csv", "sku")
    done = import_logs(None, Target(tmp_path / "out", "shop"), tables)
    about = done.dataset.description
    assert about.counts == {"interactions": 0, "users": 1, "items": 2}
    assert (about.has_clock, about.source, about.rejected) == (True, "items.csv", 1)
    assert done.dataset.tables().interactions.schema["time"] == pl.Int64


def test_items_alone_of_which_none_is_left(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("sku,name\n,Apple\n")
    table = ItemTable(tmp_path / "items.csv", "sku")
    with pytest.raises(DataError, match=r"items\.csv, line 2: empty item id"):
        import_logs(None, Target(tmp_path / "out", "shop"), (None, table))
    with pytest.raises(DataError, match="neither interactions nor items"):
        import_logs(None, Target(tmp_path / "out", "shop"))
    assert not (tmp_path / "out").exists()


def test_what_events_happened_in_is_kept(tmp_path: Path) -> None:
    columns = LogColumns("user", "item", time="time", context=("device",))
    text = "user,item,time,device,other\n1,a,10, tv ,x\n1,b,20,,y\n"
    rows = imported(tmp_path, text, columns).dataset.tables().interactions
    assert rows.columns[6:] == ["device"]
    assert rows["device"].to_list() == ["tv", ""]
    with pytest.raises(DataError, match="'time' cannot be the name of a circumstance"):
        LogColumns("user", "item", context=("time",))
