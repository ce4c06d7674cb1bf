"""The ledger and the state file with flipped bits: what is seen, by what, and what doctor puts right."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import open_context
from console.engine.errors import MirrorError
from console.engine.ledger.digests import broken_digests, ledger_problems
from console.engine.ledger.mirror import read_mirror
from console.engine.ledger.store import reading
from tests.faults.checker import LEDGER, STATE
from tests.faults.scenario import make_waiting, migrate
from tests.support.cli import run_cli

COVERED = ("outcomes", "former", "folders", "folders_gone")  # what a run's digest is taken over, and its own row


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("ledger")
    scenario = make_waiting(place / "ws", 24)
    assert migrate(scenario.root).status == 1
    yield scenario.root
    shutil.rmtree(place)


@pytest.fixture
def ws(past: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(past, tmp_path / "ws", symlinks=True))


def rows(path: Path) -> dict[str, list[Any]]:
    """Every table of a ledger, as bytes where text is none any more."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        connection.text_factory = bytes
        names = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names}


def seen_by(path: Path) -> str:
    """What notices that this ledger is not as it was: integrity, digest, or '' for nothing."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        if ledger_problems(connection):
            return "integrity"
        try:
            return "digest" if any(broken_digests(connection)) else ""
        except sqlite3.DatabaseError:
            return "unreadable"


def flips(past: Path, place: Path, number: int, seed: int) -> dict[str, int]:
    """Flip one bit at a time; counts by what saw it. No flip of what a digest covers may go unseen."""
    whole = (past / LEDGER).read_bytes()
    before = rows(past / LEDGER)
    chance = random.Random(seed)
    seen: dict[str, int] = {}
    for _ in range(number):
        bit = chance.randrange(len(whole) * 8)
        flipped = bytearray(whole)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        place.write_bytes(flipped)
        by = seen_by(place)
        try:
            changed = [name for name, found in rows(place).items() if found != before.get(name)]
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            changed = ["unreadable"]
        if changed:
            seen[by or "unseen"] = seen.get(by or "unseen", 0) + 1
        if not by:
            assert not set(changed) & set(COVERED), f"bit {bit} changed {changed} and nobody saw it"
    return seen


def test_no_flip_of_what_a_run_did_goes_unseen(past: Path, tmp_path: Path) -> None:
    seen = flips(past, tmp_path / "flipped.sqlite", 150, seed=1)
    assert seen.get("integrity") and seen.get("digest")


@pytest.mark.soak
def test_no_flip_of_many_goes_unseen(past: Path, tmp_path: Path) -> None:
    seen = flips(past, tmp_path / "flipped.sqlite", 5000, seed=2)
    assert seen["unseen"] < 0.3 * sum(seen.values()), seen


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.soak), 41])
def test_every_flip_that_changes_an_entry_of_the_state_file_is_noticed(ws: Path, step: int) -> None:
    state = ws / STATE
    whole, facts = state.read_bytes(), state.stat()
    entries = json.loads(whole)["processed_files"]
    ctx = open_context(ws)
    chance = random.Random(3)
    unnoticed = []
    with reading(ctx.workspace.ledger) as ledger:
        assert read_mirror(ctx, ledger).empty
        for place in range(0, len(whole), step):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << chance.randrange(8)
            state.write_bytes(flipped)
            os.utime(state, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # a disk leaves no trace in stat
            try:
                if json.loads(flipped)["processed_files"] == entries:
                    continue  # a space for another, or `last_updated`
            except (ValueError, KeyError):
                pass
            try:
                if read_mirror(ctx, ledger).empty:
                    unnoticed.append(place)
            except MirrorError:
                continue
    state.write_bytes(whole)
    assert unnoticed == []


def doctor(root: Path, *args: str) -> tuple[int, str]:
    done = run_cli(root, "doctor", *args)
    return done.returncode, done.stdout + done.stderr


def test_a_damaged_ledger_is_put_back_from_its_copy_and_kept(ws: Path) -> None:
    ledger = ws / LEDGER
    damaged = bytearray(ledger.read_bytes())
    for place in range(8192, len(damaged), 16384):
        damaged[place : place + 4096] = b"\xff" * len(damaged[place : place + 4096])
    ledger.write_bytes(damaged)
    status, text = doctor(ws)
    assert status == 1
    assert "put the copy in its place" in text
    status, text = doctor(ws, "--repair", "--yes")
    assert "is the ledger now" in text, text
    kept = list((ws / ".opsconsole").glob("ledger.damaged-*.sqlite"))
    assert [path.read_bytes() for path in kept] == [bytes(damaged)]
    again = migrate(ws)
    assert again.status == 1, again.text
    assert (again.summary["counts"]["processed"], again.summary["counts"]["revalidated"]) == (0, 0)
    assert seen_by(ledger) == ""


def test_changed_rows_of_a_run_come_back_from_the_copy(ws: Path) -> None:
    before = rows(ws / LEDGER)
    with closing(sqlite3.connect(ws / LEDGER)) as connection, connection:
        connection.execute("UPDATE outcomes SET backup = 'elsewhere' WHERE outcome = 'replaced'")
        connection.execute("UPDATE runs SET who = '{}' WHERE seq = 1")
    status, text = doctor(ws)
    assert status == 1
    assert "changed since it ended" in text
    _, text = doctor(ws, "--repair", "--yes")
    assert "those of the copy again" in text
    assert rows(ws / LEDGER) == before


def test_a_changed_digest_is_told_from_changed_rows_by_the_report(ws: Path) -> None:
    before = rows(ws / LEDGER)
    with closing(sqlite3.connect(ws / LEDGER)) as connection, connection:
        connection.execute("UPDATE digests SET sha256 = 'ff' WHERE run = 1")
    _, text = doctor(ws, "--repair", "--yes")
    assert "written again" in text
    assert rows(ws / LEDGER) == before


def test_a_changed_checksum_of_a_file_is_found_and_taken_from_its_run(ws: Path) -> None:
    before = rows(ws / LEDGER)
    with closing(sqlite3.connect(ws / LEDGER)) as connection, connection:
        connection.execute("UPDATE files SET sha256 = 'f' || substr(sha256, 2) WHERE sha256 NOT GLOB 'f*'")
    status, text = doctor(ws)
    assert status == 1
    assert "another checksum in the ledger than any run published" in text
    doctor(ws, "--repair", "--yes")
    assert rows(ws / LEDGER) == before
