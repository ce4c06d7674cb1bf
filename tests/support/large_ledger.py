"""A ledger of any number of files, written by SQL: what years of runs leave behind, in seconds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from console.engine.ledger.schema import DDL, VERSION
from tests.support.workspace import RAW, VALIDATED, make_workspace

CAUSES = ("required:date", "enum:category", "csv-quote")
RUNS = 50


def file_path(number: int) -> str:
    """Below the raw zone; 211 sources."""
    return f"src{number % 211:03}/2025-{number % 12 + 1:02}-{number % 28 + 1:02}/part-{number:07}.json"


def _verdict(cause: str) -> str:
    rule, _, field = cause.partition(":")
    error = {"rule": rule, "field": field, "cause": cause, "value": "", "message": f"{field or 'it'} is wrong"}
    record = {"number": 17, "line": 1, "excerpt": '{"grant_id": "G-000017"}', "errors": [error]}
    whole = {"ok": False, "format": "json", "records": 96, "failed_records": 3, "errors": 3}
    return json.dumps({**whole, "failing": [record], "causes": [[cause, 3, 3]]})


def _files(number: int) -> Iterator[tuple[object, ...]]:
    for at in range(number):
        name = file_path(at)
        yield (
            *(f"{RAW}/{name}", name.partition("/")[0], "processed", f"{VALIDATED}/{name}", 3800 + at % 900, at, at),
            *(f"{at:064x}", 1, at % 300, "json", None, 0, "2026-03-04T00:00:00.000000Z"),
            *(at % RUNS + 1, at % RUNS + 1, 3800 + at % 900, at, at, 1),
        )


def make_large(root: Path, files: int, failed: int) -> Path:
    """A workspace whose ledger knows `files` published files and `failed` failing ones, half of which never were
    published; three causes. Nothing of it is on the disk."""
    make_workspace(root)
    folder = root / ".opsconsole"
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        ledger.execute("PRAGMA page_size=8192")  # as the engine makes one
        ledger.executescript(DDL)
        ledger.execute(f"PRAGMA user_version={VERSION}")
        ledger.execute("INSERT INTO rules VALUES (1, 'f1', 'schema.json', 's', '{}', 1, '2026-03-04T00:00:00Z', 'ann')")
        for run in range(1, RUNS + 1):
            at = f"2026-03-{run % 28 + 1:02}T00:00:00.000000Z"
            ledger.execute(
                "INSERT INTO runs (seq, id, action, status, params, command, who, started_at, ended_at, pid,"
                " pid_started, host, heartbeat_at) VALUES (?, ?, 'migrate', 'partial', '{}', 'opsconsole migrate',"
                " ?, ?, ?, 1, 1, 'h', ?)",
                [run, f"20260304T{run:06}Z-migrate-{run:04x}", '{"login": "ann"}', at, at, at],
            )
        ledger.executemany(f"INSERT INTO files VALUES (NULL{', ?' * 20})", _files(files))
        for at in range(failed):
            number = at * 17 % files if at % 2 and at < files else files + at
            name, cause = file_path(number), CAUSES[(0, 0, 0, 1, 2)[at % 5]]
            ledger.execute(
                f"INSERT OR IGNORE INTO failures VALUES ({', '.join('?' * 20)})",
                [
                    *(
                        at + 1,
                        f"{RAW}/{name}",
                        name.partition("/")[0],
                        3800,
                        1,
                        1,
                        "s",
                        1,
                        "records",
                        at % RUNS + 1,
                        RUNS,
                    ),
                    *("2026-03-04T00:00:00.000000Z", 96, 3, 3, _verdict(cause), None, None, None, None),
                ],
            )
            ledger.execute("INSERT OR IGNORE INTO failure_causes VALUES (?, ?, 3, 3)", [at + 1, cause])
        ledger.commit()
    return root
