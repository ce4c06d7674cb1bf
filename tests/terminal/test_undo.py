"""From a real terminal, by keys alone: migrate, roll it back, see that it is held; archive and bring it back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.terminal.screen import Terminal


def published(root: Path) -> set[str]:
    zone = root / "data/transformed/validated"
    return {path.relative_to(zone).as_posix() for path in zone.rglob("*") if path.is_file()}


def entries(root: Path) -> int:
    return len(json.loads((root / "logs/migration/.migration_state.json").read_bytes())["processed_files"])


def runs(root: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{root}/.opsconsole/ledger.sqlite?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT action, status FROM runs ORDER BY seq").fetchall()


def migrate(t: Terminal) -> None:
    t.wait("19 new")
    t.press("a", "m")
    t.wait("[ Migrate 19 files ]")
    t.press("tab", "tab", "tab", "enter")
    t.wait("● idle")
    t.wait("10 published")


def test_a_run_is_rolled_back_and_its_files_are_held(sample: Path) -> None:
    with Terminal(sample) as t:
        migrate(t)
        assert published(sample) and entries(sample) == 10
        t.wait("[ Roll back b ]")
        t.press("b")
        t.wait("[ Roll back 20 files ]")
        t.press("tab", "tab", "tab", "enter")
        t.wait("Type the workspace's name")
        t.press(*"wrong", "tab", "enter")  # only Back can be pressed
        t.gone("Type the workspace's name")
        t.press("enter")
        t.wait("Type the workspace's name")
        t.press(*sample.name)
        t.press("tab", "tab", "enter")
        t.wait("20 removed")
        t.wait("What was taken back is held")
        t.press("1")
        t.wait("10 held")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    assert published(sample) == set() and entries(sample) == 0
    assert runs(sample) == [("migrate", "partial"), ("rollback", "done")]


def test_an_archive_is_asked_for_planned_and_rolled_back(sample: Path) -> None:
    raw = sample / "data/raw/funding_sources/sff"
    before = {path.relative_to(raw): path.read_bytes() for path in raw.rglob("*") if path.is_file()}
    with Terminal(sample, size=(120, 40)) as t:
        migrate(t)
        t.press("a", "a")
        t.wait("Archive: options")
        t.press(*"old", "tab", *"superseded", "tab", "tab", "tab", "tab", *"sff")
        t.press("tab", "tab", "tab", "tab", "enter")
        t.wait("Archive: plan")
        t.wait("[ Archive ")
        t.wait("archive sff/")
        t.press("\x1b[Z", "enter")
        t.wait("✓ archived", 30)
        t.wait("● idle")
        assert not list(raw.rglob("data.*"))
        t.press("a", "b")
        t.wait("returned")
        t.press("\x1b[Z", "enter")
        t.wait("Type the workspace's name")
        t.press(*sample.name)
        t.press("tab", "tab", "enter")
        t.wait("✓ returned")
    assert {path.relative_to(raw): path.read_bytes() for path in raw.rglob("*") if path.is_file()} == before
