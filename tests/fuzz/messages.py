"""Requests made from descriptors: sensible, extreme and unreadable ones."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

NOT_UTF8 = b"~~~~", b"\xff\xfe\xc3\x28"
"""Text that stands for bytes of the same length that are no text."""

_FLOATS = [0.0, -0.0, 1.0, -1.0, 1e-45, 3.4e38, -3.4e38, float("inf"), float("-inf"), float("nan")]
_TEXTS = ["", "a", "\0", "é", "💥", "session:a", "a b/c?d", "a" * 65, "a" * 257, "a" * 8193]
_TEXTS += [NOT_UTF8[0].decode()]
_COLUMNS = [
    b"",
    b"\0",
    b"\0" * 8,
    b"\xff" * 8,
    b"\xff" * 800,
    b"\0" * 24_000,
    struct.pack("<20i", *range(20)),
    struct.pack("<20i", *range(-20, 0)),
    struct.pack("<20i", *[2**31 - 1] * 20),
    struct.pack("<20f", *[float("nan")] * 20),
    struct.pack("<20f", *[float("inf")] * 20),
    struct.pack("<20f", *[3e38] * 20),
    struct.pack("<20Q", *range(2**64 - 20, 2**64)),
]
_LIST_BYTES = 2**20
_COUNTS = [0, 1, 1, 1, 2, 2, 3, 33, 257, 1001]
_UNKNOWN = [
    b"\xf8\x7f\xff\xff\xff\xff\x0f",  # a number in field 2047
    b"\xfa\x7f\x05hello",  # bytes in field 2047
    b"\x0a\x05hello" * 3,  # bytes in field 1, three times
    b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a number in field 1
    b"\x0b\x0c",  # an empty group in field 1
]
_ENUMS = [0, 1, 2, 9, 99, -1, 2**31 - 1, -(2**31)]

_KINDS = {FieldDescriptor.TYPE_STRING: str, FieldDescriptor.TYPE_BYTES: bytes}
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


@dataclass(frozen=True)
class Requests:
    """Strategies of serialized requests.

    Attributes:
        known: values by field name that get further than any that are made up.
        samples: requests that are good, by full name of their message.
    """

    known: Mapping[str, Sequence[Any]] = field(default_factory=dict, repr=False)
    samples: Mapping[str, Sequence[Message]] = field(default_factory=dict, repr=False)

    def of(self, descriptor: Descriptor) -> SearchStrategy[bytes]:
        """Requests for a method that takes this message."""
        messages = self._message(descriptor, depth=5)
        if samples := self.samples.get(descriptor.full_name):
            messages |= _one_of(samples).flatmap(self._mutated)
        noise, part = st.sampled_from(_NOISE), st.floats(0, 1)
        return st.builds(_wire, messages, noise, part, st.binary(max_size=64))

    def _message(self, descriptor: Descriptor, depth: int) -> SearchStrategy[Message]:
        fields = [f for f in descriptor.fields if depth or f.message_type is None]
        values = {f.name: st.none() | self._field(f, depth) for f in fields}
        return st.fixed_dictionaries(values).map(lambda given: _filled(descriptor, given))

    def _field(self, of: FieldDescriptor, depth: int) -> SearchStrategy[Any]:
        """A value as `_set` takes it."""
        if of.message_type is not None and of.message_type.GetOptions().map_entry:
            key, value = (of.message_type.fields_by_name[name] for name in ("key", "value"))
            values = self._made_up(value, depth)
            few = st.dictionaries(self._made_up(key, depth), values, max_size=3)
            many = values.map(lambda value: {f"name {n}": value for n in range(65)})
            return few | few | few | many
        single = self._single(of, depth)
        if not of.is_repeated:
            return single
        several = st.builds(_several, single, st.sampled_from(_COUNTS))
        return st.lists(single, max_size=3) | several

    def _single(self, of: FieldDescriptor, depth: int) -> SearchStrategy[Any]:
        made_up = self._made_up(of, depth)
        kind = _KINDS.get(of.type, int)
        known = [value for value in self.known.get(of.name, ()) if isinstance(value, kind)]
        return _one_of(known) | made_up if known and of.message_type is None else made_up

    def _made_up(self, of: FieldDescriptor, depth: int) -> SearchStrategy[Any]:
        if of.message_type is not None:
            return self._message(of.message_type, depth - 1)
        if of.cpp_type in _INTEGERS:
            low, high = _INTEGERS[of.cpp_type]
            return st.sampled_from([0, 1, 20, 101, low, high]) | st.integers(low, high)
        if of.type == FieldDescriptor.TYPE_BYTES:
            return _one_of(_COLUMNS) | st.binary(max_size=64)
        if of.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return _one_of(_TEXTS) | _TEXT
        if of.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return st.sampled_from(_ENUMS)
        if of.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        return st.sampled_from(_FLOATS)

    def _mutated(self, sample: Message) -> SearchStrategy[Message]:
        """The sample with one to three fields, at any depth, given other values."""
        places = list(_places(sample))
        changes = [
            self._field(of, depth=2).map(lambda value, path=path, of=of: (path, of, value))
            for path, of in places
        ]
        several = st.lists(st.one_of(changes), min_size=1, max_size=3)
        return several.map(lambda changes: _changed(sample, changes))


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_NOISE = ["", "", "", "", "", "unknown", "cut", "noise"]
Path = tuple[tuple[str, int | None], ...]


def _several(one: Any, times: int) -> list[Any]:
    """So many of it, as far as they fit: lists in lists grow beyond any memory."""
    size = one.ByteSize() if isinstance(one, Message) else len(one) if isinstance(one, str) else 8
    return [one] * min(times, max(_LIST_BYTES // (size + 1), 1))


def _one_of(values: Sequence[Any]) -> SearchStrategy[Any]:
    """One of the values; Hypothesis would print all of them to say what this is."""
    return st.integers(0, len(values) - 1).map(lambda index: values[index])


def _places(message: Message, path: Path = ()) -> list[tuple[Path, FieldDescriptor]]:
    """Every field of the message, and of those in it."""
    found = [(path, of) for of in message.DESCRIPTOR.fields]
    for of, value in message.ListFields():
        if of.message_type is None or of.message_type.GetOptions().map_entry:
            continue
        if of.is_repeated:
            found += _places(value[0], (*path, (of.name, 0)))
        else:
            found += _places(value, (*path, (of.name, None)))
    return found


def _changed(sample: Message, changes: Sequence[tuple[Path, FieldDescriptor, Any]]) -> Message:
    copy = type(sample)()
    copy.CopyFrom(sample)
    for path, of, value in changes:
        message = _at(copy, path)
        if message is not None:
            message.ClearField(of.name)
            _set(message, of.name, value)
    return copy


def _at(message: Any, path: Path) -> Message | None:
    """The message at the place, unless an earlier change took it away."""
    for name, index in path:
        message = getattr(message, name)
        if index is not None:
            if not message:
                return None
            message = message[index]
    found: Message = message
    return found


def _filled(descriptor: Descriptor, given: Mapping[str, Any]) -> Message:
    message: Message = GetMessageClass(descriptor)()
    for name, value in given.items():
        if value is not None:
            _set(message, name, value)
    return message


def _set(message: Message, name: str, value: Any) -> None:
    if isinstance(value, list):
        getattr(message, name).extend(value)
    elif isinstance(value, dict):
        getattr(message, name).update(value)
    elif isinstance(value, Message):
        getattr(message, name).CopyFrom(value)
    else:
        setattr(message, name, value)


def _wire(message: Message, kind: str, part: float, noise: bytes) -> bytes:
    data = message.SerializeToString().replace(*NOT_UTF8)
    match kind:
        case "unknown":
            return data + _UNKNOWN[int(part * (len(_UNKNOWN) - 1))]
        case "cut":
            return data[: int(len(data) * part)]
        case "noise":
            return noise
    return data
