"""What an examination finds, that it changes nothing, and what repair does."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import LockedError, ReadOnlyError
from console.engine.ledger.mirror import write_mirror
from console.engine.ledger.store import backup, transaction
from console.engine.model import Check
from console.engine.observe.doctor import Finding, examine, repair
from console.engine.runs.lock import Holder, RootLock
from console.engine.runs.query import process_started
from tests.engine.ledger.filled import STATE, add_run, filled_workspace, opened, put_state, raw, state_of
from tests.support import VALIDATED, fixed_environment, make_workspace

DEAD = "20260301T100000Z-migrate-dead"
HOST = os.uname().nodename


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
        backup(ctx.workspace.ledger, ctx.workspace.ledger_backup)
    return ctx


def bad(ctx: Context) -> list[Finding]:
    return [finding for finding in examine(ctx) if finding.check != Check.PASS]


def only(ctx: Context, word: str) -> Finding:
    """The one finding that is not a pass; `word` is in its text."""
    found = bad(ctx)
    assert len(found) == 1, found
    assert word in found[0].text
    return found[0]


def snapshot(root: Path) -> dict[str, tuple[int, int, int]]:
    paths = [root, *root.rglob("*")]
    return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_size, p.lstat().st_mode) for p in paths}


def test_a_healthy_workspace_passes_and_is_left_as_it_was(ctx: Context) -> None:
    before = snapshot(ctx.workspace.root)
    findings = examine(ctx)
    assert {finding.check for finding in findings} == {Check.PASS}
    assert repair(ctx, findings) == []
    assert snapshot(ctx.workspace.root) == before


def test_a_workspace_where_nothing_ran_yet_passes(tmp_path: Path) -> None:
    ctx = open_context(make_workspace(tmp_path / "ws"), env=fixed_environment())
    assert bad(ctx) == []
    assert not ctx.workspace.private.exists()


# --- configuration -----------------------------------------------------------------------------------------


def test_a_schema_that_does_not_load_is_a_failure_with_file_and_key(ctx: Context) -> None:
    (ctx.workspace.root / "config/schemas/small.json").write_text("{")
    finding = only(ctx, "rules[0].schema")
    assert finding.check == Check.FAIL
    assert "small.json" in finding.file


def test_a_raw_zone_that_is_not_there(ctx: Context) -> None:
    os.rename(ctx.workspace.root / "data/raw/funding_sources", ctx.workspace.root / "data/raw/away")
    assert only(ctx, "raw zone").check == Check.FAIL


# --- ledger ------------------------------------------------------------------------------------------------


def test_a_damaged_ledger_is_found_and_its_copy_named(ctx: Context) -> None:
    data = bytearray(ctx.workspace.ledger.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    ctx.workspace.ledger.write_bytes(data)
    found = [finding for finding in bad(ctx) if finding.file == str(ctx.workspace.ledger)]
    assert found[0].check == Check.FAIL
    assert "ledger.backup.sqlite" in found[0].next_step


def test_what_is_no_ledger_at_all(ctx: Context) -> None:
    ctx.workspace.ledger.write_bytes(b"nonsense")
    assert any(f.check == Check.FAIL and f.file == str(ctx.workspace.ledger) for f in bad(ctx))


def test_a_newer_ledger_names_the_version_and_no_restoring(ctx: Context) -> None:
    with opened(ctx) as connection:
        connection.execute("PRAGMA user_version = 99")
    found = next(f for f in bad(ctx) if f.file == str(ctx.workspace.ledger))
    assert "99" in found.text
    assert "or a later one" in found.next_step


def test_a_missing_and_an_old_copy_of_the_ledger(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2, ended_at="2030-03-01T10:00:00.000000Z")
        connection.execute("INSERT INTO outcomes (run, path, outcome) VALUES (2, 'x', 'published')")
        add_run(connection, 3, ended_at="2040-03-01T10:00:00.000000Z")  # found nothing to do
    assert "older than the last run" in only(ctx, "copy of the ledger").text
    ctx.workspace.ledger_backup.unlink()
    assert "no copy" in only(ctx, "copy of the ledger").text


def test_intents_of_ended_runs_are_a_failure(ctx: Context) -> None:
    with opened(ctx) as connection:
        connection.execute("INSERT INTO intents (run, kind, item) VALUES (1, 'publish', '{}')")
    assert only(ctx, "never settled").check == Check.FAIL


# --- mirror ------------------------------------------------------------------------------------------------


def test_a_mirror_that_does_not_parse_has_line_column_and_repairs(ctx: Context) -> None:
    (ctx.workspace.root / STATE).write_text('{\n  "processed_files": {,}\n}')
    finding = only(ctx, "line 2, column 23")
    assert finding.check == Check.FAIL
    assert "mv " in finding.next_step


def test_each_kind_of_edit_is_a_finding(ctx: Context) -> None:
    document = state_of(ctx)
    names = list(document["processed_files"])
    del document["processed_files"][names[0]]
    document["processed_files"][names[1]]["checksum"] = "0" * 64
    document["processed_files"]["/etc/passwd"] = {}
    put_state(ctx, document)
    found = bad(ctx)
    assert [finding.check for finding in found] == [Check.WARN] * 3
    told = " / ".join(finding.text + finding.next_step for finding in found)
    for word in ("taken out of", names[0], "altered in", names[1], "not adopted", "/etc/passwd"):
        assert word in told


def test_a_deleted_mirror(ctx: Context) -> None:
    (ctx.workspace.root / STATE).unlink()
    assert "4 files count as not processed" in only(ctx, "was deleted").text


# --- runs, lock, leftovers ---------------------------------------------------------------------------------


def dead_run(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2, id=DEAD, status="running", ended_at=None, pid=2**22 + 1, host=HOST, phase="publish")


def part(ctx: Context, name: str) -> Path:
    path = ctx.workspace.root / VALIDATED / "s0" / name
    path.write_text("half")
    return path


def test_a_dead_run_and_what_it_left(ctx: Context) -> None:
    dead_run(ctx)
    part(ctx, f".data.json.{DEAD}.part")
    found = " / ".join(finding.text for finding in bad(ctx))
    assert f"run {DEAD} died in phase publish" in found
    assert "1 staged file of run" in found


def test_a_staged_file_that_nobody_knows_is_named_and_never_touched(ctx: Context) -> None:
    path = part(ctx, f".data.json.{DEAD}.part")
    part(ctx, ".something.part")  # not even our form of name
    finding = only(ctx, "looks staged")
    assert (finding.file, finding.repair) == (str(path), "")
    repair(ctx, examine(ctx))
    assert path.exists()


def test_what_a_living_run_has_staged_is_no_leftover(ctx: Context) -> None:
    me = os.getpid()
    with opened(ctx) as connection, transaction(connection):
        alive = {"status": "running", "ended_at": None, "pid": me, "pid_started": process_started(me), "host": HOST}
        add_run(connection, 2, id=DEAD, **alive, heartbeat_at="2026-03-04T05:06:06.000000Z")
    part(ctx, f".data.json.{DEAD}.part")
    (ctx.workspace.root / (STATE + ".part")).write_text("half")
    assert bad(ctx) == []


def test_a_note_of_a_dead_holder_is_found_and_removed(ctx: Context) -> None:
    note = Holder(DEAD, "migrate", "ann", HOST, 2**22 + 1, "2026-03-01T10:00:00.000000Z")
    ctx.workspace.holder.write_text(json.dumps(asdict(note)))
    finding = only(ctx, "a process that is gone")
    assert finding.repair
    repair(ctx, [finding])
    assert not ctx.workspace.holder.exists()
    assert bad(ctx) == []


def test_half_written_files_of_ours_are_removed_and_nothing_else(ctx: Context) -> None:
    state = ctx.workspace.root / (STATE + ".part")
    state.write_text("half")
    data = ctx.workspace.root / VALIDATED / "s0" / "data.part"
    data.write_text("data")
    finding = only(ctx, "half written")
    assert repair(ctx, [finding, Finding(Check.WARN, "x", repair="remove it", target=str(data.with_name("s0.json")))])
    assert not state.exists()
    assert data.exists()
    assert bad(ctx) == []


def test_repair_waits_for_nobody_and_a_read_only_session_repairs_nothing(ctx: Context) -> None:
    state = ctx.workspace.root / (STATE + ".part")
    state.write_text("half")
    findings = examine(ctx)
    lock = RootLock(ctx.workspace)
    lock.acquire(Holder("r", "migrate", "ann", HOST, os.getpid(), "now"))
    try:
        with pytest.raises(LockedError):
            repair(ctx, findings)
    finally:
        lock.release()
    with pytest.raises(ReadOnlyError):
        repair(replace(ctx, read_only=True), findings)
    assert state.exists()


# --- ownership and logs ------------------------------------------------------------------------------------


def test_modes_that_keep_the_group_out_are_found_and_repaired(ctx: Context) -> None:
    for path in (ctx.workspace.root, *ctx.workspace.root.rglob("*")):
        os.chmod(path, 0o2775 if path.is_dir() else 0o664)
    assert bad(ctx) == []
    narrow: dict[Path, tuple[int, int]] = {
        ctx.workspace.private: (0o700, 0o2770),
        ctx.workspace.ledger: (0o600, 0o660),
        ctx.workspace.root / "logs/migration": (0o755, 0o2775),
    }
    for path, (mode, _) in narrow.items():
        os.chmod(path, mode)
    findings = bad(ctx)
    assert {finding.file for finding in findings} >= {str(path) for path in narrow}
    repair(ctx, findings)
    assert {path: stat.S_IMODE(os.stat(path).st_mode) for path in narrow} == {p: m for p, (_, m) in narrow.items()}
    assert [finding for finding in bad(ctx) if finding.repair] == []


@pytest.mark.parametrize("which", ["logs/migration", "logs/migration/migration.log"])
def test_a_link_where_logs_belong_is_a_failure(ctx: Context, tmp_path: Path, which: str) -> None:
    outside = tmp_path / "outside"
    path = ctx.workspace.root / which
    if path.is_dir():
        os.rename(path, outside)
    path.symlink_to(outside)
    found: list[Any] = [finding for finding in bad(ctx) if finding.check == Check.FAIL]
    assert any("link" in finding.text for finding in found)


def test_hostile_names_are_data_in_findings(ctx: Context) -> None:
    add = state_of(ctx)
    add["processed_files"][raw("x\n\x1b]0;evil\x07")] = 5
    put_state(ctx, add)
    assert "\x1b" in only(ctx, "not adopted").next_step  # fronts make it visible
