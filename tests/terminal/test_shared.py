"""A workspace that another program has worked in, from the first look to giving it back: a real terminal, real runs."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import make_workspace, run_cli, valid_record
from tests.support.another import STATE, large_state, publish_as_another, upgrade_beyond, write_as_another
from tests.terminal.screen import Terminal


def files(count: int) -> dict[str, object]:
    return {f"src/{number:03}.json": [valid_record(number)] for number in range(count)}


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """Twelve files published by another program, three entries more, one backup; no trace of ours."""
    return publish_as_another(make_workspace(tmp_path / "ws", files(12)), missing=3, backups=True)


def everything_but_ours(root: Path) -> dict[str, bytes]:
    """All files but our ledger and the logs of our runs."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".opsconsole" not in path.parts and path.suffix not in (".log", ".jsonl")
        if path.name != "migration.json"
    }


def visits(root: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(root / ".opsconsole" / "ledger.sqlite")) as connection:
        return connection.execute("SELECT who, run FROM visits").fetchall()


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.soak)])
def test_found_looked_at_adopted_and_given_back_by_keys_alone(found: Path, size: tuple[int, int]) -> None:
    before = everything_but_ours(found)
    with Terminal(found, size=size) as t:
        t.wait("Another program has worked here")
        t.wait("Enter: plan to adopt them")
        assert "15 entries" in " ".join(t.page.split()) and "1 backup" in " ".join(t.page.split())
        t.press("enter")
        t.wait("Adopt 12 files")
        t.wait("3 entries whose copy is missing")
        t.wait("opsconsole adopt --yes")
        t.press("enter")  # Cancel has the focus
        t.gone("Adopt: plan")
        assert not (found / ".opsconsole").exists() and everything_but_ours(found) == before
        t.press(":")
        t.wait("Search for commands")
        t.press(*"adopt")
        t.wait("take over what another program")
        t.press("enter")
        t.wait("Adopt 12 files")
        t.press("tab", "tab", "enter")
        t.wait("12 adopted")
        t.wait("left alone")
        t.press("1")
        t.wait("12 adopted")
        t.wait("left alone, of another program: 3 entries, 1 backup")
        assert "alert" not in t.lines[0]
        t.press(":")
        t.wait("Search for commands")
        t.press(*"leave")
        t.wait("give the workspace back")
        t.press("enter")
        t.wait("Pre-flight")
        t.press("tab", "enter")
        t.wait("The other program can go on")
        t.press("1")
        t.wait("this workspace was given back to its own scripts")
        t.wait("Enter: plan to adopt it again")
        t.press("ctrl+q")
        assert t.ended(10) == 0
        assert t.left_clean()
    assert {path: data for path, data in everything_but_ours(found).items() if path in before} == before


def test_what_happened_meanwhile_is_told_at_the_next_start_and_only_then(found: Path) -> None:
    run_cli(found, "adopt", "--yes")
    with Terminal(found) as t:
        t.wait("12 adopted")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    assert [run for _, run in visits(found)] == [1]
    (found / "data/raw/funding_sources/src/new.json").write_text(json.dumps([valid_record(77)]))
    run_cli(found, "migrate", "--yes")
    with Terminal(found) as t:
        t.wait("Since you were here")
        assert "1 run, done; 1 file published" in " ".join(t.page.split())
        t.press("ctrl+q")
        assert t.ended(10) == 0
    with Terminal(found) as t:
        t.wait("nothing new")
        t.wait("To know")
        assert "Since you were here" not in t.page


def test_looking_only_leaves_no_visit_and_no_file(found: Path) -> None:
    with Terminal(found, "--read-only") as t:
        t.wait("Another program has worked here")
        t.press("enter")
        t.wait("this console is")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    assert not (found / ".opsconsole").exists()
    run_cli(found, "adopt", "--yes")
    with Terminal(found, "--read-only") as t:
        t.wait("12 adopted")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    assert visits(found) == []


def test_another_writer_and_a_broken_state_file_are_each_one_alert(found: Path) -> None:
    run_cli(found, "adopt", "--yes")
    (found / "data/raw/funding_sources/src/new.json").write_text(json.dumps([valid_record(77)]))
    run_cli(found, "migrate", "--yes")
    with Terminal(found) as t:
        t.wait("To know")
        write_as_another(found)
        t.wait("another program wrote the state file")
        t.wait("1 entry added")
        assert "! 1 alert" in t.lines[0]
        t.press("!")
        t.wait("Close")
        t.press("enter")
        t.wait("late/data.json")
        t.press("esc")
        t.gone("late/data.json")
        good = (found / STATE).read_text()
        (found / STATE).write_text(good[:500])
        t.wait("does not parse at line", 40)
        assert "! 1 alert" in t.lines[0]
        t.press("!")
        t.wait("Close")
        t.press("enter")
        t.wait("To repair it")
        assert f"mv {STATE}" in " ".join(t.page.replace("│", " ").split())


def test_a_newer_ledger_is_read_and_nothing_else(found: Path) -> None:
    run_cli(found, "adopt", "--yes")
    upgrade_beyond(found)
    ledger = (found / ".opsconsole" / "ledger.sqlite").read_bytes()
    with Terminal(found) as t:
        t.wait("opsconsole 0.9.0 has upgraded this ledger to version 7")
        t.wait("READ-ONLY")
        t.press("f5")
        t.wait("Migrate: opsconsole 0.9.0")
        t.press("6")
        t.wait("adopt")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    assert (found / ".opsconsole" / "ledger.sqlite").read_bytes() == ledger


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="switches the user")
def test_who_may_not_write_the_ledger_is_told_in_the_first_line_and_by_whom_it_can_be(found: Path) -> None:
    run_cli(found, "adopt", "--yes")
    for path in (found, *found.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for above in found.parents[:4]:
        if above.stat().st_uid == 0 and str(above).startswith("/tmp/"):
            above.chmod(0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    argv = [*nobody, sys.executable, "-P", "-m", "console", "--root", str(found)]
    with Terminal(found, argv=argv, env={"HOME": "/tmp"}, size=(120, 40)) as t:
        t.wait("READ-ONLY")
        t.press("f5")
        t.wait("writable")
        t.wait("user root")  # the plan says who could
        t.press("esc")
        t.gone("Migrate: plan")
        t.press("ctrl+q")
        assert t.ended(10) == 0 and t.left_clean()


def test_a_state_file_of_400000_entries_does_not_delay_the_first_frame(tmp_path: Path) -> None:
    small, large = (make_workspace(tmp_path / name, files(3)) for name in ("small", "large"))
    large_state(large, 400_000)
    with Terminal(small) as t:  # compiles what is not
        t.wait("3 new")
    taken = []
    for root in (small, large):
        begun = time.monotonic()
        with Terminal(root) as t:
            while "[ Rollback" not in t.page:
                assert t.ended(0) is None and time.monotonic() - begun < 60, t.page
                t.pump(0.002)
            cpu = t.cpu_seconds()
            if root is large:
                t.wait("Another program has worked here")
                assert t.cpu_seconds() - cpu < 1.0  # one window of 150 MB was read, not all of it
                t.press("enter")
                t.wait("of about")
                t.press("esc")  # and the helper ends with the dialog
                t.gone("Adopt: plan")
                t.press("ctrl+q")
                assert t.ended(3) == 0
            taken.append(cpu)
    print(f"first frame: {taken[0]:.2f} s of cpu, with 400,000 entries {taken[1]:.2f} s")
    assert taken[1] < taken[0] * 1.3 + 0.1
