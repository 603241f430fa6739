"""Reading tables of strings: CSV, TSV (both also gzipped) and Parquet, with line numbers."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

import polars as pl

from models.data import DataError

Watch: TypeAlias = Callable[[BinaryIO, Path], BinaryIO]
"""Wraps a file that is about to be read, so that a progress display can follow it."""

Row: TypeAlias = tuple[int, list[str], str | None]
"""The line it begins on, its fields, and why it cannot be used."""

LINE, PROBLEM = "#line", "#problem"
SEPARATORS = {".csv": ",", ".tsv": "\t"}
BATCH_ROWS = 5_000  # few Python objects alive at once: the garbage collector walks them all
BUFFER_BYTES = 1 << 20


def unwatched(file: BinaryIO, path: Path) -> BinaryIO:
    """The watch that shows nothing."""
    return file


def read_table(
    path: Path,
    columns: Sequence[str],
    *,
    rest: bool = False,
    separator: str = "",
    watch: Watch = unwatched,
) -> pl.DataFrame:
    """Columns of a table, by name, with the values as they are written.

    Args:
        columns: those to read; with `rest` all others too.
        separator: of the fields of a text file; by default the one its suffix stands for.

    Returns:
        str columns, and before them LINE (u64, from 1; in Parquet the row) and PROBLEM (str, why
        the row cannot be used, null when it can).

    Raises:
        DataError: for a file that is missing, empty, damaged, not UTF-8, of an unknown type or
            without one of the columns.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and suffixes[:-1] else path.suffix.lower()
    separator = separator or SEPARATORS.get(kind, "")
    if not separator and path.suffix.lower() != ".parquet":
        raise DataError(f"{path}: unknown file type; give .csv, .tsv (also .gz) or .parquet")
    _check_file(path)
    if not separator:
        return _read_parquet(path, columns, rest)
    rows = _text_rows(path, separator, watch)
    line, header, problem = next(rows, (1, [], "there is no header"))
    if problem:
        raise DataError(f"{path}, line {line}: {problem}")
    wanted = _checked(path, header, columns, rest)
    frames = []
    while batch := list(islice(rows, BATCH_ROWS)):
        frames.append(_frame(batch, header, wanted))
    if not frames:
        raise DataError(f"{path} has a header but no rows")
    return pl.concat(frames, rechunk=True)


def read_headless(path: Path, header: Sequence[str], separator: str) -> pl.DataFrame:
    """As `read_table`, all columns of a text file without a header line."""
    _check_file(path)
    return _frame(list(_text_rows(path, separator, unwatched)), header, header)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty")


def _text_rows(path: Path, separator: str, watch: Watch) -> Iterator[Row]:
    """Every row that is not blank; DataError as in `read_table`."""
    try:
        with path.open("rb", buffering=0) as file:
            lines = _lines(_unpacked(watch(file, path), path), path)
            if len(separator) == 1:
                yield from _parsed(lines, separator)
                return
            for number, line in enumerate(lines, 1):  # "::" is not for the csv module
                if text := line.rstrip("\r\n"):
                    yield number, text.split(separator), None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a whole gzip file: {error}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None


def _unpacked(file: BinaryIO, path: Path) -> Iterable[bytes]:
    """The lines, in large reads: the watch is a Python call for each."""
    buffered = io.BufferedReader(cast(io.RawIOBase, file), BUFFER_BYTES)
    if path.suffix.lower() != ".gz":
        return buffered
    return io.BufferedReader(gzip.GzipFile(fileobj=buffered), BUFFER_BYTES)


def _parsed(lines: Iterator[str], separator: str) -> Iterator[Row]:
    if separator == "\t":  # has no quoting: a quote there is part of a title
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            yield begin, [], f"{error} (up to line {reader.line_num})"
        else:
            if row:
                yield begin, row, None


def _lines(file: Iterable[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            wrong = error.object[error.start]
            raise DataError(
                f"{path}, line {number}: not UTF-8 (byte 0x{wrong:02x}); convert it to UTF-8 first"
            ) from None


def _checked(path: Path, names: Sequence[str], columns: Sequence[str], rest: bool) -> list[str]:
    """The columns to read, all of them among `names`."""
    there = ", ".join(names)
    if len({*names, LINE, PROBLEM}) < len(names) + 2:
        raise DataError(f"{path} has two columns of one name, or a reserved one: {there}")
    for name in columns:
        if name not in names:
            raise DataError(f"{path} has no column {name!r}; its columns are: {there}")
    return list(dict.fromkeys([*columns, *(names if rest else ())]))


def _frame(batch: list[Row], names: Sequence[str], wanted: Sequence[str]) -> pl.DataFrame:
    width = len(names)
    problems = [
        problem
        or (None if len(row) == width else f"{len(row)} fields where there should be {width}")
        for _, row, problem in batch
    ]
    rows = [row if len(row) >= width else row + [""] * (width - len(row)) for _, row, _ in batch]
    places = {name: names.index(name) for name in wanted}
    return pl.DataFrame(
        [
            pl.Series(LINE, [line for line, _, _ in batch], pl.UInt64),
            pl.Series(PROBLEM, problems, pl.String),
            *(pl.Series(n, [row[i] for row in rows], pl.String) for n, i in places.items()),
        ]
    )


def _read_parquet(path: Path, columns: Sequence[str], rest: bool) -> pl.DataFrame:
    try:
        scan = pl.scan_parquet(path, glob=False)  # a path is not a pattern
        wanted = _checked(path, scan.collect_schema().names(), columns, rest)
        frame = scan.select(wanted).collect()
        frame = frame.select(_as_string(frame[name]) for name in frame.columns)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read as Parquet: {reason}") from None
    if frame.is_empty():
        raise DataError(f"{path} has no rows")
    problem = pl.lit(None, pl.String).alias(PROBLEM)
    line = pl.int_range(1, pl.len() + 1, dtype=pl.UInt64).alias(LINE)
    return frame.select(line, problem, pl.all().fill_null(""))


def _as_string(column: pl.Series) -> pl.Series:
    """The values as a text file would have them: times as unix seconds, lists joined by '|'."""
    kind = column.dtype
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return column.dt.epoch("s").cast(pl.String)
    if isinstance(kind, pl.List):
        return column.list.eval(pl.element().cast(pl.String)).list.join("|")
    if kind.is_float() and column.drop_nulls().is_finite().all():
        whole = column.cast(pl.Int64, strict=False)
        if (whole == column).all() and whole.null_count() == column.null_count():
            return whole.cast(pl.String)  # integers that were once next to a missing value
    return column.cast(pl.String)
