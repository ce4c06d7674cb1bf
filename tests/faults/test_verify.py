"""Flipped bits in raw, validated, backups and archives: all are found, mended where a copy is, nothing else moves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.damage import Facts, flip, flip_some, mendable, snapshot
from tests.faults.scenario import Done, add_second, make_fresh, migrate, run
from tests.support.cli import run_cli

CHANGES = ("change.staged", "change.intended", "change.put", "change.done", "change.recorded")


def make_past(root: Path, files: int = 12) -> Path:
    """Two versions published, one source archived by `--operation move`: files in every zone, all settled."""
    scenario = make_fresh(root, files)
    assert migrate(scenario.root).status == 1
    add_second(scenario, files)
    moved = migrate(scenario.root, "--operation", "move", "--source", "alpha")
    assert moved.status == 0 and moved.summary["counts"]["moved"], moved.text
    assert migrate(scenario.root).status == 1
    return scenario.root


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Made once; a test that changes it leaves it whole and of the same bytes."""
    place = tmp_path_factory.mktemp("verify")
    yield make_past(place / "ws")
    shutil.rmtree(place)


def verify(root: Path, *args: str) -> Done:
    return run(root, "verify", "--json", *args, timeout=600)


def repair(root: Path, **more: object) -> Done:
    return run(root, "verify", "--repair", "--yes", "--json", timeout=600, **more)


def rollback(root: Path, name: str) -> Done:
    return run(root, "rollback", name, "--yes", "--confirm", root.name, "--json", timeout=600)


def named(done: Done) -> set[str]:
    """The files that a verify says are not whole."""
    return {event["dest"] for event in done.events if event.get("event") == "file"}


