"""Interactions as papers publish them.

Two forms, told by the first line: with a tab it is `user TAB item [TAB rating [TAB time]]`, one
interaction a line, with or without a header; else it is `user item item ...`, as NGCF and LightGCN
publish. Ids are strings and stay as they are. Negatives may also begin with `(user,item)`, as NCF
publishes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.evaluation import EvaluationError

HEADERS = frozenset({"user", "user_id", "userid", "uid", "user_id:token", "org_id"})


@dataclass(frozen=True, slots=True)
class PlainFile:
    """The content of a file: users[i] had items[i]; users without items are in `empty`."""

    users: list[str]
    items: list[str]
    empty: list[str]

    def __len__(self) -> int:
        return len(self.users)


def read(path: Path) -> PlainFile:
    """Reads a file of interactions or negatives.

    Raises:
        EvaluationError: when it cannot be read, is empty, or a line is not in its form.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise EvaluationError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from None
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise EvaluationError(f"{path} is empty")
    rows = _pairs(path, lines) if "\t" in first and not _of_ncf(first) else _lists(path, lines)
    found = PlainFile([], [], [])
    for user, items in rows:
        if not items:
            found.empty.append(user)
        found.users.extend([user] * len(items))
        found.items.extend(items)
    if not len(found):
        raise EvaluationError(f"{path} has no interaction")
    return found


def _pairs(path: Path, lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """`user TAB item ...`, a header left out."""
    head = True
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if head and fields[0].lower() in HEADERS:
            head = False
            continue
        head = False
        if not 2 <= len(fields) <= 4 or not fields[0] or not fields[1]:
            raise EvaluationError(
                f"{path}, line {number}: expected user TAB item [TAB rating [TAB time]], "
                f"found {line[:60]!r}"
            )
        yield fields[0], fields[1:2]


def _lists(path: Path, lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """`user item item ...` or `(user,item) item item ...`."""
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        if _of_ncf(line):
            user, comma, item = fields[0].strip("()").partition(",")
            if not (comma and user and item):
                raise EvaluationError(f"{path}, line {number}: {fields[0]!r} is not (user,item)")
            yield user, fields[1:]
        elif "\t" in line:
            raise EvaluationError(
                f"{path}, line {number}: a tab among lines without: {line[:60]!r}"
            )
        else:
            yield fields[0], fields[1:]


def _of_ncf(line: str) -> bool:
    return line.lstrip().startswith("(")
