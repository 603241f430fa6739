"""The protos as descriptors with their comments, and what is asked of them."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

PROTOS = Path(__file__).parents[2] / "protos"
Files = list[FileDescriptorProto]


@dataclass(frozen=True, slots=True)
class Element:
    """Something a proto declares: `path` finds its comment, `number` is set for what has one."""

    name: str
    path: tuple[int, ...]
    number: int | None = None


def compiled(folder: Path = PROTOS) -> Files:
    """Descriptors of all protos under the folder, with source information."""
    protos = sorted(folder.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "set"
        arguments = ["protoc", f"-I{folder}", f"--descriptor_set_out={out}"]
        if protoc.main([*arguments, "--include_source_info", *map(str, protos)]) != 0:
            raise ValueError("protoc refused the protos; its message is above")
        return list(FileDescriptorSet.FromString(out.read_bytes()).file)


def messages(file: FileDescriptorProto) -> Iterator[tuple[Element, DescriptorProto]]:
    """Every message of a file, nested ones too; not the entries of maps."""

    def walk(
        parent: str, path: tuple[int, ...], found: list[DescriptorProto]
    ) -> Iterator[tuple[Element, DescriptorProto]]:
        for i, message in enumerate(found):
            if not message.options.map_entry:
                element = Element(f"{parent}.{message.name}", (*path, i))
                yield element, message
                yield from walk(element.name, (*element.path, 3), list(message.nested_type))

    yield from walk(file.package, (4,), list(file.message_type))


def enums(file: FileDescriptorProto) -> Iterator[tuple[Element, EnumDescriptorProto]]:
    """Every enum of a file, nested ones too."""
    for i, enum in enumerate(file.enum_type):
        yield Element(f"{file.package}.{enum.name}", (5, i)), enum
    for parent, message in messages(file):
        for i, enum in enumerate(message.enum_type):
            yield Element(f"{parent.name}.{enum.name}", (*parent.path, 4, i)), enum


def elements(file: FileDescriptorProto) -> Iterator[Element]:
    """Everything that needs a comment."""
    for element, message in messages(file):
        yield element
        for i, field in enumerate(message.field):
            yield Element(f"{element.name}.{field.name}", (*element.path, 2, i), field.number)
    for element, enum in enums(file):
        yield element
        for i, value in enumerate(enum.value):
            yield Element(f"{element.name}.{value.name}", (*element.path, 2, i), value.number)
    for i, service in enumerate(file.service):
        yield Element(f"{file.package}.{service.name}", (6, i))
        for j, method in enumerate(service.method):
            yield Element(f"{file.package}.{service.name}.{method.name}", (6, i, 2, j))


def without_comment(files: Files) -> list[str]:
    """What has neither a leading nor a trailing comment."""
    problems = []
    for file in files:
        commented = {
            tuple(place.path)
            for place in file.source_code_info.location
            if (place.leading_comments + place.trailing_comments).strip()
        }
        problems += [
            f"{element.name}: no comment"
            for element in elements(file)
            if element.path not in commented
        ]
    return problems


def shared_messages(files: Files) -> list[str]:
    """Messages that are the whole request or response of more than one rpc, or both of one."""
    uses = Counter(
        kind.removeprefix(".")
        for file in files
        for service in file.service
        for method in service.method
        for kind in (method.input_type, method.output_type)
    )
    return [
        f"{name}: request or response {count} times; each rpc has messages of its own"
        for name, count in uses.items()
        if count > 1
    ]


def wrong_zeros(files: Files) -> list[str]:
    """Enums whose 0 means something."""
    return [
        f"{element.name}: 0 is {enum.value[0].name}; it must be _UNSPECIFIED"
        for file in files
        for element, enum in enums(file)
        if not enum.value[0].name.endswith("_UNSPECIFIED")
    ]


def wrong_packages(files: Files) -> list[str]:
    """Files whose package is not their folder."""
    return [
        f"{file.name}: package {file.package} is not its folder"
        for file in files
        if file.package != ".".join(PurePosixPath(file.name).parent.parts)
    ]
