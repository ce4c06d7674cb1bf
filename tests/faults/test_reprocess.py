"""Judging again: by today's rules, through the same stages; what is the same is not rewritten."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_adopt import cli, summary
from tests.support import RAW, VALIDATED, invalid_record, make_workspace, run_cli, valid_record
from tests.support.their_workspace import entry, incumbent_workspace, put, write_state

SCHEMA = "config/schemas/small.json"


def statuses(root: Path) -> dict[str, str]:
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        return dict(connection.execute("SELECT path, status FROM files").fetchall())


def standing(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Bytes, time and inode of everything published."""
    found = {}
    for path in (root / VALIDATED).rglob("*"):
        if path.is_file():
            facts = path.stat()
            found[str(path)] = (path.read_bytes(), facts.st_mtime_ns, facts.st_ino)
    return found


@pytest.fixture
def adopted(tmp_path: Path) -> Path:
    """Four good files and one bad one, adopted."""
    root = tmp_path / "ws"
    entries = incumbent_workspace(root, 4)
    bad = json.dumps([invalid_record(0)]).encode()
    for zone in (RAW, VALIDATED):
        put(root, zone, "alpha/bad.json", bad)
    entries[f"{RAW}/alpha/bad.json"] = entry(root, "alpha/bad.json", bad)
    write_state(root, entries)
    assert cli(root, "adopt", "--yes").returncode == 0
    return root


def test_adopted_files_are_worked_off_in_portions(adopted: Path) -> None:
    before = standing(adopted)
    done = cli(adopted, "reprocess", "--adopted", "--sample", "2", "--yes", "--json")
    counts = summary(done)["counts"]
    assert counts["revalidated"] + counts["failed"] == 2, done.stderr
    assert sum(status == "adopted" for status in statuses(adopted).values()) >= 3
    done = cli(adopted, "reprocess", "--adopted", "--yes", "--json")
    assert done.returncode == 1
    counts = summary(done)["counts"]
    assert counts["processed"] == 0
    assert standing(adopted) == before
    found = statuses(adopted)
    assert sum(status == "processed" for status in found.values()) == 4
    assert found[f"{RAW}/alpha/bad.json"] == "adopted"
    assert "alpha/bad.json" in cli(adopted, "failures", "list", "--by", "file").stdout
    again = cli(adopted, "migrate", "--yes", "--json")
    assert again.returncode == 1
    assert summary(again)["counts"]["known_failed"] == 1
    assert standing(adopted) == before


def change_schema(root: Path, minimum: int) -> None:
    schema = json.loads((root / SCHEMA).read_text())
    schema["properties"]["amount"]["minimum"] = minimum
    (root / SCHEMA).write_text(json.dumps(schema))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    files: dict[str, Any] = {f"alpha/{n}.json": [valid_record(n)] for n in range(4)}
    root = make_workspace(tmp_path / "ws", {**files, "beta/bad.json": [invalid_record(1)]})
    assert run_cli(root, "migrate", "--yes").returncode == 1
    return root


def test_a_new_schema_is_applied_to_what_is_published(published: Path) -> None:
    before = standing(published)
    change_schema(published, 1002)  # refuses the records 0 and 1
    plan = run_cli(published, "reprocess", "--stale-schema", "--dry-run")
    assert plan.returncode == 1
    assert "2 will fail" in plan.stdout
    assert "to read and write" in plan.stdout and "first (" not in plan.stdout, "what stays as it is needs none"
    assert standing(published) == before
    done = run_cli(published, "reprocess", "--stale-schema", "--yes", "--json")
    assert done.returncode == 1, done.stderr
    counts = summary(done)["counts"]
    assert (counts["revalidated"], counts["failed"], counts["processed"]) == (2, 2, 0)
    assert standing(published) == before, "what fails now stays published until somebody decides"
    change_schema(published, 0)
    back = run_cli(published, "reprocess", "--failed", "--source", "alpha", "--yes", "--json")
    assert summary(back)["counts"]["revalidated"] == 2, back.stderr
    assert standing(published) == before


