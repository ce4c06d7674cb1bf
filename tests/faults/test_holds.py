"""What a rollback took back stays back, is shown wherever somebody looks, and comes back when it is released."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from console.engine.context import open_context
from console.engine.observe.runs_undo import undo_words
from console.engine.runs.query import list_runs
from tests.faults.checker import RAW, tree
from tests.faults.scenario import Done, Scenario, first_name, make_waiting, migrate, run
from tests.support import valid_record, write_raw


def roll_back(root: Path, *args: str) -> Done:
    done = run(root, "rollback", *args, "--yes", "--confirm", root.name, "--json")
    assert done.status == 0, done.text
    return done


@pytest.fixture(scope="module")
def template(ground: Path) -> Scenario:
    """The second version was published and taken back."""
    scenario = make_waiting(ground / "held" / "ws")
    before = tree(scenario.root)
    assert migrate(scenario.root).status == 1
    (scenario.root / "before.json").write_text(json.dumps(before))
    (scenario.root / "after.json").write_text(json.dumps(tree(scenario.root)))
    roll_back(scenario.root, "--last")
    return scenario.remember()


@pytest.fixture
def held(template: Scenario, place: Path) -> Scenario:
    """The same by a rename of the folder: inodes stay, or the copy would be another source."""
    shutil.copytree(template.root, place / "ws", symlinks=True)
    scenario = Scenario(place / "ws", template.known, restored=True).remember()
    again(scenario.root)
    return scenario


def again(root: Path) -> None:
    """A copied workspace has other inodes: what is held is told by them, so it is taken back anew."""
    migrate(root)
    (root / "after.json").write_text(json.dumps(tree(root)))
    roll_back(root, "--last")


def listed(root: Path, *args: str) -> dict[str, dict[str, object]]:
    return {row["path"]: row for row in run(root, "state", "list", "--status", "held", "--json", *args).events}


def test_nothing_that_was_taken_back_reappears_until_it_is_released(held: Scenario) -> None:
    """Issue: rollback, then three scheduled migrates."""
    before, after = (json.loads((held.root / name).read_text()) for name in ("before.json", "after.json"))
    assert tree(held.root) == before != after
    for number in range(3):
        done = migrate(held.root)
        assert done.status == 1, done.text  # two of the first version fail
        assert tree(held.root) == before, f"after migrate {number + 1}"
        assert done.summary["counts"]["held"] > 0
    count = len(listed(held.root))
    released = run(held.root, "state", "release", "--all", "--reason", "the source was right", "--json")
    assert (released.status, released.summary["released"]) == (0, count), released.text
    assert migrate(held.root).status == 1
    assert tree(held.root) == after
    assert listed(held.root) == {}


def test_held_files_are_shown_wherever_somebody_looks(held: Scenario) -> None:
    rows = listed(held.root)
    replaced, created = f"{RAW}/{first_name(0)}", next(path for path in rows if "/delta/" in path)
    assert rows[replaced]["published"] and not rows[created]["published"]
    hold = rows[created]["hold"]
    assert isinstance(hold, dict)
    assert hold["by"] and hold["at"] and "rollback" in hold["run"] and "taken back" in hold["reason"]
    assert set(listed(held.root, "--source", "delta")) == {path for path in rows if "/delta/" in path}
    for path in (replaced, created, next(path for path in rows if path.endswith("_metadata.json"))):
        why = run(held.root, "explain", path).out
        assert "held" in why and hold["run"] in why and "state release" in why, why
        shown = run(held.root, "state", "show", path).out
        assert hold["run"] in shown and "state release" in shown
    assert "held" in run(held.root, "failures", "list").err
    assert "held" in run(held.root, "leave", "--dry-run").text


def test_a_source_that_changed_is_held_no_longer_and_that_is_said(held: Scenario) -> None:
    path = next(path for path in listed(held.root) if "/delta/" in path and path.endswith("/data.json"))
    write_raw(held.root, path.removeprefix(f"{RAW}/"), [valid_record(1)])
    why = run(held.root, "explain", path).out
    assert "no longer" in why and "opsconsole migrate" in why, why
    assert migrate(held.root).summary["counts"]["processed"] == 1
    assert path not in listed(held.root)


def test_release_says_who_and_why_in_explain_and_in_the_next_report(held: Scenario) -> None:
    path = next(path for path in listed(held.root) if "/delta/" in path and path.endswith("/data.json"))
    done = run(held.root, "state", "release", path, "--reason", "asked the funder")
    assert done.status == 0, done.text
    assert "asked the funder" in run(held.root, "explain", path).out
    ran = migrate(held.root)
    assert ran.summary["counts"]["processed"] == 1
    assert "asked the funder" in run(held.root, "explain", path).out
    report = run(held.root, "runs", "report", ran.summary["run"]).out
    assert "Released before this run" in report and "asked the funder" in report
    later = migrate(held.root)
    assert "asked the funder" not in run(held.root, "runs", "report", later.summary["run"]).out


def test_release_by_the_run_that_was_taken_back_or_the_rollback(held: Scenario) -> None:
    rows = listed(held.root)
    ids = [line.split("\t")[0] for line in run(held.root, "runs", "list").out.splitlines()]
    rollback, taken = ids[0], ids[1]
    assert "rollback" in rollback and "migrate" in taken
    assert run(held.root, "state", "release", "--run", taken, "--reason", "for a test", "--json").status == 0
    assert listed(held.root) == {}
    assert rows
    none = run(held.root, "state", "release", "--run", rollback, "--reason", "for a test")
    assert none.status == 2 and "holds nothing" in none.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--all",), "reason"),
        (("--reason", "good enough"), "name the files"),
        (("--all", "--run", "x", "--reason", "good enough"), "name the files"),
        (("data/raw/funding_sources/nothing.json", "--reason", "good enough"), "not held"),
        (("--run", "ffff0", "--reason", "good enough"), "no run"),
    ],
)
def test_release_that_is_not_clear_changes_nothing(held: Scenario, words: tuple[str, ...], said: str) -> None:
    before = listed(held.root)
    done = run(held.root, "state", "release", *words)
    assert done.status == 2 and said in done.text, done.text
    assert listed(held.root) == before


def test_read_only_releases_nothing(held: Scenario) -> None:
    before = listed(held.root)
    done = run(held.root, "--read-only", "state", "release", "--all", "--reason", "good enough")
    assert done.status != 0 and "read-only" in done.text
    assert listed(held.root) == before


def test_rolling_the_rollback_back_takes_its_holds_away(held: Scenario) -> None:
    rollback = run(held.root, "runs", "list").out.split("\t")[0]
    roll_back(held.root, rollback)
    assert listed(held.root) == {}
    assert tree(held.root) == json.loads((held.root / "after.json").read_text())
    assert migrate(held.root).summary["counts"]["processed"] == 0


def test_a_run_is_said_to_hold_something_only_while_it_does(held: Scenario) -> None:
    """The rollback does, what does it again does not; and one whose files were let go does no longer."""
    ctx = open_context(held.root)
    newest = list_runs(ctx, limit=1)[0]
    assert newest.action == "rollback" and undo_words(ctx, newest).held
    done = roll_back(held.root, newest.id)
    again, was = list_runs(ctx, limit=2)
    assert again.id == done.summary["run"] and listed(held.root) == {}
    assert not undo_words(ctx, again).held and not undo_words(ctx, was).held
    roll_back(held.root, again.id)
    assert undo_words(ctx, list_runs(ctx, limit=1)[0]).held
    assert run(held.root, "state", "release", "--run", newest.id, "--reason", "let it go").status == 0
    assert not undo_words(ctx, list_runs(ctx, limit=1)[0]).held
