"""The judge is judged: no finding for a whole workspace, and for each damage the one that names it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from console.engine.ledger.schema import DDL
from tests.faults import checker
from tests.faults.checker import BACKUPS, LEDGER, RAW, STATE, VALIDATED, Expected, examine, tree_hash

A, B = "grants/dumps/a/data.json", "grants/dumps/b/data.json"
SIDE = "grants/dumps/a/_metadata.json"
OLD, NEW = b'[{"grant_id": "old"}]', b'[{"grant_id": "new"}]'
RUN = "20260101T000000Z-migrate-ab12"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def insert(connection: sqlite3.Connection, table: str, **values: object) -> None:
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))


def file_row(root: Path, name: str, data: bytes) -> dict[str, object]:
    raw, dest = (root / RAW / name).stat(), (root / VALIDATED / name).stat()
    return {
        "path": f"{RAW}/{name}", "source": "grants", "status": "processed", "dest": f"{VALIDATED}/{name}",
        "size": raw.st_size, "mtime_ns": raw.st_mtime_ns, "inode": raw.st_ino, "sha256": digest(data),
        "records": 1, "format": "json", "processed_at": "t", "judged_run": 1, "run": 1,
        "dest_size": dest.st_size, "dest_mtime_ns": dest.st_mtime_ns, "dest_inode": dest.st_ino,
    }  # fmt: skip


def write_state(root: Path, **entries: bytes) -> None:
    document = {
        "processed_files": {
            f"{RAW}/{name}": {
                "checksum": digest(data),
                "dest_path": f"{VALIDATED}/{name}",
                "metadata": {"checksum": digest(data)},
            }
            for name, data in entries.items()
        },
        "last_updated": "2026-01-01T00:00:00",
    }
    put(root / STATE, json.dumps(document).encode())


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two published files, one of them replaced once, a sidecar; ledger, mirror and backup agree."""
    root = tmp_path / "ws"
    for name, data in ((A, NEW), (B, NEW), (SIDE, b"{}")):
        put(root / RAW / name, data)
        put(root / VALIDATED / name, data)
    put(root / BACKUPS / RUN / A, OLD)
    put(root / LEDGER, b"")
    with closing(sqlite3.connect(root / LEDGER)) as ledger, ledger:
        ledger.executescript(DDL)
        insert(ledger, "runs", seq=1, id=RUN, action="migrate", status="done", params="{}", command="",
               who="{}", started_at="t", ended_at="t", pid=1, pid_started=0.0, host="h",
               heartbeat_at="t")  # fmt: skip
        for name in (A, B):
            insert(ledger, "files", **file_row(root, name, NEW))
        insert(ledger, "sidecars", path=f"{RAW}/{SIDE}", source="grants", dest=f"{VALIDATED}/{SIDE}", size=2,
               mtime_ns=0, inode=0, sha256=digest(b"{}"), run=1)  # fmt: skip
        insert(ledger, "outcomes", run=1, path=f"{RAW}/{A}", outcome="replaced", dest=f"{VALIDATED}/{A}",
               sha256=digest(NEW), replaced_sha256=digest(OLD), backup=f"{BACKUPS}/{RUN}/{A}")  # fmt: skip
    write_state(root, **{A: NEW, B: NEW})
    return root


def expected(root: Path, **more: object) -> Expected:
    versions = frozenset({digest(OLD), digest(NEW)})
    known = {f"{VALIDATED}/{name}": versions for name in (A, B)} | {f"{VALIDATED}/{SIDE}": frozenset({digest(b"{}")})}
    return Expected(known, checker.snapshot_raw(root), **more)  # type: ignore[arg-type]


