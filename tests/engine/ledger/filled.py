"""A workspace whose ledger was filled through SQL alone: what runs would have left, without running
anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from console.engine.context import Context, open_context
from console.engine.environment import Environment
from console.engine.ledger.mirror import write_mirror
from console.engine.ledger.mirror_adopt import iter_entries, keep_foreign, settle_adoption
from console.engine.ledger.store import open_writer, transaction
from tests.support import RAW, VALIDATED, fixed_environment, make_workspace, valid_record
from tests.support.workspace import encode

STATE = "logs/migration/.migration_state.json"
PUBLISHED_AT = "2026-03-01T10:00:00.123456Z"


def filled_workspace(
    root: Path, files: int = 4, *, env: Environment | None = None, config: dict[str, Any] | None = None
) -> Context:
    """`files` data files of two sources, published by run 1, the last one a CSV; copies stand in the zone."""
    names = [f"s{n % 2}/dumps/2024-01-{n + 1:02d}_000000/data.json" for n in range(files - 1)]
    contents: dict[str, object] = {name: [valid_record(n)] for n, name in enumerate(names)}
    contents["s1/manual/table.csv"] = [valid_record(n) for n in range(90, 93)]
    make_workspace(root, contents, config)
    for name, content in contents.items():
        copy = root / VALIDATED / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(encode(name, content))
    ctx = open_context(root, env=env or fixed_environment())
    ctx.workspace.private.mkdir(exist_ok=True)
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 1)
        for name in contents:
            add_file(ctx, connection, name)
    return ctx


@contextmanager
def opened(ctx: Context) -> Iterator[sqlite3.Connection]:
    """The writing connection, closed at the end."""
    with closing(open_writer(ctx.workspace.ledger)) as connection:
        yield connection


def add_run(connection: sqlite3.Connection, seq: int, **values: Any) -> str:
    """A run that ended well; `values` over its row. Returns its id."""
    row: dict[str, Any] = {
        "seq": seq,
        "id": f"20260301T100000Z-migrate-{seq:04x}",
        "action": "migrate",
        "status": "done",
        "params": "{}",
        "command": "opsconsole migrate --yes",
        "who": json.dumps({"login": "ana", "user": "ana", "host": "testhost"}),
        "started_at": "2026-03-01T10:00:00.000000Z",
        "ended_at": "2026-03-01T10:00:04.000000Z",
        "pid": 1,
        "pid_started": 1.0,
        "host": "testhost",
        "heartbeat_at": "2026-03-01T10:00:03.000000Z",
        "exit_status": 0,
        **values,
    }
    connection.execute(f"INSERT INTO runs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    return str(row["id"])


def add_file(ctx: Context, connection: sqlite3.Connection, name: str, **values: Any) -> None:
    """A file of the raw zone (`name` below it) as published, by what lies on the disk; `values` over its
    row.
    """
    source, copy = ctx.workspace.path(f"{RAW}/{name}"), ctx.workspace.path(f"{VALIDATED}/{name}")
    facts, copied = os.stat(source), os.stat(copy)
    csv = name.endswith(".csv")
    row: dict[str, Any] = {
        "path": f"{RAW}/{name}",
        "source": name.partition("/")[0],
        "status": "processed",
        "dest": f"{VALIDATED}/{name}",
        "size": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "inode": facts.st_ino,
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "rule": None,
        "records": 3 if csv else 1,
        "format": "csv" if csv else "json",
        "columns": '["grant_id","amount","date","source","category"]' if csv else None,
        "processed_at": PUBLISHED_AT,
        "judged_run": 1,
        "run": 1,
        "dest_size": copied.st_size,
        "dest_mtime_ns": copied.st_mtime_ns,
        "dest_inode": copied.st_ino,
        "mirrored": 1,
        **values,
    }
    connection.execute(f"INSERT INTO files ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def add_failure(connection: sqlite3.Connection, path: str, causes: list[tuple[str, int]], **values: Any) -> None:
    """A remembered failure of `path` (relative to the root) with (cause, records) each."""
    failing = [
        {
            "number": 17,
            "line": 412,
            "excerpt": '{"grant_id": "G-17"}',
            "errors": [
                {"rule": c.partition(":")[0], "field": c.partition(":")[2], "cause": c, "value": "", "message": f"{c}!"}
            ],
        }
        for c, _ in causes
    ]
    records = sum(number for _, number in causes)
    row: dict[str, Any] = {
        "path": path,
        "source": path[len(RAW) + 1 :].partition("/")[0],
        "size": 10,
        "mtime_ns": 1,
        "inode": 1,
        "sha256": "f" * 64,
        "kind": "records",
        "first_run": 1,
        "last_run": 1,
        "failed_at": PUBLISHED_AT,
        "records": 96,
        "failed_records": records,
        "errors": records,
        "verdict": json.dumps(
            {
                "ok": False,
                "format": "json",
                "records": 96,
                "failed_records": records,
                "errors": records,
                "failing": failing,
                "causes": [[cause, number, number] for cause, number in causes],
            }
        ),
        **values,
    }
    cursor = connection.execute(
        f"INSERT INTO failures ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
    )
    connection.executemany(
        "INSERT INTO failure_causes VALUES (?, ?, ?, ?)",
        [(cursor.lastrowid, cause, number, number) for cause, number in causes],
    )


def state_of(ctx: Context) -> Any:
    """The state file as the standard library reads it."""
    return json.loads((ctx.workspace.root / STATE).read_text(encoding="utf-8"))


def put_state(ctx: Context, document: Any) -> None:
    """What an operator's snippet does: the whole file written in place."""
    (ctx.workspace.root / STATE).write_text(json.dumps(document, indent=2), encoding="utf-8")


def raw(name: str) -> str:
    return f"{RAW}/{name}"


def vanished_entry(n: int) -> dict[str, Any]:
    """An entry as the incumbent writes it, of a file that is not there any more."""
    sha256 = f"{n:064x}"
    return {
        "checksum": sha256,
        "processed_at": f"2023-05-01T10:00:00.{n % 1_000_000:06d}",
        "dest_path": f"{VALIDATED}/old/{n}.json",
        "metadata": {"size_bytes": n, "modified_timestamp": 1682935200.25, "checksum": sha256},
        "validation_info": {"file_size_bytes": n, "format": "json", "record_count": 1},
    }


def adopted_workspace(root: Path, foreign: dict[str, Any]) -> Context:
    """A workspace whose state file, the incumbent's, was adopted by run 1: the ledger's files, and `foreign`."""
    ctx = filled_workspace(root)
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
        connection.execute("DELETE FROM mirrors")
        connection.execute("DELETE FROM meta WHERE key = 'mirror'")
        connection.execute("UPDATE files SET status = 'adopted', judged_run = 0")
    document = state_of(ctx)
    document["processed_files"] = {**foreign, **document["processed_files"]}
    document["last_updated"] = "2026-03-01T10:00:00.500000"
    put_state(ctx, document)
    found = iter_entries(ctx)
    for _ in found:
        pass
    assert found.identity is not None
    with opened(ctx) as connection, transaction(connection):
        keep_foreign(connection, ((key, value, "its source is gone") for key, value in foreign.items()))
        settle_adoption(ctx, connection, found.sha256, found.identity, 1, found.last_updated)
    return ctx
