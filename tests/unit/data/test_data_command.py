"""`recstack data` as people use it, on made-up data of the layout of the real ones."""

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.data import download
from models.data.dataset import Dataset
from recstack.cli.data import app

ITEMS = [
    "1\tToy Story\t1995\tAnimation Comedy",
    "2\tunkonwn\tunkonwn\tunknown",
    "3\tThe Third (1994)\tV\tDrama",
    *(f"{i}\tFilm {i}\t1990\tDrama" for i in range(4, 1683)),
]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def failed(*arguments: str | Path) -> str:
    """Runs what must fail: one line on stderr, exit code 2, no stack trace."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel as recbole's: 100,000 ratings, 943 users, 1,682 films, all made up."""
    pairs = ((n % 943 + 1, n % 1682 + 1, n) for n in range(100_000))
    ratings = (f"{user}\t{item}\t{n % 5 + 1}\t{880_000_000 + n // 3}" for user, item, n in pairs)
    users = (f"{user}\t{user % 50 + 10}\tF\twriter\t0{user}" for user in range(1, 944))
    tables = {
        "inter": ("user_id:token\titem_id:token\trating:float\ttimestamp:float", ratings),
        "user": ("user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token", users),
        "item": (
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
            ITEMS,
        ),
    }
    path = tmp_path / "recbole-1.2.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for kind, (header, rows) in tables.items():
            name = f"recbole/dataset_example/ml-100k/ml-100k.{kind}"
            archive.writestr(name, "\n".join([header, *rows]) + "\n")
    return path


def test_get_from_a_wheel(wheel: Path, tmp_path: Path) -> None:
    result = run("get", "ml-100k", "--to", tmp_path / "data", "--wheel", wheel)
    assert result.exit_code == 0, result.output
    assert "100,000 interactions, 943 users, 1,682 items" in result.stdout
    assert "GroupLens" in result.stderr
    dataset = Dataset.open(tmp_path / "data" / "ml-100k")
    tables = dataset.tables()
    assert dataset.description.has_clock
    assert tables.users.columns == ["user_id", "age", "gender", "occupation"]
    films = {row[0]: row[1:] for row in tables.items.rows()}
    assert films["1"] == ("Toy Story (1995)", ["Animation", "Comedy"], "1995")
    assert films["2"] == ("unknown", [], "")
    assert films["3"] == ("The Third (1994)", ["Drama"], "1994")


def test_get_keeps_what_is_there(wheel: Path, tmp_path: Path) -> None:
    first = run("get", "ml-100k", "--to", tmp_path, "--wheel", wheel)
    made = (tmp_path / "ml-100k" / "dataset.json").stat().st_mtime_ns
    wheel.unlink()
    second = run("get", "ml-100k", "--to", tmp_path, "--wheel", wheel)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "already there" in second.stdout
    assert "GroupLens" in second.stderr
    assert (tmp_path / "ml-100k" / "dataset.json").stat().st_mtime_ns == made
    assert "does not exist" in failed(
        "get", "ml-100k", "--to", tmp_path, "--wheel", wheel, "--force"
    )


def test_get_refuses_another_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    wheel.write_text("not a zip")
    assert "is not a recbole wheel" in failed("get", "ml-100k", "--to", tmp_path, "--wheel", wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/file", "")
    assert "is not a recbole wheel" in failed("get", "ml-100k", "--to", tmp_path, "--wheel", wheel)
    base = "recbole/dataset_example/ml-100k/ml-100k"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            f"{base}.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t1\t5\t9\n",
        )
        archive.writestr(
            f"{base}.user", "user_id:token\tage:token\tgender:token\toccupation:token\n1\t9\tF\tx\n"
        )
        archive.writestr(
            f"{base}.item",
            f"item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n{ITEMS[0]}",
        )
    assert "but MovieLens-100K is" in failed("get", "ml-100k", "--to", tmp_path, "--wheel", wheel)
    assert [path.name for path in tmp_path.iterdir()] == ["x.whl"]


def test_get_of_another_name(tmp_path: Path) -> None:
    assert "there is: ml-100k" in failed("get", "ml-9", "--to", tmp_path)


def test_get_without_network_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    said = failed("get", "ml-100k", "--to", tmp_path)
    assert "cannot download recbole==1.2.1" in said
    assert "pip download --no-deps recbole==1.2.1" in said
    assert f"--wheel {download.WHEEL}" in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("who,what,did,at\n7,a,view,1704164645123\n7,b,buy,1704164645124\n8,,view,x\n")
    return path


def test_import_says_what_it_did(log: Path, tmp_path: Path) -> None:
    (tmp_path / "shop-items.csv").write_text("sku,name\na,Apple\n")
    result = run(
        *("import", "--interactions", log, "--user", "who", "--item", "what", "--event", "did"),
        *("--time", "at", "--event-map", "view=click, buy=purchase", "--name", "shop"),
        *("--items", tmp_path / "shop-items.csv", "--item-id", "sku", "--title", "name"),
        *("--to", tmp_path),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'shop'}: 2 interactions, 1 users, 2 items\n"
    assert "at is in milliseconds" in result.stderr
    assert "rejected rows: 1" in result.stderr
    assert "log.csv, line 4: empty item id" in result.stderr
    assert str(tmp_path / "shop" / "rejected.tsv") in result.stderr
    tables = Dataset.open(tmp_path / "shop").tables()
    assert tables.interactions["event"].to_list() == [2, 4]
    assert tables.items["title"].to_list() == ["Apple", "b"]


