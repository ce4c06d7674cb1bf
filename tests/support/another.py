"""Workspaces in which another program has worked: what the incumbent leaves, without the incumbent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.cli import run_cli

STATE = "logs/migration/.migration_state.json"
LONG_AGO = 1_700_000_000  # seconds since the epoch, long before every test


def foreign_entry(n: int) -> dict[str, Any]:
    """An entry as the incumbent writes it, of a file that is not there."""
    sha256 = f"{n:064x}"
    return {
        "checksum": sha256,
        "processed_at": f"2023-05-01T10:00:00.{n % 1_000_000:06d}",
        "dest_path": f"data/transformed/validated/old/{n}.json",
        "metadata": {"size_bytes": n, "modified_timestamp": 1682935200.25, "checksum": sha256},
        "validation_info": {"file_size_bytes": n, "format": "json", "record_count": 1},
    }


def state_of(root: Path) -> dict[str, Any]:
    """The state file as the standard library reads it."""
    document: dict[str, Any] = json.loads((root / STATE).read_text(encoding="utf-8"))
    return document


def write_state(root: Path, document: object) -> None:
    """As the incumbent writes it: the whole file, in place."""
    (root / STATE).write_text(json.dumps(document, indent=2), encoding="utf-8")


def publish_as_another(root: Path, *, missing: int = 0, backups: bool = False) -> Path:
    """Publish everything of `root` and leave no trace of ours; `missing` entries more name files that are not there.

    backups: a folder of the other program's in the backup zone. Comes back with `root`.
    """
    run_cli(root, "migrate", "--yes")
    shutil.rmtree(root / ".opsconsole")
    (root / f"{STATE}.bak").unlink(missing_ok=True)
    document = state_of(root)
    for n in range(missing):
        document["processed_files"][f"data/raw/funding_sources/old/{n}.json"] = foreign_entry(n)
    document["last_updated"] = datetime.fromtimestamp(LONG_AGO, UTC).replace(tzinfo=None).isoformat()
    write_state(root, document)
    os.utime(root / STATE, (LONG_AGO, LONG_AGO))
    if backups:
        kept = root / "data/_backups/migration_20251030_140200/sff/data.json"
        kept.parent.mkdir(parents=True)
        kept.write_text("[]")
    return root


def forget_one(root: Path) -> None:
    """The first file as if it had never been published: no entry, no copy."""
    document = state_of(root)
    path, entry = next(iter(document["processed_files"].items()))
    del document["processed_files"][path]
    (root / entry["dest_path"]).unlink()
    facts = os.stat(root / STATE)
    write_state(root, document)
    os.utime(root / STATE, (facts.st_atime, facts.st_mtime))


def write_as_another(root: Path, name: str = "late") -> None:
    """What the incumbent does in a forgotten cron job: one more file published and entered, its own `last_updated`."""
    path = f"data/raw/funding_sources/{name}/data.json"
    dest = f"data/transformed/validated/{name}/data.json"
    content = b"[]"
    for place in (path, dest):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(content)
    facts = os.stat(root / path)
    entry = foreign_entry(len(content))
    entry["checksum"] = entry["metadata"]["checksum"] = hashlib.sha256(content).hexdigest()
    entry["dest_path"], entry["metadata"]["modified_timestamp"] = dest, facts.st_mtime
    document = state_of(root)
    document["processed_files"][path] = entry
    document["last_updated"] = datetime.now(UTC).replace(tzinfo=None).isoformat()
    write_state(root, document)


def large_state(root: Path, entries: int) -> None:
    """A state file of so many entries, none of which has a file; written without holding it in memory."""
    with open(root / STATE, "w", encoding="utf-8") as file:
        file.write('{\n  "processed_files": {\n')
        for n in range(entries):
            key = json.dumps(f"data/raw/funding_sources/old/{n // 1000}/{n}.json")
            file.write(f"    {key}: {json.dumps(foreign_entry(n))}{',' if n < entries - 1 else ''}\n")
        file.write('  },\n  "last_updated": "2025-10-30T14:02:00.000000"\n}\n')


def upgrade_beyond(root: Path, version: int = 7, program: str = "0.9.0") -> None:
    """The ledger as a newer program leaves it, which an older one can still read."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(root / ".opsconsole" / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'program'", [program])