def test_a_file_that_was_only_touched_is_judged_all_the_same(published: Path) -> None:
    """That its bytes are the old ones says nothing about today's schema."""
    change_schema(published, 1002)
    for number in range(4):
        (published / RAW / f"alpha/{number}.json").touch()
    done = run_cli(published, "reprocess", "--source", "alpha", "--yes", "--json")
    counts = summary(done)["counts"]
    assert (counts["revalidated"], counts["failed"], counts["skipped"]) == (2, 2, 0), done.stderr


def test_only_what_was_chosen_is_looked_at(published: Path) -> None:
    put(published, RAW, "alpha/new.json", json.dumps([valid_record(7)]).encode())
    put(published, RAW, "alpha/0.json", json.dumps([valid_record(8)]).encode())
    done = run_cli(published, "reprocess", "--adopted", "--yes", "--json")
    assert done.returncode in (0, 1), done.stderr
    assert summary(done)["counts"]["processed"] == 0
    assert not (published / VALIDATED / "alpha/new.json").exists()
    everything = run_cli(published, "reprocess", "--source", "alpha", "--yes", "--json")
    counts = summary(everything)["counts"]
    assert (counts["revalidated"], counts["processed"]) == (3, 1)


def test_nothing_chosen_and_no_such_cause_are_wrong_usage(published: Path) -> None:
    for words in ((), ("--cause", "required:nothing")):
        done = run_cli(published, "reprocess", *words, "--yes")
        assert done.returncode == 2, done.stderr
    cause = run_cli(published, "failures", "list", "--by", "cause", "--json")
    assert cause.returncode == 0


def withdrawn(root: Path, *args: str) -> Any:
    return run_cli(root, "reprocess", *args, "--withdraw", "--yes", "--json")


def mirror(root: Path) -> set[str]:
    return set(json.loads((root / "logs/migration/.migration_state.json").read_text())["processed_files"])


def test_withdraw_takes_what_fails_into_the_backup_and_a_rollback_publishes_it_again(published: Path) -> None:
    before, entries = standing(published), mirror(published)
    change_schema(published, 1002)  # two of four fail now
    plan = run_cli(published, "reprocess", "--stale-schema", "--withdraw", "--dry-run")
    assert "2 published copies to be withdrawn" in plan.stdout
    assert "2 backups first" in plan.stdout
    assert (standing(published), mirror(published)) == (before, entries)
    done = withdrawn(published, "--stale-schema")
    assert done.returncode == 1, done.stderr
    said = summary(done)
    assert (said["counts"]["failed"], said["counts"]["removed"], said["counts"]["revalidated"]) == (2, 2, 2)
    gone = {f"{RAW}/alpha/{n}.json" for n in (0, 1)}
    assert mirror(published) == entries - gone
    for n in (0, 1):
        assert not (published / VALIDATED / f"alpha/{n}.json").exists()
        assert json.loads((published / "data/_backups" / said["run"] / f"alpha/{n}.json").read_text())
    listed = [json.loads(line) for line in run_cli(published, "state", "list", "--json").stdout.splitlines()]
    assert {row["path"]: (row["status"], row["published"]) for row in listed if row["path"] in gone} == dict.fromkeys(
        gone, ("failed", False)
    )
    told = run_cli(published, "explain", f"{RAW}/alpha/0.json").stdout
    assert "not published" in told
    assert "minimum" in told
    assert "alpha/0.json" in run_cli(published, "failures", "list", "--by", "file").stdout
    again = run_cli(published, "migrate", "--yes", "--json")
    counts = summary(again)["counts"]
    assert (counts["processed"], counts["failed"], counts["known_failed"]) == (0, 1, 2)  # the one of beta: a new rule
    undone = run_cli(published, "rollback", said["run"], "--yes", "--confirm", published.name)
    assert undone.returncode == 0, undone.stderr
    assert {path: facts[:2] for path, facts in standing(published).items()} == {
        path: facts[:2] for path, facts in before.items()
    }
    assert mirror(published) == entries
    assert run_cli(published, "doctor").returncode == 0


