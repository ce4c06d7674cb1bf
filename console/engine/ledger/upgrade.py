"""A ledger of an older version is copied, then upgraded, under the lock and as a recorded action."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict
from pathlib import Path

from console.engine.context import Context
from console.engine.errors import NotStartedError
from console.engine.ledger.digests import write_digest
from console.engine.ledger.schema import VERSION, stamp
from console.engine.ledger.store import backup, transaction, upgrade_statements, version_of
from console.engine.model import RunStatus


def copy_of(ledger: Path, version: int) -> Path:
    """Where the ledger as it was before the upgrade is kept."""
    return ledger.with_name(f"ledger.v{version}.sqlite")


def upgrade_ledger(ctx: Context, connection: sqlite3.Connection, run: str) -> None:
    """Bring the ledger to today's version, where it is of an older one; recorded as the run `run` (its id).

    Only the holder of the lock calls it. The copy is made by SQLite's own API before anything is changed; the
    upgrade is one transaction. Raises NotStartedError; then the ledger is as it was.
    """
    version = version_of(connection)
    if version >= VERSION:
        return
    copy = copy_of(ctx.workspace.ledger, version)
    message = f"the ledger was upgraded from version {version} to {VERSION}; the old one is kept as {copy.name}"
    now, who = ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"), ctx.env.who
    row = {
        "id": run,
        "action": "upgrade",
        "status": RunStatus.DONE.value,
        "params": json.dumps({"from": version, "to": VERSION}),
        "command": "",
        "who": json.dumps(asdict(who)),
        "started_at": now,
        "ended_at": now,
        "pid": os.getpid(),
        "pid_started": 0.0,
        "host": who.host,
        "heartbeat_at": now,
        "exit_status": 0,
        "message": message,
    }
    try:
        backup(ctx.workspace.ledger, copy)
        with transaction(connection):
            for statement in upgrade_statements(version):
                connection.execute(statement)
            connection.executemany(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", stamp()
            )
            places = ", ".join(f":{name}" for name in row)
            cursor = connection.execute(f"INSERT INTO runs ({', '.join(row)}) VALUES ({places})", row)
            write_digest(connection, int(cursor.lastrowid or 0))
            connection.execute(f"PRAGMA user_version={VERSION}")
    except (OSError, sqlite3.Error) as error:
        raise NotStartedError(
            f"the ledger could not be upgraded from version {version} to {VERSION}: {error}",
            file=str(ctx.workspace.ledger),
            untouched="everything, the ledger too",
            next_step="put that right and try again; reading goes on meanwhile",
        ) from error
