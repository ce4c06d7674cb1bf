"""Whether a run can be taken back, in words: for every kind of run there is."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from console.engine.actions.registry import ACTIONS
from console.engine.actions.rollback.plan import last_run, undoable_runs
from console.engine.context import Context
from console.engine.ledger.store import transaction
from console.engine.observe.runs_undo import UndoWords, undo_words
from console.engine.runs.query import find_run, process_started
from tests.engine.ledger.filled import add_run, filled_workspace, opened


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return filled_workspace(tmp_path / "ws")


def words(ctx: Context, action: str = "migrate", outcomes: int = 0, sql: str = "", **values: object) -> UndoWords:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2, action=action, **values)
        for number in range(outcomes):
            connection.execute("INSERT INTO outcomes (run, path, outcome) VALUES (2, ?, 'published')", [str(number)])
        add_run(connection, 3, action="rollback")
        if sql:
            connection.execute(sql)
    return undo_words(ctx, find_run(ctx, "-0002"))


def test_what_changed_something_can_be_taken_back(ctx: Context) -> None:
    assert words(ctx, outcomes=3) == UndoWords(True, "b: plan the rollback of 3 changes")


def test_what_changed_nothing_cannot(ctx: Context) -> None:
    assert words(ctx) == UndoWords(False, "none: it changed nothing that could be put back")


def test_what_was_taken_back_says_by_which_run(ctx: Context) -> None:
    said = words(ctx, outcomes=1, sql="INSERT INTO undone VALUES (2, 3, 1)")
    assert said == UndoWords(False, "was rolled back by 0003; rolling 0003 back does it again")


def test_a_backup_that_was_pruned_is_said(ctx: Context) -> None:
    said = words(ctx, outcomes=1, sql="INSERT INTO pruned VALUES (2, 3, 1, 1)")
    assert said.possible and "its backup was pruned" in said.words


def test_a_run_in_progress_has_to_end_first(ctx: Context) -> None:
    pid = os.getpid()
    values = {"status": "running", "pid": pid, "pid_started": process_started(pid), "host": socket.gethostname()}
    said = words(ctx, outcomes=1, ended_at=None, **values)
    assert not said.possible and "when it has ended" in said.words


@pytest.mark.parametrize("action", [*(action.name for action in ACTIONS), "upgrade"])
def test_every_action_says_why_not(ctx: Context, action: str) -> None:
    said = words(ctx, action, outcomes=1)
    never = {"adopt", "leave", "upgrade"} | {each.name for each in ACTIONS if each.undo == "none"}
    assert said.possible == (action not in never)
    assert said.words and (said.possible or "roll" in said.words or said.words.startswith("none: "))


def test_the_list_to_choose_from_has_the_rollbacks_and_the_last_run_is_none_of_them(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        for seq, action in ((2, "migrate"), (3, "rollback"), (4, "state rebuild")):
            add_run(connection, seq, action=action)
            connection.execute("INSERT INTO outcomes (run, path, outcome) VALUES (?, 'x', 'published')", [seq])
    assert [row.seq for row in undoable_runs(ctx, 9)] == [3, 2]
    assert last_run(ctx).seq == 2