def test_what_was_flagged_before_is_withdrawn_later_and_no_other_version_is(published: Path) -> None:
    change_schema(published, 1002)
    assert summary(run_cli(published, "reprocess", "--stale-schema", "--yes", "--json"))["counts"]["failed"] == 2
    assert (published / VALIDATED / "alpha/0.json").exists()
    put(published, RAW, "alpha/1.json", json.dumps([invalid_record(1)]).encode())  # a later version, which fails too
    assert run_cli(published, "migrate", "--yes").returncode == 1
    done = withdrawn(published, "--all")
    assert summary(done)["counts"]["removed"] == 1, done.stdout
    assert not (published / VALIDATED / "alpha/0.json").exists()
    assert (published / VALIDATED / "alpha/1.json").exists()  # nobody knows that those bytes fail
    assert not list((published / VALIDATED).rglob("*.part"))


@pytest.mark.parametrize("failpoint", ["change.intended:1", "change.taken:1", "change.done:1", "change.recorded:1"])
def test_a_withdrawal_cut_short_is_settled(published: Path, failpoint: str) -> None:
    change_schema(published, 1002)
    args = ("reprocess", "--stale-schema", "--withdraw", "--yes", "--foreground")
    done = run_cli(published, *args, env={"OPSCONSOLE_FAILPOINT": failpoint})
    assert done.returncode == -9, done.stderr
    again = withdrawn(published, "--all")
    assert again.returncode == 1, again.stderr
    names = {path.name for path in (published / VALIDATED / "alpha").iterdir()}
    assert names == {"2.json", "3.json"}
    kept = sorted(path.name for path in (published / "data/_backups").rglob("*.json"))
    assert kept == ["0.json", "1.json"]
    assert run_cli(published, "doctor").returncode == 0


def judged(root: Path) -> dict[str, int]:
    """Raw file -> the run that judged it last."""
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        sql = "SELECT path, judged_run FROM files UNION SELECT path, last_run FROM failures"
        return dict(connection.execute(sql).fetchall())


def test_a_changed_schema_touches_exactly_the_files_of_its_rule(tmp_path: Path) -> None:
    """Also while other files are new, changed or failing: those wait for a migrate."""
    rules = [{"match": "alpha/**", "schema": SCHEMA}, {"match": "**", "schema": "config/schemas/other.json"}]
    files: dict[str, Any] = {f"{source}/{n}.json": [valid_record(n)] for source in ("alpha", "beta") for n in range(4)}
    files |= {"alpha/bad.json": [invalid_record(1)], "beta/bad.json": [invalid_record(1)]}
    root = make_workspace(tmp_path / "ws", files, {"rules": rules})
    (root / "config/schemas/other.json").write_bytes((root / SCHEMA).read_bytes())
    assert run_cli(root, "migrate", "--yes").returncode == 1
    before, stood = judged(root), standing(root)
    change_schema(root, 1002)
    put(root, RAW, "alpha/new.json", json.dumps([valid_record(7)]).encode())
    done = run_cli(root, "reprocess", "--stale-schema", "--yes", "--json")
    assert done.returncode == 1, done.stderr
    counts = summary(done)["counts"]
    assert (counts["revalidated"], counts["failed"], counts["processed"]) == (2, 2, 0)
    after = judged(root)
    touched = {path for path, run in after.items() if run != before.get(path)}
    assert touched == {f"{RAW}/alpha/{n}.json" for n in range(4)}
    assert standing(root) == stood
    again = run_cli(root, "reprocess", "--stale-schema", "--yes", "--json")
    assert summary(again)["counts"]["revalidated"] == 0, "nothing is stale any more"
    assert judged(root) == after
