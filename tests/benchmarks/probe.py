"""The bare probe: the same work with the same libraries and no product around it.

Two processes read each file once, hash it, parse it, check it against the schema with formats asserted, stage it
beside its destination; sidecars are copied. One syncfs before the renames of a batch and one after; the parent
writes one row a file into SQLite, one transaction a batch. No lock, plan, log, backup, mirror, report, progress.

usage: probe.py SOURCE DESTINATION LEDGER SCHEMA
"""

import csv
import ctypes
import gc
import hashlib
import io
import multiprocessing
import os
import re
import sqlite3
import sys
from typing import Any

import jsonschema_rs
import orjson

BATCH = 250  # files
NUMBER = re.compile(r"-?\d+(\.\d+)?")
libc = ctypes.CDLL(None, use_errno=True)
source = dest = ""
validator: Any = None
numbers: set[str] = set()


def records(name: str, data: bytes) -> Any:
    """The file's records as a list: JSON, JSON Lines or CSV (an empty cell is absent, plain decimals are numbers)."""
    if name.endswith(".csv"):
        rows = []
        for row in csv.DictReader(io.StringIO(data.decode(), newline="")):
            record: dict[str, Any] = {key: value for key, value in row.items() if value != ""}
            for key in numbers & record.keys():
                if NUMBER.fullmatch(record[key]):
                    record[key] = float(record[key])
            rows.append(record)
        return rows
    if name.endswith(".jsonl"):
        return [orjson.loads(line) for line in data.splitlines()]
    return orjson.loads(data)


def stage(folder: str, name: str, data: bytes) -> tuple[str, str]:
    """Write the part file; (part, final)."""
    final = f"{dest}/{folder}/{name}"
    part = f"{dest}/{folder}/.{name}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileNotFoundError:
        os.makedirs(f"{dest}/{folder}", exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.close(descriptor)
    return part, final


def read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    data = os.read(descriptor, size + 1)
    while len(data) < size:
        data += os.read(descriptor, size - len(data) + 1)
    os.close(descriptor)
    return data


def flush() -> None:
    descriptor = os.open(dest, os.O_RDONLY)
    if libc.syncfs(descriptor) != 0:
        raise OSError(ctypes.get_errno(), "syncfs")
    os.close(descriptor)


def work(batch: list[tuple[str, str]]) -> list[tuple[str, int, str, int]]:
    """One batch of (folder, name): judged, staged, flushed, renamed, flushed; a row for each."""
    rows, renames = [], []
    for folder, name in batch:
        data = read(f"{source}/{folder}/{name}")
        if name != "_metadata.json":
            if not validator.is_valid(records(name, data)):
                continue
            rows.append((f"{folder}/{name}", len(data), hashlib.sha256(data).hexdigest(), 1))
        renames.append(stage(folder, name, data))
    flush()
    for part, final in renames:
        os.rename(part, final)
    flush()
    return rows


def batches() -> Any:
    batch: list[tuple[str, str]] = []
    size = data_files = 0
    for place, _, names in os.walk(source):
        folder = os.path.relpath(place, source)
        for name in names:
            batch.append((folder, name))
            data_files += name != "_metadata.json"
            size += os.stat(f"{place}/{name}").st_size
        if data_files >= BATCH or size > 64 << 20:
            yield batch
            batch, size, data_files = [], 0, 0
    if batch:
        yield batch


def main() -> None:
    global source, dest, validator, numbers
    source, dest, ledger, schema_path = sys.argv[1:]
    schema = orjson.loads(read(schema_path))
    numbers = {key for key, value in schema["properties"].items() if value.get("type") == "number"}
    array = {"$schema": schema["$schema"], "type": "array", "items": schema}
    validator = jsonschema_rs.validator_for(array, validate_formats=True)
    os.makedirs(dest, exist_ok=True)
    gc.disable()
    connection = sqlite3.connect(ledger, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER, sha256 TEXT, ok INTEGER)")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for rows in pool.imap_unordered(work, batches()):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
    print(connection.execute("SELECT count(*) FROM files").fetchone()[0])


if __name__ == "__main__":
    main()
