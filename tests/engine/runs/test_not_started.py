"""A run that the system let not begin is refused, exit status 4: no file of anybody's failed."""

from __future__ import annotations

import errno
import io
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import LedgerFullError, NotStartedError
from console.engine.ledger import store, upgrade
from console.engine.ledger.store import open_reader, open_writer
from console.engine.model import MigrateParams
from console.engine.runs import process, start
from console.engine.runs.active import ActiveRun
from console.engine.runs.start import run_foreground, start_run
from tests.support import make_workspace

FULL = "Insufficient disk space"  # the runbook greps for it


def no_space(*_args: Any, **_more: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return open_context(make_workspace(tmp_path / "ws"))


def test_no_room_for_its_folder(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "make_private", no_space)
    with pytest.raises(NotStartedError, match=FULL) as error:
        start_run(ctx, "migrate", MigrateParams())
    assert error.value.exit_status == 4


def test_no_room_for_what_its_process_says(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", no_space)
    with pytest.raises(NotStartedError, match=FULL) as error:
        start_run(ctx, "migrate", MigrateParams())
    assert error.value.exit_status == 4
    assert error.value.next_step


def test_no_room_for_its_lock(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.RootLock, "acquire", no_space)
    with pytest.raises(NotStartedError, match=FULL):
        run_foreground(ctx, "migrate", MigrateParams())


def test_no_room_for_its_row(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def register(_run: ActiveRun) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(ActiveRun, "register", register)
    with pytest.raises(NotStartedError, match=FULL) as error:
        run_foreground(ctx, "migrate", MigrateParams())
    assert error.value.exit_status == 4
    assert "ledger.sqlite" in error.value.file


def test_no_room_for_the_copy_before_an_upgrade(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx.workspace.private.mkdir()
    with closing(open_writer(ctx.workspace.ledger)) as connection:
        connection.execute("PRAGMA user_version=1")
        monkeypatch.setattr(upgrade, "backup", no_space)
        with pytest.raises(NotStartedError) as error:
            upgrade.upgrade_ledger(ctx, connection, "20260101T000000Z-upgrade-0001")
    assert error.value.exit_status == 4


def test_a_ledger_that_a_full_disk_closes_is_not_a_damaged_one(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx.workspace.private.mkdir()
    ctx.workspace.ledger.write_bytes(b"no ledger at all" * 1000)
    monkeypatch.setattr(store, "no_room", lambda folder: "the disk is full: 0 bytes free")
    with pytest.raises(LedgerFullError) as error:
        open_reader(ctx.workspace.ledger)
    assert (error.value.exit_status, error.value.procedure) == (4, "full-disk")


def test_the_process_of_a_run_says_so_to_its_starter(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the error's class: the starter makes the same of it."""
    said = start._error({"error": "NotStartedError", "what": "the run could not start"}, "runs/x")
    assert isinstance(said, NotStartedError)
    reader, writer = os.pipe()
    monkeypatch.setattr(process, "run_request", no_space)
    asked = {"run": "r", "action": "migrate", "params": {}, "command": ""}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(asked).encode())))
    words = ["--root", str(ctx.workspace.root), "--config", ctx.settings.path, "--run", "r"]
    umask = os.umask(0o002)
    try:
        assert process.main([*words, "--action", "migrate", "--notify", str(writer)]) == 4
    finally:
        os.umask(umask)
        os.close(writer)
    assert b'"NotStartedError"' in os.read(reader, 65536)
    os.close(reader)
