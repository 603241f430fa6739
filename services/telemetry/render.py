"""The table as a page: `python -m services.telemetry.render > docs/metrics.md`."""

from collections.abc import Iterator, Sequence

from services.telemetry.metric import Kind, Metric
from services.telemetry.table import TABLE

HEAD = """# Metrics
Rendered from `services/telemetry/table.py`, where metrics are declared and nowhere else:
`python -m services.telemetry.render > docs/metrics.md`. What to do about them is in
[operations.md](operations.md).

Every service shows them in the format of Prometheus at `/metrics`, on its gRPC port + 1000; the
gateway also on its HTTP port. Units are base units (seconds, bytes), counters end in `_total`, and
histograms have fixed log-spaced buckets, so that those of several processes add up. In the
standalone placement each worker shows what every service would."""

COLUMNS = "| name | type | labels | counts or measures | meaning |\n|---|---|---|---|---|"


def page() -> str:
    """The whole page, Markdown."""
    return "\n\n".join([HEAD, *map(_section, TABLE), _buckets()]) + "\n"


def _section(who: str) -> str:
    rows = "\n".join(map(_row, TABLE[who]))
    return f"## {who[0].upper()}{who[1:]}\n{COLUMNS}\n{rows}"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    cells = (f"`{metric.name}`", metric.kind.value, labels, metric.unit, metric.meaning)
    return f"| {' | '.join(cells)} |"


def _buckets() -> str:
    return "\n".join(
        ["## Buckets", "The upper bounds of histograms; the last is infinite.", *_bounds()]
    )


def _bounds() -> Iterator[str]:
    """One line for each series of bounds, with the histograms that have it."""
    of: dict[Sequence[float], list[str]] = {}
    for metrics in TABLE.values():
        for metric in metrics:
            if metric.kind is Kind.HISTOGRAM:
                of.setdefault(metric.buckets, []).append(f"`{metric.name}`")
    for bounds, names in of.items():
        yield f"- {', '.join(names)}: {', '.join(f'{bound:g}' for bound in bounds)}"


if __name__ == "__main__":
    print(page(), end="")
