"""Run as a program: judges an endless-looking stream and prints what it took. See test_memory.py.

usage: stream_memory.py KIND MEGABYTES   ->   one JSON line: seconds, MiB by which the peak RSS grew, the verdict
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator

from tests.engine.records.support import Bench

RECORD = b'{"n": 12, "recipient": "Some Institute, Inc.", "notes": "x; \\"quoted\\" and more \\u00e9", "list": [1, 2]}'
MIB = 1 << 20


def pieces(kind: str, size: int) -> Iterator[bytes]:
    """Bytes of a file of about `size` bytes, in pieces of any length; the same piece again and again."""
    many = MIB // (len(RECORD) + 1)
    nested = b'{"n": 1, "in": [{"a": {"b": [1, 2]}}, {"a": 2}], "z": {"y": 1}}'
    body = {
        "array": (b"[" + RECORD, (b"," + RECORD) * many, b"]"),
        "nested-array": (b"[" + nested, (b",\n" + nested) * (MIB // 60), b"]"),
        "pointer": (b'{"meta": {"a": 1}, "list": [' + RECORD, (b"," + RECORD) * many, b'], "end": []}'),
        "jsonl": (b"", (RECORD + b"\n") * many, b""),
        "csv": (b"n,recipient,notes\n", b'12,"Some Institute, Inc.","two\nlines"\n' * (MIB // 40), b""),
        "failing-array": (b'[{"n": -1}', b',{"n": "x"}' * (MIB // 11), b"]"),
        "broken-array": (b'[{"n": 1}', b',{"n": 1,}' * (MIB // 10), b"]"),
        "broken.jsonl": (b"", b'{"n": 1,}\n{"n": NaN}\n' * (MIB // 20), b""),
        "ragged.csv": (b"n,b\n", b"1,2,3\n4,5\n" * (MIB // 10), b""),
        "one-string": (b'{"a": "', b"x" * MIB, b'"}'),
        "one-string-of-escapes": (b'{"a": "', b'\\"' * (MIB // 2), b'"}'),
        "one-list": (b'{"a": [0', b",1" * (MIB // 2), b"]}"),
        "one-object": (b'{"a": {"x": 0', b', "some key": {"b": "some text"}' * (MIB // 32), b"}}"),
        "brackets": (b"", b"[" * MIB, b""),
        "digits": (b"[1", b"1" * MIB, b"]"),
        "one-line.jsonl": (b'{"n": 1}\n{"a": "', b"x" * MIB, b'"}\n{"n": 1}\n'),
        "one-line.csv": (b"n,b\n1,2\n3,", b"x" * MIB, b"\n4,5\n"),
        "one-cell.csv": (b'n,b\n1,2\n3,"', (b"x" * 999 + b"\n") * (MIB // 1000), b'"\n4,5\n'),
        "commas.csv": (b"n,b\n1,2\n3", b"," * MIB, b"\n4,5\n"),
        "blanks": (b"", b"\n" * MIB, b""),
        "zeros": (b"", b"\0" * MIB, b""),
        "garbage": (b"[", bytes(range(1, 256)) * (MIB // 255), b""),
    }[kind]
    yield body[0]
    for _ in range(size // MIB):
        yield body[1]
    yield body[2]


class Stream:
    """`read(n)` over pieces; knows how much was asked for."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self._rest, self.total = source, b"", 0

    def read(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._source, None)
            if piece is None:
                return b""
            self._rest = piece
        part, self._rest = self._rest[:size], self._rest[size:]
        self.total += len(part)
        return part


def main() -> None:
    kind, megabytes = sys.argv[1], int(sys.argv[2])
    suffix = "." + kind.rpartition(".")[2] if "." in kind else {"jsonl": ".jsonl", "csv": ".csv"}.get(kind, ".json")
    bench = Bench(
        {"properties": {"n": {"type": "integer", "minimum": 0}}}, records="/list" if kind == "pointer" else ""
    )
    bench.bytes("[" + RECORD.decode() + "]")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream = Stream(pieces(kind, megabytes * MIB))
    begun = time.perf_counter()
    verdict = bench.judge.judge_stream(bench.rule, stream.read, suffix)
    seconds = time.perf_counter() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    expected = sum(map(len, pieces(kind, 0))) + megabytes * len(
        next(p for i, p in enumerate(pieces(kind, MIB)) if i == 1)
    )
    rules = sorted({error.rule for failing in verdict.failing for error in failing.errors})
    print(
        json.dumps(
            {
                "kind": kind,
                "seconds": round(seconds, 2),
                "grown_mib": round(grown, 1),
                "read_all": stream.total == expected and stream.read(1) == b"",
                "ok": verdict.ok,
                "records": verdict.records,
                "failed": verdict.failed_records,
                "rules": rules,
            }
        )
    )


main()
