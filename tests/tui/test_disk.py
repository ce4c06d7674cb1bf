"""The pane of disks in the console: a scan that is told, stopped and remembered, and what it leads to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.engine.observe import disk_walker
from console.tui.app import ConsoleApp
from tests.tui.faking import Engine, fake_engine
from tests.widgets.hosting import page, shown, until
from widgets.disk import DiskPane

HANGS = "import time; time.sleep(600)"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    engine = fake_engine(monkeypatch, tmp_path / "work")
    (engine.ctx.workspace.root / "data" / "large").write_bytes(b"x" * 3_000_000)
    return engine


def hang(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "hangs.py"
    script.write_text(HANGS)
    monkeypatch.setattr(disk_walker, "__file__", str(script))


async def test_it_scans_when_it_is_shown_first_and_files_are_among_the_folders(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "▐4 Disk▌" in shown(app)[1] and "scanned" in page(app))
        await until(pilot, lambda: "all zones" in page(app) and "Next migrate  ✓ needs" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: "work/data" in page(app) and "large" in page(app))
        assert "_backups/  ● backups" in page(app)
        await pilot.press("slash", *"large")
        await until(pilot, lambda: "_backups/" not in page(app) and "large" in page(app))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "config/" in page(app))
    assert not engine.ctx.workspace.private.exists()  # there is no folder of ours: nothing was kept


async def test_stopping_is_at_once_and_keeps_what_was_counted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hang(monkeypatch, tmp_path)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "x: stop" in page(app))
        await pilot.press("r")  # one is enough
        await pilot.press("x")
        await until(pilot, lambda: "stopped, not all counted" in page(app))


async def test_leaving_ends_a_scan(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hang(monkeypatch, tmp_path)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: app._scan is not None and app._scan._workers)
        assert app._scan is not None
        workers = list(app._scan._workers)
        await pilot.press("ctrl+q")
    for worker in workers:
        worker.process.wait(10)  # its thread lets it go a moment after the console has left


async def test_the_last_scan_is_shown_at_once_and_a_stopped_one_gives_way_to_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine.ctx.workspace.private.mkdir()
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "scanned" in page(app))
    kept = engine.ctx.workspace.private / "disk.json"
    document = json.loads(kept.read_text())
    document["at"] = "2020-01-02T03:04:05.000000Z"
    kept.write_text(json.dumps(document))
    hang(monkeypatch, tmp_path)
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "scanned 2020-01-02" in page(app) and "data/" in page(app))
        await pilot.press("r")
        await until(pilot, lambda: "x: stop" in page(app))
        await pilot.press("x")
        await until(pilot, lambda: "scanned 2020-01-02" in page(app) and "The scan was stopped" in page(app))


async def test_a_scan_that_fails_is_said(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text("raise SystemExit(1)")
    monkeypatch.setattr(disk_walker, "__file__", str(script))
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "✗ a process that counts folders has ended by itself" in page(app))


async def test_read_only_keeps_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = fake_engine(monkeypatch, tmp_path / "work", read_only=True)
    engine.ctx.workspace.private.mkdir()
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "scanned" in page(app))
    assert list(engine.ctx.workspace.private.iterdir()) == []


async def test_what_frees_room_opens_its_plan(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "scanned" in page(app))
        await pilot.press("p")
        await until(pilot, lambda: len(app.screen_stack) == 2 and "Prune backups: plan" in page(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.press("l")
        await until(pilot, lambda: "Archive logs: options" in page(app))


async def test_help(engine: Engine) -> None:
    app = ConsoleApp(engine.ctx)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("4", "question_mark")
        await until(pilot, lambda: "what the next migrate needs" in page(app) and "opsconsole disk --tree" in page(app))


def test_the_pane_is_not_loaded_before_it_is_shown() -> None:
    import subprocess
    import sys

    code = "import sys, console.tui.app; print([name for name in sys.modules if 'disk' in name])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert "widgets.disk" not in done.stdout and "disk_scan" not in done.stdout
    assert DiskPane.__module__ == "widgets.disk.pane"
