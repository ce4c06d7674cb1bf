"""Another program that writes the state file: told from a hand edit and from an old copy, named, told of once."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context
from console.engine.ledger import mirror_find
from console.engine.ledger.mirror import MirrorDifference, honour_difference, read_mirror, write_mirror
from console.engine.ledger.mirror_memory import remembered
from console.engine.ledger.mirror_writer import Process, _runs_here
from console.engine.ledger.store import transaction
from tests.engine.ledger.filled import STATE, add_run, filled_workspace, opened, put_state, raw, state_of
from tests.engine.ledger.test_mirror_verdicts import new_file

ONE = raw("s0/dumps/2024-01-01_000000/data.json")
TWO = raw("s1/dumps/2024-01-02_000000/data.json")
WARNED = "Another program writes the state file"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs on this machine, no process is the writer."""
    monkeypatch.setattr(mirror_find, "find_process", lambda root: None)


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    """Four files of run 1, written at 05:06:07."""
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
    return ctx


def later(ctx: Context, seconds: float) -> Context:
    return replace(ctx, env=replace(ctx.env, now=lambda: ctx.env.now() + timedelta(seconds=seconds)))


def at(ctx: Context, seconds: float) -> str:
    """The time of the workspace's clock, so many seconds later, as the state file writes it."""
    return (ctx.env.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")


def publish(ctx: Context, seq: int, *paths: str) -> None:
    """Run `seq` has published these again, and written the state file."""
    with opened(ctx) as connection:
        with transaction(connection):
            add_run(connection, seq)
            for path in paths:
                connection.execute(
                    "UPDATE files SET sha256 = ?, run = ?, judged_run = ?, processed_at = ? WHERE path = ?",
                    [f"{seq:064x}", seq, seq, at(ctx, 0) + "Z", path],
                )
        assert write_mirror(ctx, connection, seq)


def theirs(ctx: Context, document: Any, moment: str) -> None:
    """Another program writes its version."""
    document["last_updated"] = moment
    put_state(ctx, document)


def read(ctx: Context) -> MirrorDifference:
    with opened(ctx) as connection:
        return read_mirror(ctx, connection)


def honour(ctx: Context, seq: int, found: MirrorDifference) -> list[tuple[str, str, str, str]]:
    lines: list[tuple[str, str, str, str]] = []
    with opened(ctx) as connection:
        if not connection.execute("SELECT 1 FROM runs WHERE seq = ?", [seq]).fetchone():
            add_run(connection, seq)
        honour_difference(ctx, connection, found, seq, tell=lambda *line: lines.append(line))
    return lines


# --- what it never knew --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "knew"), [(50.0, False), (104.0, False), (200.0, True)], ids=["before", "just after", "long after"]
)
def test_what_was_published_after_it_loaded_is_no_deletion(ctx: Context, own: float, knew: bool) -> None:
    """Run 2 wrote 100 s after run 1; the writer's first own entry is `own` seconds after run 1."""
    base = state_of(ctx)
    del base["processed_files"][ONE]
    publish(later(ctx, 100), 2, ONE, TWO)
    entry = new_file(ctx, "s0/theirs.json")
    entry["processed_at"] = at(ctx, own)
    base["processed_files"][raw("s0/theirs.json")] = entry
    theirs(ctx, base, at(ctx, 300))
    found = read(ctx)
    assert found.foreign_writer
    assert found.gone == ((ONE,) if knew else ())
    assert found.altered == ((TWO,) if knew else ())  # an older value of ours, or another's
    assert found.pending == (0 if knew else 2)
    honour(ctx, 3, found)
    with opened(ctx) as connection:
        assert write_mirror(ctx, connection, 3)
    assert (ONE in state_of(ctx)["processed_files"]) is not knew


