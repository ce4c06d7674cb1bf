"""Copies laid by two processes: whichever of them fails, the tree is as if one had done it."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.engine.actions.change import batches, beside
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.actions.rollback.model import RollbackParams
from console.engine.model import MigrateParams
from tests.faults.checker import VALIDATED, differences, picture
from tests.faults.inside import Inside
from tests.faults.test_rollback import undone
from tests.support import make_workspace, valid_record, write_raw

NAMES = [f"alpha/f{number:02}/data.json" for number in range(23)]


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """A workspace of 23 published files, each of which has another version by now; three copies are a chunk."""
    for module in (batches, beside):
        monkeypatch.setattr(module, "CHUNK", 3)
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

    def lay(self: beside.StageBeside, chunks: list[list[Change]], beat: Callable[[], object]) -> Iterator[Any]:
        def broken() -> None:
            raise sqlite3.OperationalError("database or disk is full")

        return given(self, chunks, broken)

    given = beside.StageBeside.lay
    with monkeypatch.context() as patch:
        patch.setattr(beside.StageBeside, "lay", lay)
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
