"""Adopting another program's workspace, and leaving it again: from outside, with real processes."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import RAW, VALIDATED, invalid_record, run_cli, shared_corpus, valid_record
from tests.support.their_workspace import (
    CONFIG,
    SCRIPT,
    STATE,
    THEIR_SCRIPT,
    entry,
    incumbent_workspace,
    put,
    snapshot,
    write_state,
)


def cli(root: Path, *words: str, **more: Any) -> Any:
    return run_cli(root, "--config", CONFIG, *words, **more)


def summary(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    incumbent_workspace(tmp_path / "ws")
    return tmp_path / "ws"


def test_nothing_is_published_before_it_is_adopted(theirs: Path) -> None:
    before = snapshot(theirs)
    put(theirs, RAW, "alpha/dumps/new/data.json", json.dumps([valid_record(9)]).encode())
    done = cli(theirs, "migrate", "--yes")
    assert done.returncode == 4
    assert "opsconsole adopt" in done.stderr
    assert "5 entries" in cli(theirs, "adopt", "--dry-run").stdout
    (theirs / RAW / "alpha/dumps/new/data.json").unlink()
    assert snapshot(theirs) == before


def test_a_plan_writes_nothing_at_all(theirs: Path) -> None:
    before = snapshot(theirs)
    done = cli(theirs, "adopt", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert summary(done)["counts"] == {"adopted": 5, "foreign": 0, "other_files": 0}
    assert not (theirs / ".opsconsole").exists()
    assert snapshot(theirs) == before


def test_adopted_left_and_adopted_again(theirs: Path) -> None:
    before = snapshot(theirs)
    done = cli(theirs, "adopt", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert summary(done)["counts"]["adopted"] == 5
    assert snapshot(theirs) == before
    again = cli(theirs, "migrate", "--yes", "--json")
    assert again.returncode == 0, again.stderr
    assert summary(again)["counts"]["skipped"] == 5
    assert "5 adopted" in cli(theirs, "migrate", "--dry-run").stdout
    assert snapshot(theirs) == before
    left = cli(theirs, "leave", "--yes")
    assert left.returncode == 0, left.stderr
    assert snapshot(theirs) == before
    assert "given back" in cli(theirs, "migrate", "--yes").stderr
    back = cli(theirs, "adopt", "--yes", "--json")
    assert back.returncode == 0
    assert cli(theirs, "migrate", "--yes").returncode == 0
    assert rows(theirs, "SELECT status, count(*) FROM files GROUP BY 1") == [("adopted", 5)]
    assert snapshot(theirs) == before


def test_each_entry_gets_the_verdict_that_the_disk_gives(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    entries = incumbent_workspace(root, 5)
    names = sorted(key.removeprefix(f"{RAW}/") for key in entries)
    changed, gone, missing, differs, fine = names
    put(root, RAW, changed, json.dumps([valid_record(77), valid_record(78)]).encode())
    (root / RAW / gone).unlink()
    (root / VALIDATED / missing).unlink()
    wrong = bytearray((root / VALIDATED / differs).read_bytes())
    wrong[-3] ^= 1
    put(root, VALIDATED, differs, bytes(wrong))
    put(root, VALIDATED, "flat.json", b"[]")
    put(root, "data/_backups", "data.json", b"old")
    entries["data/raw/elsewhere/x.json"] = entries[f"{RAW}/{fine}"]
    entries["nonsense"] = {"checksum": 5}
    write_state(root, entries)
    before = snapshot(root)
    plan = cli(root, "adopt", "--dry-run").stdout
    assert "1 backup of the other program" in plan
    assert "flat.json" in plan
    done = cli(root, "adopt", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    counts = summary(done)["counts"]
    assert (counts["adopted"], counts["foreign"]) == (3, 4)
    assert snapshot(root) == before
    assert rows(root, "SELECT path FROM foreign_files") == [(f"{VALIDATED}/flat.json",)]
    assert {row[0] for row in rows(root, "SELECT path FROM files")} == {f"{RAW}/{n}" for n in (changed, gone, fine)}
    ran = cli(root, "migrate", "--yes", "--json")
    assert ran.returncode == 0, ran.stderr
    # the changed source is a new version, what is missing or differs comes from raw again, with a backup
    assert summary(ran)["counts"]["processed"] == 3
    assert (root / VALIDATED / changed).read_bytes() == (root / RAW / changed).read_bytes()
    assert (root / VALIDATED / differs).read_bytes() == (root / RAW / differs).read_bytes()
    backups = [path for path in (root / "data/_backups").rglob("*.json") if path.name == "data.json"]
    assert len(backups) == 3  # theirs, the changed one, the one that differed
    assert (root / VALIDATED / gone).exists()
    assert (root / VALIDATED / "flat.json").read_bytes() == b"[]"
    written = json.loads((root / STATE).read_text())["processed_files"]
    assert set(written) >= {f"{RAW}/{name}" for name in names} | {"data/raw/elsewhere/x.json", "nonsense"}


@pytest.mark.parametrize("turn", [1, 2])
def test_killed_half_way_it_goes_on(theirs: Path, turn: int) -> None:
    before = snapshot(theirs)
    env = {"OPSCONSOLE_FAILPOINT": f"adopt.recorded:{turn}"}
    killed = cli(theirs, "adopt", "--yes", env=env)
    assert killed.returncode != 0 or turn == 2
    assert snapshot(theirs) == before
    done = cli(theirs, "adopt", "--yes")
    assert done.returncode == 0, done.stderr
    assert rows(theirs, "SELECT status, count(*) FROM files GROUP BY 1") == [("adopted", 5)]
    assert snapshot(theirs) == before
    assert cli(theirs, "migrate", "--yes").returncode == 0


def test_killed_while_leaving_the_next_one_finishes_it(theirs: Path) -> None:
    before = snapshot(theirs)
    assert run_cli(None, "init", str(theirs), cwd=theirs).returncode == 0
    assert run_cli(theirs, "adopt", "--yes").returncode == 0
    run_cli(theirs, "leave", "--yes", env={"OPSCONSOLE_FAILPOINT": "leave.put-back:1"})
    done = run_cli(theirs, "--config", CONFIG, "leave", "--yes")
    assert done.returncode == 0, done.stderr
    after = snapshot(theirs)
    assert {path: after[path] for path in before} == before


def test_a_state_file_that_does_not_parse_is_not_adopted(theirs: Path) -> None:
    text = (theirs / STATE).read_text()
    (theirs / STATE).write_text(text[: len(text) // 2])
    os.utime(theirs / STATE, (1, 1))
    before = snapshot(theirs)
    done = cli(theirs, "adopt", "--yes")
    assert done.returncode == 5
    assert "line" in done.stderr
    assert snapshot(theirs) == before
    assert cli(theirs, "migrate", "--yes").returncode in (4, 5)


def test_a_failing_file_that_was_adopted_stays_published(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    entries = incumbent_workspace(root, 1)
    bad = json.dumps([invalid_record(0)]).encode()
    for zone in (RAW, VALIDATED):
        put(root, zone, "alpha/bad.json", bad)
    entries[f"{RAW}/alpha/bad.json"] = entry(root, "alpha/bad.json", bad)
    write_state(root, entries)
    assert cli(root, "adopt", "--yes").returncode == 0
    assert cli(root, "migrate", "--yes").returncode == 0
    assert (root / VALIDATED / "alpha/bad.json").read_bytes() == bad


def test_init_on_what_is_there_and_leave_put_everything_back(theirs: Path) -> None:
    before = snapshot(theirs)
    folders = {str(path.relative_to(theirs)) for path in theirs.rglob("*") if path.is_dir()}
    made = run_cli(None, "init", str(theirs), cwd=theirs)
    assert made.returncode == 0, made.stderr
    assert (theirs / f"{SCRIPT}.incumbent").read_bytes() == THEIR_SCRIPT
    assert run_cli(theirs, "adopt", "--yes").returncode == 0
    plan = run_cli(theirs, "leave", "--dry-run").stdout
    assert f"put {SCRIPT}.incumbent back as {SCRIPT}" in plan
    left = run_cli(theirs, "leave", "--yes")
    assert left.returncode == 0, left.stderr
    after = snapshot(theirs)
    assert {path: after[path] for path in before} == before
    added = set(after) - set(before)
    assert not {path for path in added if path.startswith("config/console")}, added
    assert folders <= {str(path.relative_to(theirs)) for path in theirs.rglob("*") if path.is_dir()}


@pytest.mark.corpus
def test_the_real_state_file(tmp_path: Path) -> None:
    """27 of its 30 entries are of the zone that it was run on; the other three of another place."""
    corpus = shared_corpus()
    state = json.loads((corpus / "logs/migration/migration_state.json").read_text())
    root = tmp_path / "ws"
    incumbent_workspace(root, 0)
    config = json.loads((root / CONFIG).read_text()) | {"dest_dir": "data/transformed/killed"}
    (root / CONFIG).write_text(json.dumps(config))
    expected = 0
    for path, value in state["processed_files"].items():
        relative = path.removeprefix(f"{RAW}/")
        source = corpus / "funding/raw/funding_sources" / relative
        if not source.exists():
            continue
        data = source.read_bytes()
        put(root, RAW, relative, data)
        put(root, "data/transformed/killed", relative, data)
        same = value["metadata"]["size_bytes"] == len(data)
        expected += same and value["dest_path"].startswith("data/transformed/killed/")
    (root / STATE).write_bytes((corpus / "logs/migration/migration_state.json").read_bytes())
    before = snapshot(root)
    done = cli(root, "adopt", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    counts = summary(done)["counts"]
    assert expected > 0
    assert counts["adopted"] == expected
    assert counts["adopted"] + counts["foreign"] == 30
    assert snapshot(root) == before
    assert cli(root, "leave", "--yes").returncode == 0
    assert snapshot(root) == before
