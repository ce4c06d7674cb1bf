"""What happened since somebody was here: told once, kept by a short transaction, never at anybody's cost."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.environment import Who
from console.engine.ledger.store import transaction
from console.engine.model import RunStatus
from console.engine.observe.visits import record_visit, since_last_visit
from tests.engine.ledger.filled import add_run, filled_workspace, opened
from tests.support import Clock, fixed_environment, make_workspace


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ctx(tmp_path: Path, clock: Clock) -> Context:
    return filled_workspace(tmp_path / "ws", env=fixed_environment(clock=clock))


def run(ctx: Context, seq: int, who: str = "ann", counts: dict[str, int] | None = None, **values: Any) -> None:
    ended = ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    values = {"who": json.dumps({"login": who}), "counts": json.dumps(counts or {}), "ended_at": ended, **values}
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, seq, **values)


def as_user(ctx: Context, name: str) -> Context:
    return replace(ctx, env=replace(ctx.env, who=Who(name, name)))


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(root)): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in root.rglob("*")}


def test_what_ended_since_is_told_by_kind_files_and_people(ctx: Context, clock: Clock) -> None:
    assert since_last_visit(ctx) is None  # the first time there is nothing to compare with
    assert record_visit(ctx)
    assert since_last_visit(ctx) is None  # nothing has ended since
    clock.advance(3600)
    run(ctx, 2, counts={"processed": 12, "failed": 3}, status="partial")
    run(ctx, 3, "timer", {"processed": 0}, status="failed")
    run(ctx, 4, "timer", {"adopted": 5})
    with opened(ctx) as connection:
        connection.execute("INSERT INTO mirrors VALUES (NULL, 2, 'x', 1, 1, 1, '2026-03-04T05:06:07.000000Z')")
    away = since_last_visit(ctx)
    assert away is not None
    assert away.since == (clock.time - timedelta(seconds=3600)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert (away.runs, away.published, away.failed, away.adopted) == (3, 12, 3, 5)
    assert dict(away.statuses) == {RunStatus.PARTIAL: 1, RunStatus.FAILED: 1, RunStatus.DONE: 1}
    assert away.by == ("timer", "ann")
    assert away.state_file is not None and away.state_file.seq == 2
    assert record_visit(ctx)
    assert since_last_visit(ctx) is None


def test_everybody_has_a_visit_of_their_own(ctx: Context, clock: Clock) -> None:
    assert record_visit(as_user(ctx, "ann")) and record_visit(as_user(ctx, "bob"))
    clock.advance(10)
    run(ctx, 2)
    assert record_visit(as_user(ctx, "ann"))
    assert since_last_visit(as_user(ctx, "ann")) is None
    away = since_last_visit(as_user(ctx, "bob"))
    assert away is not None and away.runs == 1


def test_the_end_of_a_run_that_was_left_in_progress_is_news(ctx: Context, clock: Clock) -> None:
    run(ctx, 2, status="running", ended_at=None)
    assert record_visit(ctx)
    assert since_last_visit(ctx) is None
    clock.advance(60)
    with opened(ctx) as connection:
        ended = clock.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        connection.execute("UPDATE runs SET status = 'done', ended_at = ? WHERE seq = 2", [ended])
    away = since_last_visit(ctx)
    assert away is not None and away.runs == 1


def test_without_a_ledger_nothing_is_made(tmp_path: Path) -> None:
    ctx = open_context(make_workspace(tmp_path / "ws"), env=fixed_environment())
    before = snapshot(ctx.workspace.root)
    assert not record_visit(ctx) and since_last_visit(ctx) is None
    assert snapshot(ctx.workspace.root) == before


def test_a_read_only_session_writes_nothing_and_is_told_all_the_same(ctx: Context, clock: Clock) -> None:
    assert record_visit(ctx)
    clock.advance(5)
    run(ctx, 2)
    reader = replace(ctx, read_only=True)
    before = snapshot(ctx.workspace.root)
    assert not record_visit(reader)
    assert since_last_visit(reader) is not None
    assert snapshot(ctx.workspace.root) == before


@pytest.mark.parametrize("version", [1, 99])
def test_a_ledger_of_another_version_is_left_as_it_is(ctx: Context, version: int) -> None:
    with opened(ctx) as connection:
        if version == 1:
            connection.execute("DROP TABLE visits")
        connection.execute(f"PRAGMA user_version = {version}")
    assert not record_visit(ctx)
    assert since_last_visit(ctx) is None
    with closing(sqlite3.connect(ctx.workspace.ledger)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == version


def test_another_writer_is_waited_for_no_longer_than_a_moment(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    connect = sqlite3.connect

    def noting(*given: Any, **named: Any) -> sqlite3.Connection:
        waited.append(named.get("timeout", 5.0))
        return connect(*given, **named)

    with opened(ctx) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("console.engine.observe.visits.sqlite3.connect", noting)
        assert not record_visit(ctx)
        monkeypatch.undo()
        other.execute("ROLLBACK")
    assert waited and max(waited) <= 0.2
    assert record_visit(ctx)


def test_who_may_not_write_the_ledger_leaves_no_trace(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.engine.observe.visits.os.access", lambda path, mode: mode == os.R_OK)
    before = snapshot(ctx.workspace.root)
    assert not record_visit(ctx)
    assert snapshot(ctx.workspace.root) == before
