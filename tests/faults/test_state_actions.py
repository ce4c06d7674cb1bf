"""Clear, checkpoint and restore: what is known of files changes, no published byte does, and each has its undo."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import RAW, STATE, VALIDATED, tree
from tests.faults.scenario import SPOILT, Done, Scenario, first_name, migrate, run
from tests.support import valid_record, write_raw


def action(root: Path, *args: str, **more: Any) -> Done:
    return run(root, *args, "--yes", "--json", **more)


def roll_back(root: Path) -> Done:
    done = run(root, "rollback", "--last", "--yes", "--confirm", root.name, "--json")
    assert done.status == 0, done.text
    return done


def entries(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / STATE).read_bytes())["processed_files"]
    return found


def listed(root: Path, status: str) -> set[str]:
    return {row["path"] for row in run(root, "state", "list", "--status", status, "--json").events}


def inodes(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_ino for path in sorted((root / VALIDATED).rglob("*"))}


@pytest.fixture
def done(waiting: Scenario) -> Scenario:
    """Both versions are published."""
    assert migrate(waiting.root).status == 1
    return waiting


def delta(root: Path) -> set[str]:
    return {path for path in entries(root) if "/delta/" in path}


# --- clear -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "which"),
    [
        (("--all",), "alpha beta delta"),
        (("--source", "delta"), "delta"),
        (("--source", "alpha", "--pattern", "dumps/2024-01-0[13]*/data.*"), "alpha-some"),
        (("FILE",), "file"),
    ],
)
def test_clear_does_what_the_runbook_does_by_hand(done: Scenario, words: tuple[str, ...], which: str) -> None:
    """Entries go; the next migrate judges exactly these again and rewrites nothing."""
    before, published, standing = entries(done.root), tree(done.root), inodes(done.root)
    file = f"{RAW}/{first_name(0)}"
    gone = {
        "alpha beta delta": set(before),
        "delta": delta(done.root),
        "alpha-some": {p for p in before if "/alpha/dumps/2024-01-01" in p or "/alpha/dumps/2024-01-03" in p},
        "file": {file},
    }[which]
    assert gone
    typed = [file if word == "FILE" else word for word in words]
    planned = run(done.root, "state", "clear", *typed, "--reason", "for a test", "--dry-run", "--json")
    assert planned.summary["counts"]["cleared"] == len(gone), planned.text
    assert entries(done.root) == before
    cleared = action(done.root, "state", "clear", *typed, "--reason", "for a test")
    assert (cleared.status, cleared.summary["counts"]["cleared"]) == (0, len(gone)), cleared.text
    assert set(entries(done.root)) == set(before) - gone
    waits = gone - {f"{RAW}/{SPOILT}"}  # that one's source fails: it stays published, and failing
    assert listed(done.root, "new") == waits
    assert done.examine() == []
    assert "for a test" in run(done.root, "runs", "report", cleared.summary["run"]).out
    again = migrate(done.root)
    assert again.summary["counts"]["revalidated"] == len(waits), again.text
    assert tree(done.root) == published and inodes(done.root) == standing
    assert set(entries(done.root)) == set(before) - gone | waits


def test_rolling_a_clear_back_and_that_back(done: Scenario) -> None:
    before = entries(done.root)
    assert action(done.root, "state", "clear", "--source", "delta", "--reason", "for a test").status == 0
    back = roll_back(done.root)
    assert entries(done.root) == before and listed(done.root, "new") == set()
    redo = run(done.root, "rollback", back.summary["run"], "--yes", "--confirm", "ws", "--json")
    assert redo.status == 0, redo.text
    assert listed(done.root, "new") == delta(done.root) | {p for p in before if "/delta/" in p}
    assert done.examine() == []
    assert migrate(done.root).summary["counts"]["revalidated"] == 4


def test_a_cleared_copy_that_somebody_tampered_with_is_found(done: Scenario) -> None:
    """Clearing notes nothing of what stands there now: a destination changed by hand is told from ours."""
    path = next(iter(delta(done.root)))
    dest = done.root / VALIDATED / path.removeprefix(f"{RAW}/")
    data = dest.read_bytes()
    dest.write_bytes(data.replace(b"Other", b"Otter"))
    assert action(done.root, "state", "clear", path, "--reason", "for a test").status == 0
    assert migrate(done.root).status == 1
    assert dest.read_bytes() == data


@pytest.mark.parametrize(
    "words", [(), ("--all",), ("--all", "--source", "delta", "--reason", "for a test"), ("--all", "--reason", " ")]
)
def test_an_unclear_clear_is_wrong_usage(done: Scenario, words: tuple[str, ...]) -> None:
    before = entries(done.root)
    refused = action(done.root, "state", "clear", *words)
    assert refused.status == 2, refused.text
    assert entries(done.root) == before


def test_a_file_without_an_entry_is_said(done: Scenario) -> None:
    named = action(done.root, "state", "clear", f"{RAW}/gamma/manual/bad.json", "--reason", "for a test")
    assert named.status == 1 and named.summary["counts"]["left_alone"] == 1, named.text


_SELDOM = ("change.recorded:1", "mirror.staged:1", "mirror.renamed:1")


@pytest.mark.parametrize(
    "failpoint", ["change.intended:1", *(pytest.param(each, marks=pytest.mark.soak) for each in _SELDOM)]
)
def test_kill_during_clear(done: Scenario, failpoint: str) -> None:
    before, published = entries(done.root), tree(done.root)
    words = ("state", "clear", "--source", "delta", "--reason", "for a test", "--foreground")
    killed = action(done.root, *words, failpoint=failpoint)
    assert killed.status == -signal.SIGKILL, killed.text
    assert tree(done.root) == published
    assert migrate(done.root).status == 1
    assert done.examine() == []
    assert tree(done.root) == published and set(entries(done.root)) == set(before)


# --- checkpoints -------------------------------------------------------------------------------------------


def checkpoint(root: Path) -> str:
    made = run(root, "state", "checkpoint", "--label", "before the test", "--json")
    assert made.status == 0, made.text
    return str(made.events[-1]["id"])


def test_a_checkpoint_is_put_back_and_that_is_undone(done: Scenario) -> None:
    """Cleared entries come back, entries that came later go, one whose copy has other bytes stays and is said."""
    name, then = checkpoint(done.root), entries(done.root)
    shown = run(done.root, "state", "checkpoints").out
    assert name in shown and "before the test" in shown
    write_raw(done.root, "delta/later.json", [valid_record(1)])
    changed = f"{RAW}/{first_name(3)}"
    write_raw(done.root, first_name(3), [valid_record(2)])
    assert migrate(done.root).summary["counts"]["processed"] == 2
    assert action(done.root, "state", "clear", "--source", "alpha", "--reason", "for a test").status == 0
    before, published = entries(done.root), tree(done.root)
    restored = action(done.root, "state", "restore", name[-4:])
    assert restored.status == 1, restored.text  # one is left as it is
    counts = restored.summary["counts"]
    alpha = sum("/alpha/" in path for path in then)
    assert (counts["entered"], counts["cleared"], counts["left_alone"]) == (alpha, 1, 1)
    now = entries(done.root)
    assert set(now) == set(then)
    assert {path for path in now if now[path] != then[path]} == {changed}
    assert tree(done.root) == published
    roll_back(done.root)
    assert entries(done.root) == before
    assert tree(done.root) == published


def test_every_reprocess_keeps_the_state_as_it_was(done: Scenario) -> None:
    raw = (done.root / STATE).read_bytes()
    ran = action(done.root, "reprocess", "--all")
    kept = done.root / ".opsconsole/runs" / ran.summary["run"] / "state.json"
    assert kept.read_bytes() == raw
    assert f"{ran.summary['run']}/state.json" in run(done.root, "runs", "report", ran.summary["run"]).out
    assert action(done.root, "state", "clear", "--all", "--reason", "for a test").status == 0
    back = action(done.root, "state", "restore", ran.summary["run"])
    assert back.status == 0, back.text
    assert set(entries(done.root)) == set(json.loads(raw)["processed_files"])


def test_a_damaged_checkpoint_is_refused(done: Scenario) -> None:
    name, before = checkpoint(done.root), entries(done.root)
    state = done.root / ".opsconsole/checkpoints" / name / "state.json"
    state.write_bytes(state.read_bytes().replace(b"alpha", b"alphb"))
    assert action(done.root, "state", "clear", "--all", "--reason", "for a test").status == 0
    refused = action(done.root, "state", "restore", name)
    assert refused.status == 4 and "damaged" in refused.text, refused.text
    assert entries(done.root) == {} != before


def test_a_half_written_state_file_is_no_checkpoint(done: Scenario) -> None:
    state = done.root / STATE
    state.write_bytes(state.read_bytes()[:-300])
    refused = run(done.root, "state", "checkpoint")
    assert refused.status == 5, refused.text
    assert run(done.root, "state", "checkpoints").out == ""
    folder = done.root / ".opsconsole/checkpoints"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_read_only_keeps_and_clears_nothing(done: Scenario) -> None:
    shutil.copy(done.root / STATE, done.root / "state.before")
    for words in (("checkpoint",), ("clear", "--all", "--reason", "for a test", "--yes"), ("restore", "x", "--yes"),
                  ("rebuild", "--yes")):  # fmt: skip
        refused = run(done.root, "--read-only", "state", *words)
        assert refused.status != 0 and "read-only" in refused.text, refused.text
    assert (done.root / STATE).read_bytes() == (done.root / "state.before").read_bytes()
