"""Plans: what they say, that they change nothing, and that a confirmed one binds."""

from __future__ import annotations

import os
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.engine.actions.command import command_line
from console.engine.actions.migrate.plan import plan_migrate
from console.engine.context import Context, open_context
from console.engine.errors import ConfigurationError, ReadOnlyError, UsageError
from console.engine.ledger.store import transaction
from console.engine.model import MigrateParams, Plan, RunStatus
from console.engine.runs.follow import follow
from console.engine.runs.query import get_run, list_runs, process_started
from console.engine.runs.start import start_run
from tests.engine.ledger.filled import add_run, opened
from tests.support import RAW, VALIDATED, invalid_record, make_workspace, run_cli, valid_record, write_raw


def everything(root: Path) -> dict[str, tuple[int, int, int]]:
    return {str(p): (p.lstat().st_ino, p.lstat().st_mtime_ns, p.lstat().st_size) for p in sorted(root.rglob("*"))}


def run_plan(ctx: Context, plan: Plan) -> RunStatus:
    started = start_run(ctx, "migrate", plan.params, command=plan.command, plan=plan)
    for _ in follow(ctx, started.run_id, done_fd=started.done_fd):
        pass
    os.close(started.done_fd)
    started.process.wait()
    row = get_run(ctx, started.run_id)
    assert row is not None
    return row.status


@pytest.mark.parametrize("depth", ["scan", "full"])
def test_a_plan_changes_nothing(ws: Path, depth: str) -> None:
    before = everything(ws)
    plan = plan_migrate(open_context(ws), MigrateParams(), depth=depth)
    assert everything(ws) == before
    assert plan.counts["new"] == 5
    assert [reason for _, reason in plan.ignored]
    assert plan.refused == []


def test_full_plan_foretells_the_run(ws: Path) -> None:
    plan = plan_migrate(open_context(ws), MigrateParams(), depth="full")
    assert (plan.counts["publish"], plan.counts["fail"]) == (4, 1)
    assert {cause for cause, _, _ in plan.failing} == {"required:date", "category:enum"} or plan.failing
    assert sum(item.verdict != "ok" for item in plan.items) == 1


def test_command_line_says_the_same() -> None:
    params = MigrateParams(source="a b", checksum=True, sample=3)
    assert command_line("migrate", params) == "opsconsole migrate --source 'a b' --checksum --sample 3 --yes"


def test_beside_a_run_in_progress_what_it_publishes_is_no_revalidation(ws: Path) -> None:
    run_cli(ws, "migrate", "--yes")
    ctx = open_context(ws)
    write_raw(ws, "gamma/manual/two.json", valid_record(52))
    began = datetime.now(UTC) - timedelta(minutes=1)
    facts = {"pid": os.getpid(), "pid_started": process_started(os.getpid()), "host": socket.gethostname()}
    with opened(ctx) as connection, transaction(connection):
        running = add_run(connection, 9, status="running", ended_at=None, started_at=began.isoformat(), **facts)
    # renamed into place, not yet in the ledger
    shutil.copy(ws / RAW / "gamma/manual/two.json", ws / VALIDATED / "gamma/manual/two.json")
    plan = plan_migrate(ctx, MigrateParams(), depth="full")
    assert plan.beside == f"run {running} is in progress: the counts of this plan may be out of date"
    assert (plan.counts["publish"], plan.counts["revalidate"], plan.counts["backups"]) == (1, 0, 0)
    with opened(ctx) as connection, transaction(connection):
        connection.execute("UPDATE runs SET status = 'done' WHERE seq = 9")
    plan = plan_migrate(ctx, MigrateParams(), depth="full")
    assert (plan.beside, plan.counts["publish"], plan.counts["revalidate"]) == ("", 0, 1)


def test_unknown_source_is_wrong_usage(ws: Path) -> None:
    with pytest.raises(UsageError, match="no source 'nowhere'"):
        plan_migrate(open_context(ws), MigrateParams(source="nowhere"))


