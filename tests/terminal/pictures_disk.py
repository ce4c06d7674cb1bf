"""Pictures of the pane of disks: with a history, at every size and in every look, and while it scans."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support import run_cli
from tests.terminal.pictures import SIZES, console, sample, take
from tests.widgets.hosting import page, until
from widgets.disk import DiskPane

LOOKS = (("ops-light", "light"), ("ansi-dark", "16-colours"), ("ansi-light", "16-colours-light"))


def lived_in(root: Path) -> None:
    """Backups of two runs, closed log segments, ten days of samples."""
    for run, size in (("20260301T020001Z-migrate-5e0d", 41_000_000), ("20260303T020001Z-migrate-7f3a", 63_000_000)):
        folder = root / "data" / "_backups" / run / "sff"
        folder.mkdir(parents=True)
        (folder / "data.json").write_bytes(os.urandom(1000) * (size // 1000))
    kept = root / "data" / "_backups" / "20260303T020001Z-migrate-7f3a" / "sff" / "data.json"
    os.link(kept, root / "data" / "kept-by-ann.json")
    for number in (1, 2):
        (root / "logs/migration" / f"migration.log.{number}").write_bytes(b"x" * 10_000_000)
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        query = "SELECT name, used, total, inodes, inodes_total FROM samples WHERE kind = 'filesystem'"
        name, used, total, inodes, most = connection.execute(query).fetchone()
        for day in range(1, 10):
            at = (datetime.now(UTC) - timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            row = [name, at, used - day * 312_000_000, total, inodes - day * 9000, most]
            connection.execute("INSERT INTO samples VALUES ('filesystem', ?, ?, ?, ?, ?, ?)", row)
        connection.commit()


async def disk(folder: Path) -> None:
    root = sample(folder)
    assert run_cli(root, "migrate", "--yes").returncode in (0, 1)
    lived_in(root)
    for size in SIZES:
        async with console(root, size, "ops-dark") as (app, pilot):
            await pilot.press("4")
            await until(pilot, lambda app=app: "scanned" in page(app) and "full in" in page(app), 1000)
            take(app, f"disk-{size}")
            await pilot.press("enter", "enter")
            await until(pilot, lambda app=app: "frees" in page(app))
            take(app, f"disk-backups-{size}")
            await pilot.press("escape", "r")
            pane = app.screen.query_one(DiskPane)
            await until(pilot, lambda app=app: app._scan is None and "scanned" in page(app), 1000)
            assert pane._tree is not None
            pane.freed = None
            pane.show_tree(pane._tree, scanning=True)  # as it is for the moment that a scan lasts
            await until(pilot, lambda app=app: "x: stop" in page(app))
            take(app, f"disk-scanning-{size}")
    for theme, name in LOOKS:
        async with console(root, "80x24", theme) as (app, pilot):
            await pilot.press("4")
            await until(pilot, lambda app=app: "scanned" in page(app) and "full in" in page(app), 1000)
            take(app, f"disk-{name}")
    os.environ["NO_COLOR"] = "1"
    try:
        async with console(root, "80x24", "ansi-dark") as (app, pilot):
            await pilot.press("4")
            await until(pilot, lambda: "scanned" in page(app) and "full in" in page(app), 1000)
            take(app, "disk-no-color")
    finally:
        del os.environ["NO_COLOR"]
