"""Samples: taken by every run, thinned out, read back as growth; and what a scan keeps, for whom."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import EngineError
from console.engine.ledger.store import open_writer, transaction
from console.engine.observe import samples
from console.engine.observe.disk_freeing import files_in, freeing
from console.engine.observe.disk_saved import save_tree, saved_place, saved_tree
from console.engine.observe.disk_scan import DiskScan
from console.engine.observe.disk_tree import ROOT, FolderTree
from console.engine.observe.disk_words import freeing_words
from console.engine.observe.samples import Sample, record_tree, take_samples, usage
from tests.engine.observe_disk.trees import du, grow, workspace
from tests.support import Clock, fixed_environment, run_cli


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ctx(tmp_path: Path, clock: Clock) -> Context:
    ctx = replace(workspace(tmp_path), env=fixed_environment(clock=clock))
    ctx.workspace.private.mkdir()
    open_writer(ctx.workspace.ledger).close()
    return ctx


def rows(ctx: Context, kind: str, name: str = "") -> list[Sample]:
    connection = open_writer(ctx.workspace.ledger)
    try:
        found = connection.execute("SELECT * FROM samples WHERE kind = ? ORDER BY at", [kind]).fetchall()
    finally:
        connection.close()
    return [Sample(*row) for row in found if not name or row["name"] == name]


def sample(ctx: Context, *, changed: bool = True) -> None:
    connection = open_writer(ctx.workspace.ledger)
    try:
        take_samples(ctx, connection, changed=changed)
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # the ledger's promise stands again
    finally:
        connection.close()


def test_a_run_leaves_a_sample_of_disks_and_folders(ws: Path) -> None:
    assert run_cli(ws, "migrate", "--yes").returncode == 1
    ctx = open_context(ws)
    (disk,) = rows(ctx, "filesystem")
    assert disk.total > disk.used > 0 and disk.inodes_total >= disk.inodes > 0
    folders = {each.name: each for each in rows(ctx, "folder")}
    raw = [path for path in (ws / "data/raw").rglob("*") if path.is_file() and path.name != "README.md"]
    assert (folders["raw"].inodes, folders["raw"].used) == (len(raw), sum(path.stat().st_size for path in raw))
    published = [path for path in (ws / "data/transformed").rglob("*") if path.is_file()]
    assert folders["validated"].used == sum(path.stat().st_size for path in published)
    assert folders["backups"].used == 0
    assert folders["logs"].inodes == len([path for path in (ws / "logs/migration").iterdir()])


def test_what_did_not_change_is_not_counted_again(ctx: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    backups = ctx.workspace.root / "data/_backups"
    (backups / "file").write_bytes(b"x" * 1000)
    sample(ctx)
    (backups / "more").write_bytes(b"x" * 1000)
    clock.advance(60)
    sample(ctx, changed=False)
    clock.advance(60)
    sample(ctx)
    assert [each.used for each in rows(ctx, "folder", "backups")] == [1000, 1000, 2000]
    monkeypatch.setattr(samples, "WALK_SECONDS", -1.0)  # no time left to look
    clock.advance(60)
    sample(ctx)
    assert len(rows(ctx, "folder", "backups")) == 3


def test_old_samples_are_thinned_out_and_then_forgotten(ctx: Context, clock: Clock) -> None:
    now = ctx.env.now()
    connection = open_writer(ctx.workspace.ledger)
    with transaction(connection):
        for hours in range(0, 24 * 500, 6):
            at = (now - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            connection.execute("INSERT INTO samples VALUES ('folder', 'logs', ?, 1, -1, 1, -1)", [at])
    connection.close()
    clock.advance(1)
    sample(ctx)
    kept = rows(ctx, "folder", "logs")
    days: dict[str, list[str]] = {}
    for each in kept:
        days.setdefault(each.at[:10], []).append(each.at)
    old = (now - timedelta(days=samples.EVERY_DAYS + 1)).strftime("%Y-%m-%d")
    assert all(len(found) == 1 for day, found in days.items() if day < old)
    assert sum(len(found) for day, found in days.items() if day > old) >= 4 * samples.EVERY_DAYS
    assert samples.LAST_DAYS <= len(days) <= samples.LAST_DAYS + 2
    # of an old day the last sample is the one that stays
    assert days[min(day for day in days if day > min(days))][0][11:] > "17"


def test_growth_comes_from_the_samples(ctx: Context) -> None:
    disk = usage(ctx).disks[0]
    assert usage(ctx).growths[disk.mount].days_left is None
    connection = open_writer(ctx.workspace.ledger)
    with transaction(connection):
        for day in range(10):
            at = (ctx.env.now() - timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            values = [disk.mount, at, disk.used - day * 10**9, disk.total, 10**6 - day, 10**7]
            connection.execute("INSERT INTO samples VALUES ('filesystem', ?, ?, ?, ?, ?, ?)", values)
    connection.close()
    found = usage(ctx).growths[disk.mount]
    assert found.used.per_day == pytest.approx(1e9) and found.first_full == "bytes"
    assert found.days_left == pytest.approx(disk.free / 1e9, rel=0.2)


def test_an_older_ledger_has_no_history_and_no_ledger_neither(tmp_path: Path) -> None:
    ctx = workspace(tmp_path)
    found = usage(ctx)
    assert found.disks and not found.folders
    assert not record_tree(ctx, FolderTree(str(ctx.workspace.root)))
    assert not ctx.workspace.private.exists()


# ── what a scan leaves ────────────────────────────────────────────────────────────────────────────────────────────


def scanned(ctx: Context) -> FolderTree:
    scan = DiskScan(ctx)
    assert scan.run()
    return scan.tree


def test_the_last_scan_is_there_again(ctx: Context) -> None:
    grow(ctx.workspace.root)
    tree = scanned(ctx)
    assert save_tree(ctx, tree) and record_tree(ctx, tree)
    again = saved_tree(ctx)
    assert again is not None
    assert (again.at, again.names, len(again)) == (tree.at, tree.names, len(tree))
    assert [again.row(number) for number in range(len(tree))] == [tree.row(number) for number in range(len(tree))]
    assert {each.name for each in rows(ctx, "folder")} == {"backups", "logs"}


def test_a_session_that_may_not_write_keeps_nothing(ctx: Context) -> None:
    before = sorted(ctx.workspace.private.iterdir())
    tree = scanned(ctx)
    looking = replace(ctx, read_only=True)
    assert not save_tree(looking, tree) and not record_tree(looking, tree)
    assert sorted(ctx.workspace.private.iterdir()) == before and rows(ctx, "folder") == []


@pytest.mark.parametrize(
    "change",
    [
        {"form": 99},
        {"root": "/elsewhere"},
        {"parents": [-1, 5, 0]},
        {"parents": [-1, -1, 0]},
        {"names": ["", 7]},
        {"blocks": [1]},
        {"blocks": ["x", "y", "z"]},
        {"blocks": [2**70] * 3},
        {"problems": 3},
        {"outer": [[1]]},
        {"at": None, "seconds": "x"},
    ],
    ids=str,
)
def test_a_kept_scan_that_is_not_one_is_none(ctx: Context, change: dict[str, Any]) -> None:
    assert saved_tree(ctx) is None
    (ctx.workspace.root / "only").mkdir()
    assert save_tree(ctx, scanned(ctx))
    assert saved_tree(ctx) is not None
    document = json.loads(saved_place(ctx).read_text())
    saved_place(ctx).write_text(json.dumps(document | change))
    assert saved_tree(ctx) is None
    saved_place(ctx).write_bytes(b"[" * 100_000)
    assert saved_tree(ctx) is None


def test_a_full_disk_keeps_no_scan_and_no_half_of_one(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("console.engine.observe.disk_saved.json.dump", full)
    assert not save_tree(ctx, scanned(ctx))
    assert not saved_place(ctx).exists() and not ctx.workspace.disk_part.exists()


# ── what could be freed ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_pruning_really_frees(ctx: Context) -> None:
    root = ctx.workspace.root
    backups = root / "data/_backups"
    for run in ("20260101T000000Z-migrate-aaaa", "20260102T000000Z-migrate-bbbb"):
        (backups / run).mkdir()
        (backups / run / "own").write_bytes(b"x" * 40_960)
    old, new = sorted(backups.iterdir())
    os.link(old / "own", root / "kept")  # removing the run would free nothing of it
    (old / "both").write_bytes(b"x" * 81_920)
    os.link(old / "both", new / "both")  # only both runs together
    logs = root / "logs/migration"
    (logs / "migration.log").write_bytes(b"x" * 5000)
    for name in ("migration.log.1", "migration.json.2", "other.txt.1"):
        (logs / name).write_bytes(b"x" * 20_480)
    found = freeing(ctx, scanned(ctx))
    own = 4096
    assert [row.name[-4:] for row in found.backups] == ["bbbb", "aaaa"]
    assert [row.frees for row in found.backups] == [40_960 + own, own]
    assert found.backups_frees == 40_960 + 2 * own + 81_920
    assert found.backups_size == du(backups)
    assert (found.segments, found.logs_frees) == (2, 40_960)
    assert found.logs_size == du(logs)
    backup_words, log_words = freeing_words(found)
    assert "131 kB would be free" in backup_words[0] and "prune" in backup_words[1]
    assert "41 kB in 2 closed segments" in log_words[0] and "archive" in log_words[1]


def test_nothing_to_free(tmp_path: Path) -> None:
    ctx = workspace(tmp_path)
    found = freeing(ctx, FolderTree(str(ctx.workspace.root)))
    assert found.backups_size is None and [command for _, command in freeing_words(found)] == ["", ""]


def test_the_largest_files_of_a_folder_and_how_many_more(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}").write_bytes(b"x" * (4096 * number))
    (tmp_path / "folder").mkdir()
    found = files_in(str(tmp_path), limit=3)
    assert found is not None
    assert [each.name for each in found.files] == ["19", "18", "17"]
    assert (found.more, found.more_size) == (17, sum(4096 * number for number in range(17)))
    with pytest.raises(EngineError, match="cannot be read"):
        files_in(str(tmp_path / "nothing"))


def test_a_tree_of_nothing_is_empty() -> None:
    assert FolderTree("/r").row(ROOT).size == 0