def test_a_broken_schema_is_the_rules_error(ws: Path) -> None:
    schema = next((ws / "config/schemas").glob("*.json"))
    schema.write_text('{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "nowhere.json"}')
    with pytest.raises(ConfigurationError):
        plan_migrate(open_context(ws), MigrateParams())


def test_files_that_came_later_wait(ws: Path) -> None:
    ctx = open_context(ws)
    plan = plan_migrate(ctx, MigrateParams())
    write_raw(ws, "delta/late.json", valid_record(50))
    assert run_plan(ctx, plan) == RunStatus.PARTIAL
    assert not (ws / VALIDATED / "delta").exists()
    assert (ws / VALIDATED / "gamma/manual/one.json").exists()


def test_a_planned_file_that_changed_is_left_alone(ws: Path) -> None:
    ctx = open_context(ws)
    plan = plan_migrate(ctx, MigrateParams())
    write_raw(ws, "gamma/manual/one.json", valid_record(51))
    (ws / RAW / "alpha/dumps/2024-02-01_000000/data.jsonl").unlink()
    assert run_plan(ctx, plan) == RunStatus.PARTIAL
    row = list_runs(ctx)[0]
    assert (row.counts.processed, row.counts.failed) == (2, 3)
    assert not (ws / VALIDATED / "gamma").exists()


def test_a_plan_out_of_date_as_a_whole_is_refused(ws: Path) -> None:
    ctx = open_context(ws)
    plan = plan_migrate(ctx, MigrateParams())
    run_cli(ws, "migrate", "--yes")
    before = everything(ws / "data")
    assert run_plan(ctx, plan) == RunStatus.REFUSED
    assert "out of date" in list_runs(ctx)[0].message
    assert everything(ws / "data") == before


def test_brake_on_a_source_that_lost_its_files(ws: Path) -> None:
    run_cli(ws, "migrate", "--yes")
    (ws / RAW / "gamma/manual/one.json").unlink()
    done = run_cli(ws, "migrate", "--yes")
    assert done.returncode == 4, done.stderr
    assert "gamma" in done.stderr + done.stdout
    released = run_cli(ws, "migrate", "--yes", "--override", "source-empty", "--reason", "withdrawn by the funder")
    assert released.returncode == 1, released.stderr
    assert run_cli(ws, "migrate", "--yes").returncode == 1  # and now it is known to be empty


def test_brake_on_many_missing_files(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {f"a/{n:03}.json": valid_record(n) for n in range(40)})
    assert run_cli(root, "migrate", "--yes").returncode == 0
    for n in range(12):
        (root / VALIDATED / f"a/{n:03}.json").unlink()
    assert run_cli(root, "migrate", "--yes").returncode == 4
    assert len(list((root / VALIDATED).rglob("*.json"))) == 28
    assert run_cli(root, "migrate", "--yes", "--override", "missing", "--reason", "lost").returncode == 0
    assert len(list((root / VALIDATED).rglob("*.json"))) == 40


def test_brake_on_failures_refuses_before_the_first_rename(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {f"a/{n:03}.json": valid_record(n) for n in range(40)})
    assert run_cli(root, "migrate", "--yes").returncode == 0
    for n in range(40, 80):
        write_raw(root, f"b/{n:03}.json", invalid_record(n) if n % 2 else valid_record(n))
    done = run_cli(root, "migrate", "--yes")
    assert done.returncode == 4, done.stderr
    assert not (root / VALIDATED / "b").exists()
    assert not list(root.rglob("*.part"))
    assert run_cli(root, "migrate", "--yes", "--override", "failures", "--reason", "known").returncode == 1
    assert len(list((root / VALIDATED / "b").iterdir())) == 20


def test_an_unknown_override_is_wrong_usage(ws: Path) -> None:
    done = run_cli(ws, "migrate", "--yes", "--override", "ledger", "--reason", "why")
    assert done.returncode == 2
    assert not (ws / VALIDATED).exists() or not list((ws / VALIDATED).rglob("*.json"))


def test_read_only_context_starts_nothing(ws: Path) -> None:
    ctx = open_context(ws, read_only=True)
    with pytest.raises(ReadOnlyError, match="read-only"):
        start_run(ctx, "migrate", MigrateParams())
