"""The first look: what ran, what needs somebody, and that looking changes nothing and never fails."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.ledger.mirror import write_mirror
from console.engine.ledger.store import transaction
from console.engine.model import RunStatus
from console.engine.observe.overview import Overview, overview
from console.engine.runs.query import process_started
from tests.engine.ledger.filled import STATE, add_failure, add_run, filled_workspace, opened, raw
from tests.support import fixed_environment, make_workspace


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
    return ctx


def texts(seen: Overview) -> str:
    return " / ".join(f"{alert.text} | {alert.next_step}" for alert in seen.alerts)


def run(ctx: Context, seq: int, **values: Any) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, seq, **values)


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(root)): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in root.rglob("*")}


def test_a_workspace_without_a_ledger_is_only_looked_at(tmp_path: Path) -> None:
    ctx = open_context(make_workspace(tmp_path / "ws"), env=fixed_environment())
    before = snapshot(ctx.workspace.root)
    seen = overview(ctx)
    assert (seen.has_ledger, seen.last_run, seen.runs, seen.alerts) == (False, None, (), ())
    assert (seen.name, seen.root) == ("ws", str(ctx.workspace.root))
    (ctx.workspace.root / STATE).write_text('{"processed_files": {"data/raw/funding_sources/a.json": {}}}')
    assert "Another program has worked here" in texts(overview(ctx))
    (ctx.workspace.root / STATE).unlink()
    assert snapshot(ctx.workspace.root).keys() == before.keys()


def test_a_quiet_workspace_has_no_alert_and_looking_writes_nothing(ctx: Context) -> None:
    before = snapshot(ctx.workspace.root)
    seen = overview(ctx)
    assert seen.alerts == ()
    assert (seen.published, seen.failing, seen.accepted) == (4, 0, 0)
    assert seen.last_run is not None
    assert seen.last_run.status == RunStatus.DONE
    assert snapshot(ctx.workspace.root) == before


def test_runs_are_newest_first_and_the_living_one_is_running(ctx: Context) -> None:
    me = os.getpid()
    alive = {"status": "running", "ended_at": None, "pid": me, "pid_started": process_started(me)}
    run(ctx, 2, **alive, host=os.uname().nodename)
    seen = overview(ctx)
    assert [row.seq for row in seen.runs] == [2, 1]
    assert seen.running is not None
    assert seen.running.seq == 2
    assert seen.last_run is not None
    assert seen.last_run.seq == 1


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a/1.json", "a/2.json", "a/_metadata.json"), "2 files and 1 sidecar are held: a rollback took them back"),
        (("_metadata.json",), "1 sidecar is held: a rollback took it back"),
        (("a/x_metadata.json",), "1 file is held: a rollback took it back"),
    ],
)
def test_what_is_held_is_a_note_that_tells_files_from_sidecars(ctx: Context, names: Sequence[str], said: str) -> None:
    """As the plan counts them, and the list of what is held."""
    with opened(ctx) as connection, transaction(connection):
        connection.executemany(
            "INSERT INTO holds (path, size, mtime_ns, inode, run, at, by, reason, source)"
            " VALUES (?, 1, 1, 1, 1, '2026-03-04T13:02:00Z', 'ana', 'taken back', 'a')",
            [(name,) for name in names],
        )
    assert said in texts(overview(ctx))


def test_a_dead_run_is_an_alert(ctx: Context) -> None:
    run(ctx, 2, status="running", ended_at=None, pid=2**22 + 1, host=os.uname().nodename)
    assert "died" in texts(overview(ctx))
    assert overview(ctx).running is None


def test_a_refused_or_stopped_last_run_is_an_alert(ctx: Context) -> None:
    run(ctx, 2, status="refused", message="2,000 files missing")
    assert "was refused: 2,000 files missing" in texts(overview(ctx))
    run(ctx, 3, status="failed", message="Insufficient disk space")
    assert "stopped before its end: Insufficient" in texts(overview(ctx))
    run(ctx, 4)
    assert overview(ctx).alerts == ()


def test_failures_that_nobody_answered_for_are_an_alert(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        for number in range(3):
            add_failure(connection, raw(f"s0/bad{number}.json"), [("required:date", 1)])
    assert "3 files fail and nobody answered" in texts(overview(ctx))
    with opened(ctx) as connection:
        connection.execute("UPDATE failures SET accepted_at = '2026-03-01T00:00:00.000000Z', accepted_by = 'bob'")
    seen = overview(ctx)
    assert (seen.failing, seen.accepted, seen.alerts) == (0, 3, ())
    with opened(ctx) as connection:
        connection.execute("UPDATE failures SET accepted_until = '2026-03-02T00:00:00.000000Z'")
    assert "3 accepted failures has run out" in texts(overview(ctx))
    assert overview(ctx).failing == 3


def test_an_edited_or_deleted_state_file_is_an_alert_found_by_stat_alone(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ctx.workspace.root / STATE
    state.write_text("{broken")
    assert "changed by somebody else" in texts(overview(ctx))
    state.unlink()
    assert "was deleted" in texts(overview(ctx))


@pytest.mark.parametrize("damage", [b"not a database", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_ledger_that_cannot_be_read_is_an_alert(ctx: Context, damage: bytes) -> None:
    for path in ctx.workspace.private.iterdir():
        path.unlink()
    ctx.workspace.ledger.write_bytes(damage)
    seen = overview(ctx)
    assert seen.has_ledger
    assert len(seen.alerts) == 1
    assert "ledger" in texts(seen)


def test_a_newer_ledger_is_an_alert(ctx: Context) -> None:
    with opened(ctx) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "version 99" in texts(overview(ctx))
