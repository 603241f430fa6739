"""Columns as bytes against packed repeated fields: `python -m tests.bench.columns`.

600 candidates with 3 channels, as prerank gets them: encode is numpy arrays to a serialized
message, decode is the serialized message to numpy arrays. Of packed repeated the fastest way we
know is measured on both sides. Medians of 2000 calls, and the bytes on the wire.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from recsys.common.v1 import common_pb2

from services.domain.candidates import Candidates
from services.domain_wire import candidates_from_proto, candidates_to_proto

CANDIDATES, CHANNELS, CALLS = 600, 3, 2000
Field = descriptor_pb2.FieldDescriptorProto


def packed_class() -> Any:
    """The message Candidates with repeated fields, packed as proto3 does, in place of bytes."""
    file = descriptor_pb2.FileDescriptorProto(name="packed.proto", package="bench", syntax="proto3")
    message = file.message_type.add(name="Packed")
    types = {"rows": Field.TYPE_INT32, "channels": Field.TYPE_UINT32, "scores": Field.TYPE_FLOAT}
    for number, (name, kind) in enumerate(types.items(), 1):
        message.field.add(name=name, number=number, type=kind, label=Field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("bench.Packed"))


def microseconds(call: Callable[[], object]) -> float:
    """Median time of a call after a warm-up."""
    times = []
    for _ in range(CALLS + 100):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    return median(times[100:]) / 1000


def main() -> None:
    random = np.random.default_rng(0)
    candidates = Candidates(
        random.integers(0, 4000, CANDIDATES).astype(np.int32),
        random.integers(1, 2**CHANNELS, CANDIDATES).astype(np.uint32),
        random.random((CANDIDATES, CHANNELS)).astype(np.float32),
    )
    packed = packed_class()

    def encode_packed() -> bytes:
        message = packed()
        message.rows.extend(candidates.rows.tolist())
        message.channels.extend(candidates.channels.tolist())
        message.scores.extend(candidates.recall_scores.ravel().tolist())
        return bytes(message.SerializeToString())

    def decode_packed(data: bytes) -> Candidates:
        message = packed.FromString(data)
        scores = np.array(message.scores, np.float32)
        return Candidates(
            np.array(message.rows, np.int32),
            np.array(message.channels, np.uint32),
            scores.reshape(len(message.rows), -1),
        )

    def encode_bytes() -> bytes:
        return bytes(candidates_to_proto(candidates).SerializeToString())

    def decode_bytes(data: bytes) -> Candidates:
        return candidates_from_proto(common_pb2.Candidates.FromString(data))

    for name, encode, decode in (
        ("bytes", encode_bytes, decode_bytes),
        ("packed repeated", encode_packed, decode_packed),
    ):
        data = encode()
        same = decode(data)
        assert np.array_equal(same.rows, candidates.rows)
        assert np.array_equal(same.recall_scores, candidates.recall_scores)
        took = microseconds(encode), microseconds(lambda d=data, f=decode: f(d))
        print(f"{name:16} encode {took[0]:6.1f} us, decode {took[1]:6.1f} us, {len(data):6d} bytes")


if __name__ == "__main__":
    main()