def test_what_it_had_loaded_and_has_no_more_was_taken_out(ctx: Context) -> None:
    """Its version has entries of run 2: it knew them all, and somebody took one out before."""
    publish(later(ctx, 100), 2, ONE, TWO)
    document = state_of(ctx)
    del document["processed_files"][ONE]
    entry = new_file(ctx, "s0/theirs.json")
    entry["processed_at"] = at(ctx, 101)
    document["processed_files"][raw("s0/theirs.json")] = entry
    theirs(ctx, document, at(ctx, 102))
    assert read(ctx).gone == (ONE,)


def test_the_start_of_its_process_counts_where_it_is_seen(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    base = state_of(ctx)
    del base["processed_files"][ONE]
    publish(later(ctx, 100), 2, ONE)
    entry = new_file(ctx, "s0/theirs.json")
    entry["processed_at"] = at(ctx, 250)
    base["processed_files"][raw("s0/theirs.json")] = entry
    theirs(ctx, base, at(ctx, 300))
    assert read(ctx).gone == (ONE,)
    began = ctx.env.now().timestamp() + 60
    monkeypatch.setattr(mirror_find, "find_process", lambda root: Process(7, "bob", began, "python migrate.py"))
    found = read(ctx)
    assert found.gone == ()
    assert "process 7 of bob since 2026-03-04 05:07:07 UTC: python migrate.py" in found.foreign_writer


def test_entries_adopted_from_it_before_tell_when_it_loaded(ctx: Context) -> None:
    """It goes on through two of our runs: its first entries are adopted by the first, its base stays the same."""
    base = state_of(ctx)
    entry = new_file(ctx, "s0/theirs.json")
    entry["processed_at"] = at(ctx, 50)
    base["processed_files"][raw("s0/theirs.json")] = entry
    theirs(ctx, json.loads(json.dumps(base)), at(ctx, 50))
    honour(ctx, 2, read(ctx))
    publish(later(ctx, 100), 3, ONE)
    del base["processed_files"][ONE]
    theirs(ctx, base, at(ctx, 300))
    found = read(ctx)
    assert (found.gone, found.pending) == ((), 1)


# --- the same file, published by both -----------------------------------------------------------------------


def test_the_same_bytes_published_by_both_are_one_file(ctx: Context) -> None:
    document = state_of(ctx)
    document["processed_files"][ONE]["processed_at"] = at(ctx, 20)
    document["processed_files"][ONE]["validation_info"]["file_size_bytes"] += 3
    copy = ctx.workspace.path(document["processed_files"][ONE]["dest_path"])
    shutil.copy(copy, copy.with_name("x"))
    os.replace(copy.with_name("x"), copy)
    theirs(ctx, document, at(ctx, 20))
    found = read(ctx)
    assert (found.twice, found.altered, found.gone) == ((ONE,), (), ())
    assert [line[:2] for line in honour(ctx, 2, found)] == [("WARNING", WARNED)]
    with opened(ctx) as connection:
        row = connection.execute("SELECT dest_inode, processed_at FROM files WHERE path = ?", [ONE]).fetchone()
        assert row["dest_inode"] == copy.stat().st_ino
        assert write_mirror(ctx, connection, 2)
    assert state_of(ctx)["processed_files"][ONE]["processed_at"] + "Z" == row["processed_at"]


def test_a_copy_with_other_bytes_is_not_taken_for_ours(ctx: Context) -> None:
    document = state_of(ctx)
    document["processed_files"][ONE]["processed_at"] = at(ctx, 20)
    copy = ctx.workspace.path(document["processed_files"][ONE]["dest_path"])
    copy.write_bytes(copy.read_bytes().replace(b"G-", b"g-"))
    with opened(ctx) as connection:
        before = tuple(connection.execute("SELECT * FROM files WHERE path = ?", [ONE]).fetchone())
    theirs(ctx, document, at(ctx, 20))
    honour(ctx, 2, read(ctx))
    with opened(ctx) as connection:
        assert tuple(connection.execute("SELECT * FROM files WHERE path = ?", [ONE]).fetchone()) == before


# --- told ----------------------------------------------------------------------------------------------------


def test_it_is_warned_of_once_a_run_and_forgotten_when_it_comes_no_more(ctx: Context) -> None:
    for seq, seconds in ((2, 20), (2, 21), (3, 30)):
        document = state_of(ctx)
        document["processed_files"][ONE]["checksum"] = f"{seconds:064x}"
        document["processed_files"][f"../{seconds}"] = {}
        theirs(ctx, document, at(ctx, seconds))
        lines = honour(ctx, seq, read(ctx))
        warnings = [message for level, message, _, _ in lines if level == "WARNING"]
        assert warnings == ([] if seconds == 21 else [WARNED])
        assert {file for level, _, file, _ in lines if level == "INFO"} >= {ONE, f"../{seconds}"}
        with opened(ctx) as connection:
            writer = remembered(connection).writer
            assert writer is not None and writer["run"] == seq
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 3)
        assert remembered(connection).writer is not None
    assert honour(ctx, 4, read(ctx)) == []
    with opened(ctx) as connection:
        assert remembered(connection).writer is None