def test_import_of_items_alone(tmp_path: Path) -> None:
    (tmp_path / "items.tsv").write_text("sku\tname\tgroups\na\tApple\tfruit|red\n")
    result = run(
        *("import", "--items", tmp_path / "items.tsv", "--item-id", "sku", "--title", "name"),
        *("--categories", "groups", "--name", "shop", "--to", tmp_path),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'shop'}: 0 interactions, 0 users, 1 items\n"
    tables = Dataset.open(tmp_path / "shop").tables()
    assert tables.items.rows() == [("a", "Apple", ["fruit", "red"])]


def test_only_the_first_ten_rejected_rows_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "log.tsv"
    path.write_text("user\titem\n" + "1\t\n" * 15 + "1\ta\n")
    result = run(
        *("import", "--interactions", path, "--user", "user", "--item", "item"),
        *("--name", "shop", "--to", tmp_path),
    )
    assert result.exit_code == 0, result.output
    assert result.stderr.count("empty item id") == 10
    assert (tmp_path / "shop" / "rejected.tsv").read_text().count("empty item id") == 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --name, and --interactions with --user and --item"),
        (["--interactions", "log.csv", "--user", "who", "--name", "shop"], "give --name, and"),
        (["--interactions", "log.csv", "--user", "who", "--item", "what"], "give --name, and"),
        (["--items", "log.csv", "--item-id", "what"], "give --name, and"),
        (["--items", "log.csv", "--name", "shop"], "--items needs --item-id"),
        (["--items", "log.csv", "--item", "what", "--name", "x", "--time", "at"], "--time"),
        (
            ["--items", "log.csv", "--item", "what", "--name", "x", "--users", "log.csv"],
            "--user-id",
        ),
        (["FULL", "--time", "when"], "no column 'when'; its columns are: who, what, did, at"),
        (["FULL", "--event", "did", "--rating", "at"], "not both"),
        (["FULL", "--event", "did", "--event-map", "view"], "'view' is not NAME=EVENT"),
        (["FULL", "--event", "did", "--event-map", "view=look"], "one of impression, click"),
        (["FULL", "--event-map", "view=click"], "needs an event column"),
        (["FULL", "--user-id", "id"], "--user-id is of the table that --users gives"),
        (["FULL", "--title", "name"], "are of what --items gives"),
        (["FULL", "--items", "none.csv"], "does not exist"),
        (["FULL", "--movielens-1m", "."], "--movielens-1m takes no --interactions"),
        (["FULL", "--name", "../x"], "is not a name"),
    ],
)
def test_import_failures(
    log: Path, tmp_path: Path, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if options[:1] == ["FULL"]:
        full = ["--interactions", "log.csv", "--user", "who", "--item", "what", "--name", "shop"]
        options = full + options[1:]
    assert message in failed("import", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def movielens(folder: Path) -> Path:
    """A made-up folder of MovieLens-1M's layout."""
    text = "user\tmovie\tbucket\tpos\n1\t10\t4-5\t1\n1\t20\t3\t0\n2\t10\t1-2\t0\n2\t30\t3\t-1\n"
    (folder / "interactions.tsv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    (folder / "users.dat").write_text("1::F::25::10::00001\n2::M::1::4::00002\n")
    (folder / "movies.dat").write_text("10::Été, L' (1990)::Drama|War\n40::Old (II)::Comedy\n")
    return folder


def test_import_of_movielens_1m(tmp_path: Path) -> None:
    result = run("import", "--movielens-1m", movielens(tmp_path), "--to", tmp_path)
    assert result.exit_code == 0, result.output
    assert "GroupLens" in result.stderr
    assert "line 5: order is not a whole number" in result.stderr
    dataset = Dataset.open(tmp_path / "ml-1m")
    tables = dataset.tables()
    assert not dataset.description.has_clock
    assert tables.interactions.rows() == [
        ("1", "20", 2, 3.0, 0, 0),
        ("1", "10", 3, 4.5, 1, 1),
        ("2", "10", 2, 1.5, 0, 0),
    ]
    assert tables.users.columns == ["user_id", "gender", "age", "occupation"]
    assert tables.users.rows() == [("1", "F", "25", "10"), ("2", "M", "1", "4")]
    assert tables.items.columns == ["item_id", "title", "categories", "year"]
    assert tables.items.rows() == [
        ("10", "Été, L' (1990)", ["Drama", "War"], "1990"),
        ("20", "20", [], ""),
        ("40", "Old (II)", ["Comedy"], ""),
    ]


def test_import_of_an_incomplete_movielens_1m(tmp_path: Path) -> None:
    movielens(tmp_path)
    (tmp_path / "users.dat").unlink()
    assert "users.dat does not exist" in failed("import", "--movielens-1m", tmp_path)
    assert "is not a folder" in failed("import", "--movielens-1m", tmp_path / "none")


@pytest.mark.parametrize("command", [[], ["get"], ["import"]])
def test_help(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_commands_load_polars_only_when_used() -> None:
    code = "import sys, recstack.cli.data; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
