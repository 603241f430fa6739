"""Every number a field or enum value ever had, kept in protos/numbers.lock.

`python -m tests.contract.numbers --update` adds what is new; it refuses to give a number, or a
name, a second meaning. A removed field stays in the lock, and its number stays reserved.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto

from tests.contract.descriptors import PROTOS, Files, compiled, enums, messages

LOCK = PROTOS / "numbers.lock"
UPDATE = "python -m tests.contract.numbers --update"
Numbers = dict[tuple[str, int], str]  # (message or enum, number) → name


def numbers(files: Files) -> Numbers:
    """The numbers in use."""
    used = {
        (parent, field.number): field.name
        for parent, message in _parents(files)
        if isinstance(message, DescriptorProto)
        for field in message.field
    }
    return used | {
        (parent, value.number): value.name
        for parent, enum in _parents(files)
        if isinstance(enum, EnumDescriptorProto)
        for value in enum.value
    }


def reserved(files: Files) -> list[tuple[str, range]]:
    """The numbers that protoc keeps from being used, by message or enum."""
    return [
        # The end of a message's range is exclusive, of an enum's inclusive.
        (parent, range(span.start, span.end + isinstance(declared, EnumDescriptorProto)))
        for parent, declared in _parents(files)
        for span in declared.reserved_range
    ]


def _parents(files: Files) -> Iterator[tuple[str, DescriptorProto | EnumDescriptorProto]]:
    for file in files:
        for element, message in messages(file):
            yield element.name, message
        for element, enum in enums(file):
            yield element.name, enum


def conflicts(files: Files, lock: Numbers) -> list[str]:
    """Numbers and names that changed their meaning, and removed ones that are not reserved."""
    used, kept = numbers(files), reserved(files)
    number_of = {(parent, name): number for (parent, number), name in lock.items()}
    parents = {parent for parent, _ in _parents(files)}
    problems = []
    for (parent, number), name in used.items():
        if (was := lock.get((parent, number), name)) != name:
            problems.append(f"{parent}: number {number} is {name} and was {was}; take a new number")
        if (before := number_of.get((parent, name), number)) != number:
            problems.append(f"{parent}: {name} is {number} and was {before}; take a new name")
    for (parent, number), name in lock.items():
        is_kept = any(owner == parent and number in span for owner, span in kept)
        if parent in parents and (parent, number) not in used and not is_kept:
            problems.append(f"{parent}: {name} = {number} was removed; write `reserved {number};`")
    return problems


def missing(files: Files, lock: Numbers) -> list[str]:
    """Numbers in use that the lock does not have."""
    new = numbers(files).keys() - lock.keys()
    return [
        f"{parent}: {number} is not in the lock; run {UPDATE}" for parent, number in sorted(new)
    ]


def read_lock(path: Path = LOCK) -> Numbers:
    """The lock; empty when there is none. A line is `<message or enum> <number> <name>`."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {(parent, int(number)): name for parent, number, name in rows}


def write_lock(lock: Numbers, path: Path = LOCK) -> None:
    """Writes the lock, sorted."""
    rows = [f"{parent} {number} {name}\n" for (parent, number), name in sorted(lock.items())]
    path.write_text(f"# Every number ever given. Add with: {UPDATE}\n" + "".join(rows))


def update(protos: Path = PROTOS, path: Path = LOCK) -> list[str]:
    """Adds new numbers to the lock; when there are conflicts, returns them and writes nothing."""
    files, lock = compiled(protos), read_lock(path)
    problems = conflicts(files, lock)
    if not problems:
        write_lock(lock | numbers(files), path)
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Keeps protos/numbers.lock.")
    parser.add_argument("--update", action="store_true", help="add new numbers to the lock")
    files, lock = compiled(), read_lock()
    problems = (
        update() if parser.parse_args().update else conflicts(files, lock) + missing(files, lock)
    )
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
