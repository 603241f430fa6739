"""Releases as tables for people."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from models.schema.manifest import Manifest
from recstack.admin import Holder
from recstack.cli.output import new_table, print_table

if TYPE_CHECKING:
    from models.evaluation.likeness import Pair

PLAIN = ("created", "code_version", "data_name", "data_fingerprint", "schema_hash", "parent")
SHORT = 40  # characters of a value
MEGABYTE = 1e6
INTERVAL = ".ci95"  # half of the 95 % interval of the metric without it


def print_holders(address: str, start: str, holders: Sequence[Holder]) -> None:
    """A row a release, a column a holder; reasons and problems below."""
    table = new_table("release", "MB", *(one.holder for one in holders), title=address)
    records = {one.holder: {each.release: each for each in one.releases} for one in holders}
    for release in dict.fromkeys(name for held in records.values() for name in held):
        size = max(held[release].bytes for held in records.values() if release in held)
        states = [held[release].state if release in held else "-" for held in records.values()]
        by_hand = any(held[release].by_hand for held in records.values() if release in held)
        mark = " (start)" if release == start else " (by hand)" if by_hand else ""
        table.add_row(release + mark, f"{size / MEGABYTE:.1f}" if size else "", *states)
    print_table(table)
    for one in holders:
        where = f"{one.holder} {one.address}".strip()
        if one.problem:
            typer.secho(f"{where}: {one.problem}", fg="yellow", err=True)
        for each in one.releases:
            if each.reason:
                typer.secho(
                    f"{where}: refused {each.release}: {each.reason}", fg="yellow", err=True
                )


def print_manifest(manifest: Manifest) -> None:
    """What it is, offline metrics, files."""
    typer.echo(f"release {manifest.id}")
    for name in PLAIN:
        if value := getattr(manifest, name):
            typer.echo(f"  {name.replace('_', ' ')}: {value}")
    typer.echo(f"  channels: {', '.join(manifest.channels)}")
    typer.echo(f"  tasks: {', '.join(manifest.tasks)}")
    table = new_table("metric", "value", title=f"offline, {manifest.metrics_protocol}")
    for name in _measured(manifest.metrics):
        table.add_row(name, _value(manifest.metrics, name))
    print_table(table)
    files = new_table("file", "sha256")
    for name, digest in sorted(manifest.files.items()):
        files.add_row(name, digest[:12])
    print_table(files)


def print_difference(
    manifests: tuple[Manifest, Manifest], pairs: "Sequence[Pair]", examples: int
) -> None:
    """What differs in the manifests, offline metrics side by side, and how alike lists are."""
    first, second = manifests
    made = new_table("", first.id, second.id)
    for name in (*PLAIN, "channels", "tasks"):
        values = [_text(getattr(one, name)) for one in manifests]
        if values[0] != values[1]:
            made.add_row(name.replace("_", " "), *values)
    made.add_row("files that differ", "", _changed(first.files, second.files))
    print_table(made)
    table = new_table("metric", first.id, second.id, "change", title="offline")
    for name in _measured(first.metrics):
        if name in second.metrics:
            change = second.metrics[name] - first.metrics[name]
            both = (_value(one.metrics, name) for one in manifests)
            table.add_row(name, *both, f"{change:+.4f}")
    print_table(table)
    if first.metrics_protocol != second.metrics_protocol:
        typer.secho("they were measured differently: metrics do not compare", fg="yellow", err=True)
    _print_likeness(pairs, examples)


def _print_likeness(pairs: "Sequence[Pair]", examples: int) -> None:
    table = new_table("of the lists", "mean", "least", "most", title=f"{len(pairs)} users")
    for name, values in (
        ("overlap", [one.overlap for one in pairs]),
        ("rank correlation of common items", [one.correlation for one in pairs]),
        ("score drift of common items", [one.drift for one in pairs]),
    ):
        known = [value for value in values if not math.isnan(value)]
        if known:
            numbers = sum(known) / len(known), min(known), max(known)
            table.add_row(name, *(f"{number:.3f}" for number in numbers))
    print_table(table)
    for one in sorted(pairs, key=lambda pair: pair.overlap)[:examples]:
        typer.echo(f"overlap {one.overlap:.2f}, history {', '.join(one.history[:5])}")
        for items in one.lists:
            typer.echo(f"  {', '.join(items)}")


def _measured(metrics: Mapping[str, float]) -> list[str]:
    """Names of what was measured, without those of the intervals."""
    return sorted(name for name in metrics if not name.endswith(INTERVAL))


def _value(metrics: Mapping[str, float], name: str) -> str:
    half = metrics.get(name + INTERVAL)
    return f"{metrics[name]:.4f}" + ("" if half is None else f" ± {half:.4f}")


def _changed(first: Mapping[str, str], second: Mapping[str, str]) -> str:
    names = first.keys() | second.keys()
    return str(sum(first.get(name) != second.get(name) for name in names))


def _text(value: object) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= SHORT else f"{text[:SHORT]}..."
