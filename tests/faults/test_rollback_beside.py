"""Copies laid by two processes: whichever of them fails, the tree is as if one had done it."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.engine.actions.change import batches, beside
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.actions.rollback.model import RollbackParams
from console.engine.model import MigrateParams
from console.engine.settings import Settings
from tests.faults.checker import VALIDATED, differences, picture, sha256_of
from tests.faults.inside import Inside
from tests.faults.test_rollback import undone
from tests.support import make_workspace, valid_record, write_raw

NAMES = [f"alpha/f{number:02}/data.json" for number in range(23)]


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """A workspace of 23 published files, each of which has another version by now; two copies are a chunk."""
    monkeypatch.setattr(batches, "SHARED", 4)
    root = make_workspace(place / "ws", {name: [valid_record(n)] for n, name in enumerate(NAMES)}, {"workers": 1})
    found = Inside(root.resolve())
    found.migrate()
    for number, name in enumerate(NAMES):
        write_raw(root, name, [valid_record(number), valid_record(1000 + number)])
    return found


@pytest.fixture
def laid(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """How many copies each process has begun, the own one first."""
    told, copy = place / "laid", Disk.stage_copy

    def watched(self: Disk, change: Change) -> None:
        with told.open("a") as file:
            file.write(f"{os.getpid()}\n")
        copy(self, change)

    monkeypatch.setattr(Disk, "stage_copy", watched)

    def found() -> list[int]:
        counts = Counter(map(int, told.read_text().split()))
        return [counts.pop(os.getpid(), 0), *counts.values()]

    return found


def parts(inside: Inside) -> list[str]:
    return sorted(path.name for path in inside.root.rglob("*.part"))


def only_in_the_other(monkeypatch: pytest.MonkeyPatch, act: Callable[[Change], object], every: int = 1) -> None:
    """Something befalls every so-manieth copy that the other process lays."""
    parent, copy, turns = os.getpid(), Disk.stage_copy, [0]

    def stage(self: Disk, change: Change) -> None:
        if os.getpid() != parent:
            turns[0] += 1
            if turns[0] % every == 0:
                act(change)
        copy(self, change)

    monkeypatch.setattr(Disk, "stage_copy", stage)


def test_both_lay_copies(inside: Inside, laid: Callable[[], list[int]]) -> None:
    _, back = undone(inside, inside.migrate)
    assert back.counts == {"restored": 23}
    own, other = laid()[0], sum(laid()[1:])
    assert own and other and own + other == 3 * 23  # back, again, and back
    assert parts(inside) == []
    with pytest.raises(ChildProcessError):  # all of them have ended
        os.waitpid(-1, os.WNOHANG)


def test_folders_that_had_to_be_made_go_with_what_failed(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inside.runs()[0]
    back = inside.rollback(first.id)
    before = picture(inside.root)
    assert not (inside.root / VALIDATED / "alpha").exists()
    copy, turns = Disk.stage, [0]

    def broken(self: Disk, change: Change, *, sparing: bool = False) -> None:
        turns[0] += 1
        if turns[0] >= 3:
            raise OSError(28, "No space left on device")
        copy(self, change, sparing=sparing)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "stage", broken)
        again = inside.rollback(back.id)
    assert again.status == 1 and not again.counts.get("restored"), again.text
    assert differences(before, picture(inside.root)) == []


def test_a_folder_that_went_elsewhere_between_two_chunks(inside: Inside) -> None:
    """It is open no more: a copy is laid where its name leads to."""
    settings: Settings = inside.context().settings
    disk = Disk(str(inside.root), settings, "run", lambda name: None)
    source = f"{VALIDATED}/{NAMES[0]}"
    digest = sha256_of(inside.root / source)
    puts = [
        Change("put", f"{VALIDATED}/alpha/f01/{name}", "", source, "", digest, 1, "restored", name)
        for name in ("one.json", "two.json")
    ]
    folder = inside.root / VALIDATED / "alpha/f01"
    assert beside._lay(disk, puts[:1]) == [0]
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    assert beside._lay(disk, puts[1:]) == [0]
    assert [path.name for path in folder.iterdir()] == [".two.json.run.part"]


def test_puts_and_takes_in_one_batch_that_fails(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        write_raw(inside.root, f"alpha/f{number:02}/more.json", [valid_record(2000 + number)])
    done = inside.migrate()
    before = picture(inside.root)
    perform, turns = Disk.perform, [0]

    def broken(self: Disk, change: Change) -> None:
        turns[0] += 1
        if turns[0] >= 20:
            raise OSError(28, "No space left on device")
        perform(self, change)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "perform", broken)
        back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"not_tried": 29}), back.text
    assert parts(inside) == [] and differences(before, picture(inside.root)) == []


@pytest.mark.parametrize("forks", [0, 1])
def test_without_another_process_it_is_done_alone(
    inside: Inside, laid: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch, forks: int
) -> None:
    done = inside.migrate()
    fork, turns = os.fork, [0]

    def refused() -> int:
        turns[0] += 1
        if turns[0] > forks:
            raise OSError(11, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", refused)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (0, {"restored": 23}), back.text
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_process_more_when_the_other_has_died(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    done = inside.migrate()
    only_in_the_other(monkeypatch, die, 4)
    share, fork = beside.StageBeside.share, os.fork

    def refused() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    def no_more(self: beside.StageBeside, *given: Any) -> None:
        os.fork = refused
        share(self, *given)

    monkeypatch.setattr(os, "fork", fork)  # put back at the end
    monkeypatch.setattr(beside.StageBeside, "share", no_more)
    monkeypatch.setattr(batches, "_FILES", 12)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (0, {"restored": 23}), back.text
    assert parts(inside) == []


def test_a_broken_disk_is_said_whoever_met_it(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    done = inside.migrate()
    before = picture(inside.root)

    def rotten(change: Change) -> None:
        raise OSError(5, "Input/output error")

    only_in_the_other(monkeypatch, rotten, 4)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"not_tried": 23}), back.text
    assert "Input/output error" in back.text
    assert parts(inside) == [] and differences(before, picture(inside.root)) == []


def test_what_is_left_alone_is_said_in_order(inside: Inside) -> None:
    done = inside.migrate()
    for number in range(20):
        for kept in inside.root.glob(f"data/_backups/*/**/f{number:02}/data.json"):
            kept.write_text("rotten")
    back = inside.rollback(done.id)
    assert back.counts == {"restored": 3, "left_alone": 20}, back.text
    said = inside.ledger(
        "SELECT o.path FROM outcomes o JOIN runs r ON r.seq = o.run"
        f" WHERE r.id = '{back.id}' AND o.outcome = 'left-alone' ORDER BY o.rowid"
    )
    assert len(said) == 20 and said == sorted(said, reverse=True)  # the newest first


def refuse(change: Change) -> None:
    raise OSError(13, "Permission denied")


def die(change: Change) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("act", [refuse, die])
@pytest.mark.parametrize("every", [1, 4])
def test_what_the_other_cannot_the_own_one_does(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, act: Callable[[Change], None], every: int
) -> None:
    only_in_the_other(monkeypatch, act, every)
    _, back = undone(inside, inside.migrate)
    assert back.counts == {"restored": 23}
    assert parts(inside) == []


def test_half_a_copy_of_one_that_died_is_written_over(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(change: Change) -> None:
        part = inside.root / Path(change.path).parent / f".{Path(change.path).name}.{inside.runs()[-1].id}.part"
        part.write_text("half")
        die(change)

    only_in_the_other(monkeypatch, half)
    _, back = undone(inside, inside.migrate)
    assert back.counts == {"restored": 23}
    assert parts(inside) == []


def test_a_ledger_that_breaks_while_both_lay_leaves_no_copy(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    done = inside.migrate()
    before = picture(inside.root)
    share = beside.StageBeside.share

    def broken(self: beside.StageBeside, puts: Any, own: Any, laid: Any, beat: object) -> None:
        def full() -> None:
            raise sqlite3.OperationalError("database or disk is full")

        share(self, puts, own, laid, full)

    with monkeypatch.context() as patch:
        patch.setattr(beside.StageBeside, "share", broken)
        back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"not_tried": 23}), back.text
    assert parts(inside) == []
    assert differences(before, picture(inside.root)) == []


@pytest.mark.parametrize("at", [1, 2, 7])
@pytest.mark.parametrize("act", [None, die])
def test_a_disk_that_breaks_leaves_no_copy_of_either(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, at: int, act: Callable[[Change], None] | None
) -> None:
    done = inside.migrate()
    before = picture(inside.root)
    if act is not None:
        only_in_the_other(monkeypatch, act, 2)
    copy, turns, parent = Disk.stage, [0], os.getpid()

    def broken(self: Disk, change: Change, *, sparing: bool = False) -> None:
        assert os.getpid() == parent
        turns[0] += 1
        if turns[0] >= at:
            raise OSError(5, "Input/output error")
        copy(self, change, sparing=sparing)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "stage", broken)
        back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"not_tried": 23}), back.text
    assert parts(inside) == []
    assert differences(before, picture(inside.root)) == []
    again = inside.rollback(done.id)
    assert (again.status, again.counts) == (0, {"restored": 23}), again.text


def test_a_backup_that_is_not_what_was_recorded_is_left_and_said(inside: Inside) -> None:
    done = inside.migrate()
    for kept in inside.root.glob(f"data/_backups/*/**/{NAMES[4].split('/')[1]}/data.json"):
        kept.write_text("rotten")
    back = inside.rollback(done.id)
    assert back.status == 1 and back.counts["restored"] == 22, back.text
    assert parts(inside) == []
    assert (inside.root / VALIDATED / NAMES[5]).read_bytes() != (inside.root / VALIDATED / NAMES[4]).read_bytes()


@pytest.mark.parametrize("failpoint", ["change.intended:1", "change.staged:1", "change.put:1", "change.put:9"])
def test_a_crash_leaves_no_copy_of_either(inside: Inside, failpoint: str) -> None:
    done = inside.migrate()
    assert inside.killed("rollback", RollbackParams(done.id), failpoint)
    inside.run("migrate", MigrateParams(), recovery="looked at")
    assert parts(inside) == []
    inside.rollback(done.id)
    assert parts(inside) == []


@pytest.mark.parametrize("at", [1, 3, 8])
def test_a_kill_while_both_lay_leaves_no_copy_of_either(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = picture(inside.root)
    done = inside.migrate()
    copy, turns = Disk.stage, [0]

    def dies(self: Disk, change: Change, *, sparing: bool = False) -> None:
        turns[0] += 1
        if turns[0] >= at:
            die(change)
        copy(self, change, sparing=sparing)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "stage", dies)
        assert inside.killed("rollback", RollbackParams(done.id), "")
    inside.run("migrate", MigrateParams(), recovery="looked at")
    assert parts(inside) == []
    again = inside.rollback(done.id)
    assert again.status == 0, again.text
    assert differences(before, picture(inside.root)) == []  # what was laid whole, the run in between has put there
