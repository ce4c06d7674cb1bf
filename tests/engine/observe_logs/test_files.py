"""Which logs a workspace has."""

from __future__ import annotations

import os
from pathlib import Path

from console.engine.observe.logs import LogFile, workspace_logs
from console.engine.settings.model import Settings
from console.engine.workspace.layout import Workspace

SETTINGS = Settings("config/console.toml", "toml", "0" * 64)


def listed(root: Path) -> list[tuple[str, str, int]]:
    return [(log.label, log.kind, log.rotation) for log in workspace_logs(Workspace(root), SETTINGS)]


def test_the_two_migration_logs_are_listed_before_they_exist(tmp_path: Path) -> None:
    logs = workspace_logs(Workspace(tmp_path), SETTINGS)
    assert [log.label for log in logs] == ["migration.log", "migration.json"]
    assert logs[0] == LogFile(str(tmp_path / "logs/migration/migration.log"), "migration.log", "text")


def test_rotations_runs_and_others_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "logs/migration"
    folder.mkdir(parents=True)
    for name in ("migration.log", "migration.json", "migration.log.2", "migration.log.1", "migration.json.1"):
        (folder / name).write_text("x\n")
    (folder / ".migration_state.json").write_text("{}")
    (folder / "notes.md").write_text("no log")
    (tmp_path / "logs/cron.log").write_text("x")
    os.mkfifo(tmp_path / "logs/pipe.log")
    for run, text in (("20250101T000000Z-migrate-aaaa", ""), ("20250102T000000Z-migrate-bbbb", "boom\n")):
        (tmp_path / ".opsconsole/runs" / run).mkdir(parents=True)
        (tmp_path / ".opsconsole/runs" / run / "stderr").write_text(text)
    assert listed(tmp_path) == [
        ("migration.log", "text", 0),
        ("migration.json", "structured", 0),
        ("migration.log.1", "text", 1),
        ("migration.log.2", "text", 2),
        ("migration.json.1", "structured", 1),
        ("run 20250102T000000Z-migrate-bbbb errors", "stderr", 0),
        ("logs/cron.log", "other", 0),
    ]


def test_folders_that_cannot_be_listed_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    (tmp_path / ".opsconsole").mkdir()
    (tmp_path / ".opsconsole/runs").write_text("")
    assert [label for label, _, _ in listed(tmp_path)] == ["migration.log", "migration.json"]
