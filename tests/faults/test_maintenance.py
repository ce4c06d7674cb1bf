"""Maintenance: nothing is processed until somebody lifts it; what undoes still runs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import FILES, big_workspace, until
from tests.cli.harness import rows as ledger_rows
from tests.faults.conftest import People
from tests.faults.people import share
from tests.faults.scenario import make_fresh, make_waiting, migrate, run, start, wait_for
from tests.support.hold import hold

HOSTILE = "disk \x1b[31mred\nforged line \u202e is replaced"


def rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(root / ".opsconsole/ledger.sqlite")) as connection:
        return connection.execute(sql).fetchall()


def test_new_runs_are_refused_until_it_is_lifted(place: Path) -> None:
    scenario = make_waiting(place / "ws")
    before = scenario.examine()
    done = run(scenario.root, "maintenance", "on", "--reason", "the disk is replaced")
    assert done.status == 0, done.text
    for words in (("migrate",), ("reprocess", "--all"), ("leave",)):
        refused = run(scenario.root, *words, "--yes", "--json")
        assert refused.status == 4, refused.text
        assert "the disk is replaced" in refused.text
    plan = run(scenario.root, "migrate", "--dry-run")
    assert plan.status in (1, 4)  # some would fail as well
    assert "the disk is replaced" in plan.out
    override = run(scenario.root, "migrate", "--yes", "--override", "maintenance", "--reason", "I know better")
    assert override.status == 2
    for words in (("runs", "list"), ("doctor",), ("maintenance", "status")):
        assert "the disk is replaced" in run(scenario.root, *words).text, words
    assert scenario.examine() == before == []
    assert run(scenario.root, "maintenance", "on", "--reason", "another one").status == 2, "the first reason stands"
    off = run(scenario.root, "maintenance", "off")
    assert off.status == 0 and "the disk is replaced" in off.out
    assert migrate(scenario.root).status == 1  # two files fail, as ever
    assert scenario.examine() == []
    kept = rows(scenario.root, "SELECT what, reason FROM maintenance ORDER BY id")
    assert kept == [("on", "the disk is replaced"), ("off", "the disk is replaced")]


def test_a_rollback_runs_while_it_is_on(place: Path) -> None:
    scenario = make_waiting(place / "ws")
    assert migrate(scenario.root).status == 1
    run(scenario.root, "maintenance", "on", "--reason", "bad schema")
    name = rows(scenario.root, "SELECT id FROM runs ORDER BY seq DESC LIMIT 1")[0][0]
    done = run(scenario.root, "rollback", name, "--yes", "--confirm", scenario.root.name, "--json")
    assert done.status == 0, done.text
    assert done.summary["counts"]["restored"] > 0


def test_a_dead_run_is_not_settled_while_somebody_works_on_the_data(place: Path) -> None:
    scenario = make_waiting(place / "ws")
    died = run(scenario.root, "migrate", "--yes", "--foreground", failpoint="publish.renamed:2")
    assert died.status == -signal.SIGKILL
    run(scenario.root, "maintenance", "on", "--reason", "looking at it")
    intents = rows(scenario.root, "SELECT id, item FROM intents")
    assert migrate(scenario.root).status == 4
    assert rows(scenario.root, "SELECT id, item FROM intents") == intents != []
    run(scenario.root, "maintenance", "off")
    assert migrate(scenario.root).status == 1
    assert scenario.examine() == []


@contextmanager
def at_work(root: Path) -> Iterator[None]:
    """A run that is past its checks, held still within; let go at the end."""
    sql = "SELECT pid FROM runs WHERE phase IN ('scan', 'publish')"
    pid = until(lambda: ledger_rows(root, sql), "a run at work")[0][0]
    hold(pid, root)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("how", ["--cancel-run", "--wait"])
def test_the_run_in_progress_is_cancelled_or_waited_for(place: Path, how: str) -> None:
    root = big_workspace(place / "ws")
    running = start(root, "migrate", "--yes", "--json", "--foreground")
    with at_work(root):
        waiting = start(root, "maintenance", "on", "--reason", "drain it", how, "--json")
        wait_for((root / ".opsconsole/maintenance.json").exists, "the note")
        if how == "--cancel-run":
            wait_for(lambda: rows(root, "SELECT 1 FROM runs WHERE cancel_at IS NOT NULL"), "the request")
        assert waiting.process.poll() is None, "it says drained while the run holds the lock"
    done, ended = waiting.finish(), running.finish()
    assert done.status == 0, done.text
    assert json.loads(done.out)["drained"] is True
    if how == "--cancel-run" and ended.summary["counts"]["processed"] < FILES:  # else it was held in its last batch
        assert ended.status == 130, ended.err
    else:
        assert ended.status == 0, ended.err
    assert migrate(root).status == 4


def test_without_either_the_run_goes_on_and_that_is_said(place: Path) -> None:
    root = big_workspace(place / "ws")
    running = start(root, "migrate", "--yes", "--json", "--foreground")
    with at_work(root):
        done = run(root, "maintenance", "on", "--reason", "from now on", "--json")
    assert json.loads(done.out)["drained"] is False
    assert "goes on" in done.err
    assert running.finish().status == 0


def test_it_holds_without_a_ledger_and_with_a_damaged_one(place: Path) -> None:
    """The recovery procedure begins with it, so it cannot need what is to be recovered."""
    scenario = make_waiting(place / "ws")
    ledger = scenario.root / ".opsconsole/ledger.sqlite"
    good = ledger.read_bytes()
    ledger.write_bytes(b"not a database at all" * 1000)
    done = run(scenario.root, "maintenance", "on", "--reason", "the ledger is damaged")
    assert done.status == 0, done.text
    assert "does not record it" in done.err
    ledger.write_bytes(good)  # put back from a copy that knows nothing of it
    assert migrate(scenario.root).status == 4


def test_hostile_reasons_and_notes_stay_text(place: Path) -> None:
    scenario = make_fresh(place / "ws", files=2)
    run(scenario.root, "maintenance", "on", "--reason", HOSTILE)
    for words in (("maintenance", "status"), ("runs", "list"), ("migrate", "--yes")):
        text = run(scenario.root, *words).text
        assert "\x1b" not in text and "\u202e" not in text and "\nforged" not in text, words
    log = (scenario.root / "logs/migration/migration.log").read_text()
    assert "\x1b" not in log and "\nforged" not in log
    (scenario.root / ".opsconsole/maintenance.json").write_bytes(b'{"by": 1, "cut off')
    assert migrate(scenario.root).status == 4, "a note that cannot be read is not taken for none"
    assert run(scenario.root, "maintenance", "off").status == 0


def test_read_only_and_no_reason_change_nothing(place: Path) -> None:
    scenario = make_fresh(place / "ws", files=2)
    for words in (("--read-only", "maintenance", "on", "--reason", "no"), ("maintenance", "on", "--reason", " ")):
        assert run(scenario.root, *words).status in (2, 4)
    assert not (scenario.root / ".opsconsole").exists()


def test_everybody_of_the_group_may_lift_it_and_is_named(people: People, place: Path) -> None:
    scenario = make_waiting(place / "ws")
    share(scenario.root)
    assert run(scenario.root, "maintenance", "on", "--reason", "ann's work", who=people.ann).status == 0
    assert migrate(scenario.root, who=people.ben).status == 4
    shut = run(scenario.root, "maintenance", "off", who=people.eve)
    assert shut.status != 0 and (scenario.root / ".opsconsole/maintenance.json").exists()
    assert run(scenario.root, "maintenance", "off", who=people.ben).status == 0
    assert rows(scenario.root, "SELECT what, by FROM maintenance ORDER BY id") == [("on", "ann"), ("off", "ben")]
