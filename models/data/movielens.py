"""The MovieLens data sets (Harper and Konstan 2015, doi:10.1145/2827872)."""

import tempfile
import zipfile
from pathlib import Path

import polars as pl

from models.data import DataError, attributes, source
from models.data.attributes import ItemTable, UserTable
from models.data.dataset import Description
from models.data.importer import Imported, Parts, Target, store
from models.data.interactions import LogColumns, clean

LICENCE = (
    "MovieLens data of GroupLens, University of Minnesota: for research; not to be redistributed "
    "or used commercially without permission. Cite Harper and Konstan, The MovieLens Datasets: "
    "History and Context, ACM TiiS 5(4), 2015."
)
ML_100K_COUNTS = {"interactions": 100_000, "users": 943, "items": 1_682}

_IN_WHEEL = "recbole/dataset_example/ml-100k/ml-100k"
_BUCKETS = {"1-2": "1.5", "3": "3", "4-5": "4.5"}
_YEAR = r" ?\((\d{4})\)$"


def import_100k(wheel: Path, target: Target) -> Imported:
    """Imports the MovieLens-100K that the recbole wheel carries.

    The zip code of users is left out: it points to a person more than it tells of a taste.

    Raises:
        DataError: when the wheel is not one, or does not hold the whole data set.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            with zipfile.ZipFile(wheel) as archive:
                for kind in ("inter", "item", "user"):
                    content = archive.read(f"{_IN_WHEEL}.{kind}")
                    (folder / f"ml-100k.{kind}.tsv").write_bytes(content)
        except FileNotFoundError:
            raise DataError(f"{wheel} does not exist") from None
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise DataError(f"{wheel} is not a recbole wheel with ml-100k: {error}") from None
        parts = _parts_100k(folder)
    log = parts.log.rows
    users, items = log["user_id"].n_unique(), log["item_id"].n_unique()
    counts = {"interactions": log.height, "users": users, "items": items}
    if counts != ML_100K_COUNTS:
        raise DataError(f"{wheel} holds {counts}, but MovieLens-100K is {ML_100K_COUNTS}")
    return store(parts, Description(target.name, wheel.name, LICENCE, True), target)


def _parts_100k(folder: Path) -> Parts:
    """Reads RecBole's atomic files: TSV, each column named with its type."""
    columns = LogColumns(
        user="user_id:token", item="item_id:token", rating="rating:float", time="timestamp:float"
    )
    path = folder / "ml-100k.inter.tsv"
    log = clean(source.read_table(path, columns.names()), columns, path.name)

    table = UserTable(folder / "ml-100k.user.tsv", "user_id:token")
    names = ["user_id:token", "age:token", "gender:token", "occupation:token"]
    raw = source.read_table(table.path, names)
    people, bad_users = attributes.users(raw.rename(lambda name: _plain(name, table.id)), table)

    films = ItemTable(
        folder / "ml-100k.item.tsv",
        "item_id:token",
        "movie_title:token_seq",
        "class:token_seq",
        " ",
    )
    raw = source.read_table(films.path, [*films.names(), "release_year:token"])
    things, bad_items = attributes.items(_dated(raw), films)
    return Parts(log, people, things, (bad_users, bad_items))


def _plain(name: str, keep: str) -> str:
    return name if name == keep else name.removesuffix(":token")


def _dated(raw: pl.DataFrame) -> pl.DataFrame:
    """Titles with their year, as the original has them, and `year`.

    Item 267 is "unkonwn" in the wheel, a slip for the original's "unknown", which is also the
    genre of films that have none.
    """
    title, kinds = pl.col("movie_title:token_seq"), pl.col("class:token_seq")
    year = pl.col("release_year:token")
    dated = pl.when(year.str.contains(r"^\d{4}$")).then(pl.format("{} ({})", title, year))
    return raw.with_columns(
        dated.otherwise(title).str.replace("unkonwn", "unknown", literal=True),
        kinds.replace("unknown", ""),
    ).select(
        pl.exclude("release_year:token"),
        title.str.extract(_YEAR).fill_null("").alias("year"),
    )


def import_1m(folder: Path, target: Target, watch: source.Watch = source.unwatched) -> Imported:
    """Imports a folder of MovieLens-1M without timestamps.

    The folder has interactions.tsv.gz (user, movie, bucket of the rating, pos in the user's
    history), users.dat and movies.dat. A bucket's middle is the rating. A pos below 0 is no known
    position; such rows are rejected.

    Raises:
        DataError: says which file is missing or wrong; nothing is written then.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    path = folder / "interactions.tsv.gz"
    columns = LogColumns(user="user", item="movie", rating="bucket", order="pos")
    raw = source.read_table(path, columns.names(), watch=watch)
    log = clean(raw.with_columns(pl.col("bucket").replace(_BUCKETS)), columns, path.name)

    table = UserTable(folder / "users.dat", "user_id")
    header = ["user_id", "gender", "age", "occupation", "zip"]
    raw = source.read_headless(table.path, header, "::").drop("zip")
    people, bad_users = attributes.users(raw, table)

    films = ItemTable(folder / "movies.dat", "item_id", "title", "categories")
    raw = source.read_headless(films.path, films.names(), "::")
    year = pl.col("title").str.extract(_YEAR).fill_null("").alias("year")
    things, bad_items = attributes.items(raw.with_columns(year), films)
    about = Description(target.name, "MovieLens-1M without timestamps", LICENCE, False)
    return store(Parts(log, people, things, (bad_users, bad_items)), about, target)