def sql(statement: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        with closing(sqlite3.connect(root / LEDGER)) as ledger, ledger:
            ledger.execute(statement)

    return damage


def rewrite(place: str, data: bytes) -> Callable[[Path], None]:
    return lambda root: put(root / place, data)


def grow_raw(root: Path) -> None:
    with (root / RAW / B).open("ab") as stream:
        stream.write(b" ")


def touch_raw(root: Path) -> None:
    os.utime(root / RAW / B, ns=(1, 1))


def link_names(root: Path) -> None:
    (root / VALIDATED / B).unlink()
    os.link(root / VALIDATED / A, root / VALIDATED / B)


def swap_for_link(root: Path) -> None:
    (root / VALIDATED / B).unlink()
    (root / VALIDATED / B).symlink_to(root / RAW / B)


def flip_ledger(root: Path) -> None:
    data = bytearray((root / LEDGER).read_bytes())
    data[40:4096] = os.urandom(4056)
    (root / LEDGER).write_bytes(bytes(data))


DAMAGES: list[tuple[str, Callable[[Path], None]]] = [
    ("torn", rewrite(f"{VALIDATED}/{A}", NEW[:-3])),
    ("torn", rewrite(f"{VALIDATED}/{A}", b"")),
    ("unexpected", rewrite(f"{VALIDATED}/grants/dumps/c/data.json", NEW)),
    ("not-a-file", swap_for_link),
    ("ledger-disagrees", rewrite(f"{VALIDATED}/{A}", OLD)),
    ("missing", lambda root: (root / VALIDATED / A).unlink()),
    ("missing", lambda root: (root / VALIDATED / SIDE).unlink()),
    ("identity-disagrees", lambda root: os.utime(root / VALIDATED / A, ns=(1, 1))),
    ("unknown-to-ledger", sql("DELETE FROM files WHERE path LIKE '%/b/%'")),
    ("unknown-to-ledger", sql("DELETE FROM sidecars")),
    ("no-ledger", lambda root: (root / LEDGER).unlink()),
    ("ledger-unreadable", flip_ledger),
    ("intents-left", sql("INSERT INTO intents (run, kind, item) VALUES (1, 'publish', '{}')")),
    ("run-not-ended", sql("UPDATE runs SET status = 'running', ended_at = NULL")),
    ("backup-torn", rewrite(f"{BACKUPS}/{RUN}/{A}", OLD[:4])),
    ("backup-torn", rewrite(f"{BACKUPS}/{RUN}/notes.txt", b"not data")),
    ("backup-damaged", rewrite(f"{BACKUPS}/{RUN}/{A}", NEW)),
    ("backup-missing", lambda root: (root / BACKUPS / RUN / A).unlink()),
    ("leftover", rewrite(f"{VALIDATED}/grants/dumps/a/.data.json.{RUN}.part", b"[")),
    ("leftover", rewrite(f"{STATE}.part", b"{")),
    ("leftover", rewrite(".opsconsole/ledger.backup.sqlite.part", b"")),
    ("empty-folder", lambda root: (root / VALIDATED / "grants/dumps/c").mkdir()),
    ("empty-folder", lambda root: (root / BACKUPS / "other").mkdir()),
    ("shared-inode", link_names),
    ("raw-touched", grow_raw),
    ("raw-touched", touch_raw),
    ("raw-touched", lambda root: (root / RAW / B).unlink()),
    ("raw-touched", rewrite(f"{RAW}/grants/extra.json", b"[]")),
    ("mirror-unreadable", rewrite(STATE, b'{"processed_files": {')),
    ("mirror-unreadable", rewrite(STATE, b'{"processed_files": {}}')),
    ("mirror-unreadable", rewrite(STATE + ".bak", b"")),
    ("mirror-lacks", lambda root: write_state(root, **{A: NEW})),
    ("mirror-invents", lambda root: write_state(root, **{A: NEW, B: NEW, "x.json": NEW})),
    ("mirror-disagrees", lambda root: write_state(root, **{A: OLD, B: NEW})),
]


def test_a_whole_workspace_has_no_finding(workspace: Path) -> None:
    assert examine(workspace, expected(workspace)) == []
    assert examine(workspace, expected(workspace), settled=False) == []


@pytest.mark.parametrize(("kind", "damage"), DAMAGES, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(DAMAGES)])
def test_every_damage_is_found_and_named(workspace: Path, kind: str, damage: Callable[[Path], None]) -> None:
    before = expected(workspace)
    damage(workspace)
    assert kind in {finding.kind for finding in examine(workspace, before)}


def test_what_was_reported_must_stand(workspace: Path) -> None:
    promised = expected(workspace, required={f"{VALIDATED}/{A}": digest(OLD)})
    assert [finding.kind for finding in examine(workspace, promised)] == ["reported-but-lost"]


def test_a_batch_half_way_is_allowed_only_until_the_next_run(workspace: Path) -> None:
    """Renamed to the new version, intended, not recorded: as a kill between rename and record leaves it."""
    before = expected(workspace)
    put(workspace / VALIDATED / B, OLD)
    item = json.dumps({"dest": f"{VALIDATED}/{B}", "sha256": digest(OLD)})
    sql(f"INSERT INTO intents (run, kind, item) VALUES (1, 'publish', '{item}')")(workspace)
    put(workspace / VALIDATED / f"grants/.data.json.{RUN}.part", b"[")
    assert examine(workspace, before, settled=False) == []
    kinds = {finding.kind for finding in examine(workspace, before)}
    assert {"ledger-disagrees", "intents-left", "leftover"} <= kinds
    put(workspace / VALIDATED / B, OLD[:5])
    assert "torn" in {finding.kind for finding in examine(workspace, before, settled=False)}


def test_reading_the_ledger_leaves_no_trace(workspace: Path) -> None:
    before = sorted(path.name for path in (workspace / ".opsconsole").iterdir())
    examine(workspace, expected(workspace))
    assert sorted(path.name for path in (workspace / ".opsconsole").iterdir()) == before


def test_tree_hash_tells_bytes_and_folders_apart(workspace: Path) -> None:
    first = tree_hash(workspace)
    put(workspace / VALIDATED / B, OLD)
    second = tree_hash(workspace)
    (workspace / VALIDATED / "empty").mkdir()
    assert len({first, second, tree_hash(workspace)}) == 3
    (workspace / VALIDATED / "empty").rmdir()
    put(workspace / VALIDATED / B, NEW)
    assert tree_hash(workspace) == first
