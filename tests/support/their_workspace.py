"""A workspace as another program left it: published files, its state file, its scripts; no ledger of ours."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from tests.support.workspace import RAW, SMALL_SCHEMA, VALIDATED, valid_record

STATE = "logs/migration/.migration_state.json"
CONFIG = "scripts/migration/config.json"
SCRIPT = "scripts/migration/migrate.py"
THEIR_SCRIPT = b"# the other program\n"


def entry(root: Path, relative: str, data: bytes, dest: str = VALIDATED) -> dict[str, Any]:
    """What the other program writes down of one file that it has published."""
    digest = hashlib.sha256(data).hexdigest()
    return {
        "checksum": digest,
        "processed_at": "2025-03-04T05:06:07.000008",
        "dest_path": f"{dest}/{relative}",
        "metadata": {
            "size_bytes": len(data),
            "modified_timestamp": os.stat(root / RAW / relative).st_mtime,
            "checksum": digest,
        },
        "validation_info": {"file_size_bytes": len(data), "format": "json", "record_count": 1},
    }


def put(root: Path, zone: str, relative: str, data: bytes) -> Path:
    """Write one file of a zone."""
    path = root / zone / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_state(root: Path, entries: dict[str, Any]) -> None:
    """The state file as the other program writes it."""
    document = {"processed_files": entries, "last_updated": "2025-03-04T05:06:08.000009"}
    (root / STATE).parent.mkdir(parents=True, exist_ok=True)
    (root / STATE).write_text(json.dumps(document, indent=2))


def incumbent_workspace(root: Path, files: int = 5) -> dict[str, Any]:
    """`files` files published by the other program; returns the entries of its state file."""
    config = {
        "source_dir": RAW,
        "dest_dir": VALIDATED,
        "backup_dir": "data/_backups",
        "log_dir": "logs/migration",
        "state_file": STATE,
        "required_columns": [],
        "validation_schema": "config/schemas/small.json",
        "fail_on_warning": False,
        "create_backups": True,
        "operation": "copy",
    }
    put(root, "scripts/migration", "config.json", json.dumps(config).encode())
    put(root, "scripts/migration", "migrate.py", THEIR_SCRIPT)
    put(root, "config/schemas", "small.json", json.dumps(SMALL_SCHEMA).encode())
    (root / "data/_backups").mkdir(parents=True)
    entries = {}
    for number in range(files):
        relative = f"alpha/dumps/2024-01-{number + 1:02d}/data.json"
        data = json.dumps([valid_record(number)]).encode()
        put(root, RAW, relative, data)
        put(root, VALIDATED, relative, data)
        entries[f"{RAW}/{relative}"] = entry(root, relative, data)
    write_state(root, entries)
    return entries


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and modification time of every file that is not ours alone (our folder, the run logs)."""
    found = {}
    for folder, folders, names in os.walk(root):
        if folder == str(root):
            folders[:] = [name for name in folders if name != ".opsconsole"]
        for name in names:
            path = Path(folder) / name
            relative = str(path.relative_to(root))
            if not relative.startswith("logs/migration/migration."):
                found[relative] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found