def differing(before: dict[str, Facts], after: dict[str, Facts]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def scrub(root: Path, number: int, seed: int) -> None:
    """Flip, find, mend, undo, mend again."""
    whole = snapshot(root)
    assert verify(root).status == 0
    flipped = flip_some(root, number, seed)
    good = mendable(root, flipped)
    assert good, "the test flipped every copy"
    damaged = snapshot(root)
    found = verify(root)
    assert found.status == 1, found.text
    assert named(found) == set(flipped)
    assert found.summary["counts"]["damaged"] == len(flipped)
    assert differing(damaged, snapshot(root)) == set(), "verify changed something"

    plan = run(root, "verify", "--repair", "--dry-run", "--json", timeout=600)
    left = {event["path"] for event in plan.events if event["event"] == "left"}
    assert left == set(flipped) - good
    mended = repair(root)
    assert mended.status == (1 if left else 0), mended.text
    kept = f"{checker.BACKUPS}/{mended.summary['run']}/"
    after = {name: facts for name, facts in snapshot(root).items() if not name.startswith(kept)}
    assert differing(whole, after) == left, "all that could be mended, bytes, time and mode, and nothing else"
    assert {name: after[name] for name in left} == {name: damaged[name] for name in left}
    assert list(checker._shared_inodes(root)) == []
    again = verify(root)
    assert named(again) == left

    undone = rollback(root, mended.summary["run"])
    assert undone.status == 0, undone.text
    backups = tuple(f"{checker.BACKUPS}/{done.summary['run']}/" for done in (mended, undone))
    after = {name: facts for name, facts in snapshot(root).items() if not name.startswith(backups)}
    assert differing(damaged, after) == set(), "the damaged originals are back"
    assert named(verify(root)) == set(flipped)
    assert repair(root).status == (1 if left else 0)
    assert named(verify(root)) == left


def test_every_flip_is_found_and_what_has_a_copy_is_mended(past: Path, tmp_path: Path) -> None:
    root = make_past(tmp_path / "ws")
    scrub(root, 24, seed=4)


@pytest.mark.soak
def test_a_thousand_flips(tmp_path: Path) -> None:
    root = make_past(tmp_path / "ws", files=600)
    assert len(snapshot(root)) > 2000
    scrub(root, 1000, seed=1)


def unpublished(root: Path, number: int, seed: int) -> None:
    """Flipped raw files are judged again by everything that reads them: nothing of them is published."""
    flip_some(root, number, seed)
    before = checker.tree(root)
    for command in (
        ("reprocess", "--all"),
        ("reprocess", "--failed"),
        ("migrate", "--checksum"),
        ("migrate",),
    ):
        done = run(root, *command, "--yes", "--json", timeout=600)
        assert done.status in (1, 4), done.text  # 4: so many failures are a brake's business
        assert checker.tree(root) == before, f"{command} published damage"
    log = (root / "logs/migration/migration.log").read_text()
    assert "Checksum mismatch" in log


def test_no_flip_is_published_before_a_verify(tmp_path: Path) -> None:
    root = make_fresh(tmp_path / "ws", 12).root
    assert migrate(root).status == 1
    unpublished(root, 30, seed=2)
    found = verify(root)
    assert found.status == 1
    assert {event["outcome"] for event in found.events if event["event"] == "file"} == {"damaged"}


@pytest.mark.soak
def test_no_flip_of_a_thousand_is_published(tmp_path: Path) -> None:
    root = make_fresh(tmp_path / "ws", 900).root
    assert migrate(root).status == 1
    unpublished(root, 1000, seed=3)


def test_kill_at_every_turn_of_a_repair(past: Path) -> None:
    """Each file is the damaged or the good one, and the next repair comes to the same end."""
    root = past
    whole = snapshot(root)
    for number, name in enumerate(CHANGES):
        assert flip_some(root, 12, seed=100 + number, copied=True)
        damaged = snapshot(root)
        assert verify(root).status == 1
        killed = run(root, "verify", "--repair", "--yes", "--foreground", failpoint=f"{name}:1")
        assert killed.status == -signal.SIGKILL, f"no repair comes past {name}: {killed.text}"
        for path, facts in snapshot(root).items():
            if path in whole and not path.endswith(".part"):
                assert facts.sha256 in (whole[path].sha256, damaged[path].sha256), f"{path} after {name}"
        after = repair(root)
        assert after.status == 0, f"after {name}: {after.text}"
        now = {path: facts for path, facts in snapshot(root).items() if path in whole}
        assert differing(whole, now) == set(), f"after {name}"
        assert verify(root).status == 0, f"after {name}"
        assert not [path for path in checker.walk_files(root / "data") if path.name.endswith(".part")]
        assert list(checker._shared_inodes(root)) == []


def test_missing_files_come_back(past: Path) -> None:
    """A deleted copy, raw file and backup are missing, and are put back; with that undone they are missing again."""
    whole = snapshot(past)
    taken = {}
    for zone in (checker.VALIDATED, checker.RAW, checker.BACKUPS):
        copies = [name for name, facts in whole.items() if name.startswith(zone + "/") and _twice(whole, facts)]
        gone = [whole[name].sha256 for name in taken.values()]
        taken[zone] = next(name for name in copies if whole[name].sha256 not in gone)
        (past / taken[zone]).unlink()
    found = verify(past)
    assert found.status == 1, found.text
    assert named(found) == set(taken.values())
    assert found.summary["counts"]["lost"] == 3
    mended = repair(past)
    assert mended.status == 0, mended.text
    assert {name: facts.sha256 for name, facts in snapshot(past).items()} == {
        name: facts.sha256 for name, facts in whole.items()
    }
    assert rollback(past, mended.summary["run"]).status == 0
    assert named(verify(past)) == set(taken.values())
    assert repair(past).status == 0
    assert verify(past).status == 0


def test_a_subject_with_several_files_comes_back_whole_over_several_batches(
    past: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its published copy and its backup are mended in one batch, taken back in two: none is forgotten."""
    from console.engine.actions.change import batches
    from console.engine.actions.rollback.model import RollbackParams
    from console.engine.context import open_context
    from console.engine.runs.start import run_foreground

    whole = snapshot(past)
    place = next(path for path in checker.walk_files(past / checker.BACKUPS) if path.name == "_metadata.json")
    copy = past / checker.VALIDATED / place.relative_to(past / checker.BACKUPS).as_posix().split("/", 1)[1]
    chance = random.Random(6)
    flip(place, chance)
    flip(copy, chance)
    damaged = snapshot(past)
    assert verify(past).status == 1
    mended = repair(past)
    assert mended.summary["counts"]["restored"] == 2, mended.text
    monkeypatch.setattr(batches, "_FILES", 1)
    assert run_foreground(open_context(past), "rollback", RollbackParams(mended.summary["run"])) == 0
    assert {name: snapshot(past)[name] for name in damaged} == damaged
    assert verify(past).status == 1
    assert repair(past).status == 0
    assert {name: snapshot(past)[name].sha256 for name in whole} == {name: f.sha256 for name, f in whole.items()}


def _twice(whole: dict[str, Facts], facts: Facts) -> bool:
    return sum(other.sha256 == facts.sha256 for other in whole.values()) > 1


def test_the_parts_together_are_everything(past: Path) -> None:
    read = [verify(past, "--subset", f"{night}/3").summary["counts"]["whole"] for night in range(1, 4)]
    assert sum(read) == verify(past).summary["counts"]["whole"]
    assert all(read)


@pytest.mark.parametrize("subset", ["0/7", "8/7", "1", "1/0", "x/y"])
def test_a_part_that_is_none_is_wrong_usage(past: Path, subset: str) -> None:
    assert run_cli(past, "verify", "--subset", subset).returncode == 2


def test_a_session_that_only_reads_finds_the_same_and_writes_nothing(past: Path) -> None:
    place = next(path for path in sorted(checker.walk_files(past / checker.VALIDATED)))
    kept, facts = place.read_bytes(), place.stat()
    flip(place, random.Random(5))
    before = {path: path.stat().st_mtime_ns for path in checker.walk_files(past) if path.is_file()}
    for args in (("verify", "--dry-run", "--json"), ("--read-only", "verify", "--json", "--readback")):
        done = run(past, *args)
        assert done.status == 1, done.text
        assert [event["path"] for event in done.events if event["event"] == "file"] == [
            place.relative_to(past).as_posix()
        ]
        assert {path: path.stat().st_mtime_ns for path in checker.walk_files(past) if path.is_file()} == before
    with place.open("r+b") as file:
        file.write(kept)
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_a_raw_file_of_another_identity_changed_and_is_no_damage(past: Path) -> None:
    """The next migrate judges it; verify leaves it to that."""
    place = next(path for path in checker.walk_files(past / checker.RAW) if path.name == "data.jsonl")
    kept, facts = place.read_bytes(), place.stat()
    with place.open("ab") as file:
        file.write(b"\n")
    done = verify(past)
    assert done.status == 0, done.text
    assert "1 changed" in done.summary["message"]
    os.truncate(place, facts.st_size)
    assert place.read_bytes() == kept
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_a_manifest_that_says_other_than_the_ledger_is_named(past: Path) -> None:
    manifest = next((past / checker.ARCHIVE).rglob("SHA256SUMS"))
    kept = manifest.read_bytes()
    digit = b"0" if kept[:1] != b"0" else b"1"
    manifest.write_bytes(digit + kept[1:])
    done = verify(past)
    manifest.write_bytes(kept)
    assert done.status == 1
    assert manifest.relative_to(past).as_posix() in done.summary["message"]


def test_rows_of_a_run_that_changed_since_it_ended_are_noticed(past: Path) -> None:
    ledger = past / checker.LEDGER
    with closing(sqlite3.connect(ledger)) as connection, connection:
        row = connection.execute("SELECT id, run, sha256 FROM outcomes WHERE outcome = 'published' LIMIT 1").fetchone()
        connection.execute("UPDATE outcomes SET sha256 = ? WHERE id = ?", ["0" * 64, row[0]])
        name = connection.execute("SELECT id FROM runs WHERE seq = ?", [row[1]]).fetchone()[0]
    done = verify(past)
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("UPDATE outcomes SET sha256 = ? WHERE id = ?", [row[2], row[0]])
    assert done.status == 1
    assert name in done.summary["message"]
    assert verify(past).status == 0


def test_a_damaged_file_that_failed_is_not_published_by_any_flip(tmp_path: Path) -> None:
    """One bit makes a refused file pass: it is the same file with other bytes, so it is not believed."""
    root = make_fresh(tmp_path / "ws", 2).root
    assert migrate(root).status == 1
    place = root / checker.RAW / "gamma/manual/bad.json"
    facts, data = place.stat(), place.read_bytes()
    mended = data.replace(b": -2,", b": 12,")  # the amount that was below the minimum
    assert mended != data and len(mended) == len(data)
    with place.open("r+b") as file:
        file.write(mended)
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    for command in (("reprocess", "--failed"), ("migrate", "--checksum")):
        run(root, *command, "--yes")
        assert not (root / checker.VALIDATED / "gamma/manual/bad.json").exists(), command
    found = verify(root)
    assert named(found) == {place.relative_to(root).as_posix()}
    with place.open("r+b") as file:
        file.write(data)
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert verify(root).status == 0