def test_a_version_that_was_judged_is_not_told_of_again(ctx: Context) -> None:
    document = state_of(ctx)
    del document["processed_files"][ONE]
    theirs(ctx, document, at(ctx, 20))
    assert read(ctx).foreign_writer
    honour(ctx, 2, read(ctx))
    del document["processed_files"][TWO]
    put_state(ctx, document)  # a person, in the program's version
    found = read(ctx)
    assert (found.gone, found.foreign_writer) == ((TWO,), "")


# --- old copies of its versions ------------------------------------------------------------------------------


def test_bak_may_be_its_version_and_undoes_one_run_all_the_same(ctx: Context) -> None:
    """What stood there before our write becomes .bak, also when another program wrote it."""
    document = state_of(ctx)
    document["processed_files"][raw("s0/theirs.json")] = new_file(ctx, "s0/theirs.json")
    theirs(ctx, document, at(ctx, 20))
    honour(ctx, 2, read(ctx))
    publish(later(ctx, 25), 3, ONE)
    assert (ctx.workspace.root / f"{STATE}.bak").read_text() == json.dumps(document, indent=2)
    shutil.copy(ctx.workspace.root / f"{STATE}.bak", ctx.workspace.root / STATE)
    found = read(ctx)
    assert (found.restored_run, found.gone, found.altered) == (2, (ONE,), ())
    assert found.foreign_writer == ""


def test_an_old_copy_of_its_version_is_no_new_writing(ctx: Context) -> None:
    document = state_of(ctx)
    document["processed_files"][raw("s0/theirs.json")] = new_file(ctx, "s0/theirs.json")
    publish(later(ctx, 3600), 2, ONE)
    theirs(ctx, document, at(ctx, 20))
    found = read(ctx)
    assert (found.foreign_writer, found.altered, found.gone) == ("", (), (ONE,))
    assert [entry.path for entry in found.added] == [raw("s0/theirs.json")]


# --- its process ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "place", "runs"),
    [
        ("python3 scripts/migration/migrate.py --config x", "{root}", True),
        ("/usr/bin/python {root}/scripts/migration/migrate.py", "/", True),
        ("python3.9 -u migrate.py", "{root}/scripts/migration", True),
        ("python3 /opt/old/migrate.py", "{root}", True),
        ("{root}/scripts/migration/migrate.py", "/", True),
        ("python scripts/migration/migrate.py", "", True),  # another user's: its folder is not shown
        ("python elsewhere/migrate.py", "", False),
        ("python scripts/migration/migrate.py", "/srv/other", False),
        ("python {root}x/migrate.py", "/", False),
        ("vi scripts/migration/migrate.py", "{root}", False),
        ("python manage.py migrate", "{root}", False),
        ("", "{root}", False),
    ],
)
def test_which_process_is_taken_for_it(tmp_path: Path, words: str, place: str, runs: bool) -> None:
    root = tmp_path / "ws"
    (root / "scripts/migration").mkdir(parents=True)
    (root / "scripts/migration/migrate.py").touch()
    command = words.format(root=root).split()
    assert _runs_here(command, place.format(root=root), root) is runs
