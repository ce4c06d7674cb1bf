"""The runbook's commands on the state file, typed as written: between runs, during one, and when one slips."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults import checker
from tests.faults.scenario import VALIDATED, Done, Scenario, make_fresh, migrate, run, start, wait_for

STATE = checker.STATE
BACK_UP = "cp logs/migration/.migration_state.json \\\n   logs/migration/.migration_state.json.bak"
CLEAR = """python3 -c "
import json
with open('logs/migration/.migration_state.json', 'r') as f:
    state = json.load(f)
# Remove specific files from state
state['processed_files'] = {}
with open('logs/migration/.migration_state.json', 'w') as f:
    json.dump(state, f, indent=2)
"
"""
ONE_OUT = CLEAR.replace("state['processed_files'] = {}", "state['processed_files'].popitem()")
RESTORE = "cp logs/migration/.migration_state.json.bak \\\n   logs/migration/.migration_state.json"
REMOVE = "rm logs/migration/.migration_state.json"
READING: list[tuple[str, ...]] = [
    ("state", "list"),
    ("state", "list", "--json"),
    ("state", "export"),
    ("state", "export", "--format", "mirror"),
    ("runs", "list"),
    ("failures", "list"),
    ("doctor",),
    ("migrate", "--dry-run"),
]


@pytest.fixture
def done(place: Path) -> Scenario:
    """One run has published 12 files; two fail."""
    scenario = make_fresh(place / "ws")
    assert migrate(scenario.root).status == 1
    return scenario


def typed(root: Path, command: str) -> None:
    """In a shell, in the workspace."""
    subprocess.run(["sh", "-ec", command], cwd=root, check=True, capture_output=True)


def entries(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / STATE).read_bytes())["processed_files"]
    return found


def inodes(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_ino for path in checker.walk_files(root / VALIDATED)}


def counts(done: Done) -> dict[str, int]:
    assert "Traceback" not in done.text, done.text
    assert done.status == 1, done.text  # two files fail in this workspace
    found: dict[str, int] = done.summary["counts"]
    return found


# --- between runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "again"), [(f"{BACK_UP}\n{CLEAR}", 12), (REMOVE, 12), (ONE_OUT, 1)], ids=["clear", "remove", "one"]
)
def test_what_is_taken_out_is_judged_again_and_not_rewritten(done: Scenario, command: str, again: int) -> None:
    before = inodes(done.root)
    typed(done.root, command)
    found = counts(migrate(done.root))
    assert (found["revalidated"], found["processed"]) == (again, 0)
    assert inodes(done.root) == before
    assert len(entries(done.root)) == 12
    assert done.examine() == []
    assert counts(migrate(done.root))["revalidated"] == 0


def test_bak_undoes_one_run(done: Scenario) -> None:
    from tests.faults.scenario import add_second

    first = entries(done.root)
    later = add_second(done)
    assert counts(migrate(later.root))["processed"] > 0
    before = inodes(later.root)
    typed(later.root, RESTORE)
    assert entries(later.root) == first
    found = counts(migrate(later.root))
    assert found["processed"] == 0, "what was published is not published again"
    assert found["revalidated"] > 0
    assert inodes(later.root) == before
    assert later.examine() == []


def test_bak_put_back_when_nothing_ran_since_is_nothing(done: Scenario) -> None:
    typed(done.root, f"{BACK_UP}\n{RESTORE}")
    found = counts(migrate(done.root))
    assert (found["revalidated"], found["processed"]) == (0, 0)


# --- during a run ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [CLEAR, ONE_OUT, REMOVE, f"{BACK_UP}\n{CLEAR}\n{RESTORE}"])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)])
def test_typed_while_a_run_is_on(place: Path, command: str, seed: int) -> None:
    """Whenever it comes: what the run publishes stays published and known, and the next runs settle the rest."""
    scenario = make_fresh(place / "ws", files=150)
    assert migrate(scenario.root, "--source", "alpha").status in (0, 1)
    before = inodes(scenario.root)
    ours = start(scenario.root, "migrate", "--yes", "--json")
    wait_for((scenario.root / ".opsconsole/holder.json").exists, "the lock to be taken")
    time.sleep(random.Random(seed).uniform(0, 0.3))
    subprocess.run(["sh", "-c", command], cwd=scenario.root, check=False, capture_output=True)
    first = ours.finish()
    assert "Traceback" not in first.text
    assert first.status in (1, 5), first.text
    for _ in range(2):
        last = counts(migrate(scenario.root))
    assert (last["processed"], last["revalidated"]) == (0, 0)
    after = inodes(scenario.root)
    assert {path: after[path] for path in before} == before, "nothing is rewritten"
    assert scenario.examine() == []
    assert len(entries(scenario.root)) == 150


# --- a slip ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in (1, 2, 3))])
def test_with_a_broken_state_file_reading_goes_on_and_nothing_is_changed(done: Scenario, seed: int) -> None:
    """A brace or comma too few, a half-written copy: line, column, and the ways to put it right."""
    path = done.root / STATE
    text = path.read_text()
    broken = [
        text.replace('"dest_path":', '"dest_path"', 1),
        text[: len(text) // 2],
        text.replace("{", "{,", 1),
        "",
    ][seed]
    typed(done.root, BACK_UP)
    path.write_text(broken)
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(broken)
    tree = checker.tree(done.root)
    for words in READING:
        shown = run(done.root, *words)
        assert "Traceback" not in shown.text, shown.text
        assert shown.status in (0, 1), (words, shown.status, shown.text)
    last = run(done.root, "runs", "list", "--json").events[0]["id"]
    some = next(iter(json.loads(text)["processed_files"]))
    for words in (("state", "show", some), ("explain", some), ("runs", "show", last), ("runs", "report", last)):
        assert run(done.root, *words).status == 0
    stopped = migrate(done.root)
    assert stopped.status == 5, stopped.text
    assert f"line {caught.value.lineno}, column {caught.value.colno}" in stopped.text
    assert "cp logs/migration/.migration_state.json.bak" in stopped.text
    assert "mv logs/migration/.migration_state.json" in stopped.text
    told = run(done.root, "doctor").text
    assert f"line {caught.value.lineno}, column {caught.value.colno}" in told
    assert checker.tree(done.root) == tree
    assert path.read_text() == broken
    typed(done.root, RESTORE)
    assert counts(migrate(done.root))["revalidated"] == 0
    assert done.examine() == []


def test_the_other_repair_is_to_move_it_away(done: Scenario) -> None:
    (done.root / STATE).write_text("{")
    stopped = migrate(done.root)
    assert stopped.status == 5
    assert f"`mv {STATE} {STATE}.broken`" in stopped.text
    typed(done.root, f"mv {STATE} {STATE}.broken")
    before = inodes(done.root)
    assert counts(migrate(done.root))["revalidated"] == 12
    assert inodes(done.root) == before
    assert (done.root / f"{STATE}.broken").read_text() == "{"
