"""What an evaluation says, as tables: for people and for programs."""

from dataclasses import asdict, dataclass
from typing import Any

from models.evaluation.bootstrap import Interval

Cell = str | int | float | Interval | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table; None is an empty cell."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation for reading.

    Attributes:
        facts: what was evaluated, and how.
        tables: the titles of a sampled ranking say that it is one.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain objects; an interval is {mean, low, high}."""
        return asdict(self)


def text(cell: Cell, short: bool = False) -> str:
    """A cell as people read it: four decimals, the interval, or half of its width, behind."""
    if cell is None:
        return ""
    if isinstance(cell, Interval):
        if short:
            return f"{cell.mean:.4f} ±{cell.half:.3f}"
        return f"{cell.mean:.4f} [{cell.low:.4f}, {cell.high:.4f}]"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def markdown(report: Report) -> str:
    """The report as a Markdown page."""
    lines = [f"# {report.title}", ""]
    lines += [f"- {name}: {value}" for name, value in report.facts]
    for table in report.tables:
        lines += ["", f"## {table.title}", ""]
        lines.append(_line(table.columns))
        lines.append(_line(["---", *(["---:"] * (len(table.columns) - 1))]))
        lines += [_line([text(cell) for cell in row]) for row in table.rows]
        lines += ["", table.note] if table.note else []
    return "\n".join(lines) + "\n"


def _line(cells: "tuple[str, ...] | list[str]") -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
