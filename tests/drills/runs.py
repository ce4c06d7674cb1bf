"""Drills about runs: interrupted, failed, out of room, in each other's way."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.drills.model import Broken
from tests.drills.ruin import done, waiting
from tests.faults.checker import LEDGER, VALIDATED, tree
from tests.faults.scenario import end_all, first_name, migrate, run, start, wait_for
from tests.support.hold import hold, stopped


def _killed(folder: Path, failpoint: str) -> Broken:
    broken = Broken(waiting(folder), {"how": "No, or", "go": "Publish"})
    killed = migrate(broken.root, "--foreground", failpoint=failpoint)
    assert killed.status == -signal.SIGKILL, killed.text
    return broken


def renamed(folder: Path) -> Broken:
    return _killed(folder, "batch.renamed:1")


def intended(folder: Path) -> Broken:
    return _killed(folder, "batch.intended:1")


def recorded(folder: Path) -> Broken:
    return _killed(folder, "run.recorded:1")


def leftovers(folder: Path) -> Broken:
    """Staged files of two dead runs, one of which the ledger does not know any more."""
    broken = _killed(folder, "stage.written:4")
    (part, *_) = (broken.root / VALIDATED).rglob(".*.part")
    words = part.name.split(".")
    words[-2] = "20240101T000000Z-migrate-0000"
    stray = part.parent / ".".join(words)
    stray.write_bytes(b"half a fi")
    broken.answers |= {"how": "No, but", "stray": lambda root: stray.rename(root.parent / "stray")}
    return broken


def touched(folder: Path) -> Broken:
    """A published file was emptied by hand before the next run could settle it."""
    broken = _killed(folder, "batch.renamed:1")
    place = broken.root / VALIDATED / first_name(0)
    place.write_bytes(b"[]")
    refused = run(broken.root, "verify", "--json")
    assert refused.status == 5, refused.text

    def decide(root: Path) -> None:
        place.rename(root.parent / "torn.json")  # the operator's decision: that one is nobody's
        again = run(root, "migrate", "--yes", "--override", "recovery", "--reason", "it was torn by hand")
        assert again.status in (0, 1), again.text

    def judge() -> None:
        assert place.read_bytes() != b"[]"

    broken.answers |= {"how": "Yes", "touched": decide, "go": "Nothing"}
    broken.judge = judge
    return broken


def published_wrongly(folder: Path) -> Broken:
    """What a run published is taken back, and published again when the cause is gone."""
    broken = Broken(waiting(folder))
    bad = migrate(broken.root)
    after = tree(broken.root)

    def judge() -> None:
        assert tree(broken.root) == after

    broken.answers |= {"which": bad.summary["run"], "decide": "Yes", "retry": "Yes", "reason": "the schema was right"}
    broken.judge, broken.more = judge, {"spent": True}
    return broken


def published_wrongly_and_kept_back(folder: Path) -> Broken:
    broken = Broken(waiting(folder))
    before = tree(broken.root)
    bad = migrate(broken.root)

    def judge() -> None:
        assert tree(broken.root) == before

    broken.answers |= {"which": bad.summary["run"], "decide": "Yes", "retry": "Not yet"}
    broken.judge, broken.more = judge, {"spent": True}
    return broken


def held(folder: Path) -> Broken:
    """A rollback took a run back, and what it took is held."""
    broken = Broken(waiting(folder), more={"spent": True})
    bad = migrate(broken.root)
    after = tree(broken.root)
    back = run(broken.root, "rollback", bad.summary["run"], "--yes", "--confirm", broken.root.name)
    assert back.status == 0, back.text

    def judge() -> None:
        assert tree(broken.root) == after

    broken.answers |= {"which": bad.summary["run"], "how": "Yes", "reason": "it was right"}
    broken.judge = judge
    return broken


def _full(folder: Path, how: str) -> Broken:
    """ENOSPC at the first intent: the batch in hand was undone, the rest was not tried."""
    broken = Broken(waiting(folder), more={"spent": True})
    ran_full = migrate(broken.root, failpoint="batch.intended:1:28")
    assert ran_full.summary["counts"]["not_tried"] > 0, ran_full.text
    broken.answers |= {"how": how, "which": ran_full.summary["run"]}
    return broken


def full_pruned(folder: Path) -> Broken:
    return _full(folder, "Prune")


def full_room_made(folder: Path) -> Broken:
    return _full(folder, "Room")


def full_taken_back(folder: Path) -> Broken:
    return _full(folder, "Take")


def others_run(folder: Path) -> Broken:
    """A colleague's migrate holds the lock and stands still; its owner agrees that it is asked to stop."""
    broken = Broken(waiting(folder))
    environ = {"OPSCONSOLE_FAILPOINT": "batch.intended:1:stop"}
    other = start(broken.root, "migrate", "--yes", "--json", "--foreground", env=environ)
    wait_for(lambda: stopped(other.process.pid), "the other run to stand still")
    hold(other.process.pid, broken.root)
    with closing(sqlite3.connect(broken.root / LEDGER)) as connection:
        (name,) = connection.execute("SELECT id FROM runs ORDER BY seq DESC LIMIT 1").fetchone()

    def goes_on(root: Path) -> None:
        os.kill(other.process.pid, signal.SIGCONT)
        ended = other.finish()
        assert ended.status == 1, ended.text

    def rest() -> None:
        assert migrate(broken.root).status == 1

    broken.answers |= {"how": "Ask", "which": name[-4:], "free": goes_on}
    broken.judge, broken.close = rest, lambda: end_all(other.mark)
    return broken


def refused(folder: Path) -> Broken:
    """The gate has refused a run, since somebody has stopped processing; by now they have allowed it again."""
    broken = Broken(waiting(folder))
    assert run(broken.root, "maintenance", "on", "--reason", "the disk is replaced").status == 0
    bad = migrate(broken.root)
    assert bad.status == 4, bad.text
    assert run(broken.root, "maintenance", "off").status == 0
    with closing(sqlite3.connect(broken.root / LEDGER)) as connection:
        (name,) = connection.execute("SELECT id FROM runs ORDER BY seq DESC LIMIT 1").fetchone()
    broken.answers |= {"which": name[-4:], "what": "It is over"}
    return broken


def stopped_processing(folder: Path) -> Broken:
    broken = Broken(done(folder))
    assert run(broken.root, "maintenance", "on", "--reason", "the disk is replaced").status == 0
    return broken
