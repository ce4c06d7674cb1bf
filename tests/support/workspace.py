"""Tiny workspaces: a configuration, a small schema and as many raw files as a test names."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import toml

RAW = "data/raw/funding_sources"
VALIDATED = "data/transformed/validated"

# Small, with every kind of rule that the funding schema has: required, type, minimum, pattern, enum, format.
SMALL_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["grant_id", "amount", "date", "source"],
    "properties": {
        "grant_id": {"type": "string", "minLength": 1},
        "amount": {"type": "number", "minimum": 0},
        "date": {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
        "source": {"type": "string"},
        "category": {"type": "string", "enum": ["Research", "Other"]},
        "url": {"type": "string", "format": "uri"},
    },
}


def valid_record(n: int) -> dict[str, Any]:
    """A record that SMALL_SCHEMA and the funding schema accept; another one for each n."""
    return {
        "grant_id": f"G-{n:06d}",
        "amount": 1000 + n,
        "date": f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
        "source": "Other",
        "category": "Other",
    }


def invalid_record(n: int) -> dict[str, Any]:
    """A record that both schemas refuse: no date, a negative amount, or an unknown category."""
    record = valid_record(n)
    if n % 3 == 0:
        del record["date"]
    elif n % 3 == 1:
        record["amount"] = -1 - n
    else:
        record["category"] = f"Category {n}"
    return record


def encode(path: str, content: object) -> bytes:
    """`content` in the format that the suffix of `path` names: bytes as they are, text as UTF-8, else JSON;
    a list in `.jsonl` one value a line, a list of objects in `.csv` rows under the first one's keys."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode("utf-8", "surrogateescape")
    if isinstance(content, list) and path.endswith(".jsonl"):
        return "".join(json.dumps(value) + "\n" for value in content).encode()
    if isinstance(content, list) and path.endswith(".csv"):
        out = io.StringIO()
        writer = csv.DictWriter(out, list(content[0]) if content else [])
        writer.writeheader()
        writer.writerows(content)
        return out.getvalue().encode()
    return json.dumps(content).encode()


def write_raw(root: Path, path: str, content: object) -> Path:
    """Write one raw file, `path` relative to the raw zone; an older version is replaced by a new inode."""
    file = root / RAW / path
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(".writing")
    part.write_bytes(encode(path, content))
    os.replace(part, file)
    return file


def make_workspace(
    root: Path,
    files: Mapping[str, object] | None = None,
    config: Mapping[str, Any] | None = None,
    schema: object | None = SMALL_SCHEMA,
) -> Path:
    """A workspace under `root` (made if missing); comes back resolved.

    files: path relative to the raw zone -> content (see `encode`). config: keys of console.toml, over a
    default of one rule for all files with `schema` and the time zone UTC; None as a value leaves a key out.
    schema: written to config/schemas/small.json; None: no schema and no rule for one.
    """
    root.mkdir(parents=True, exist_ok=True)
    root = root.resolve()
    for folder in (RAW, VALIDATED, "data/_backups", "logs/migration", "config/schemas"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    # how full the disk of whoever runs the tests is, is no alert of theirs
    document: dict[str, Any] = {"time_zone": "UTC", "alerts": {"off": ["disk"]}}
    if schema is not None:
        (root / "config/schemas/small.json").write_bytes(encode("small.json", schema))
        document["rules"] = [{"match": "**", "schema": "config/schemas/small.json"}]
    document.update(config or {})
    (root / "config/console.toml").write_text(toml.dumps(document), encoding="utf-8")
    for path, content in (files or {}).items():
        write_raw(root, path, content)
    return root
