"""Going through a session: what holds a step back, what is kept of what was done, and by whom it may have been done."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from console.engine.context import Context
from console.engine.errors import LedgerError, RefusedError, UsageError
from console.engine.model import RunRow, RunStatus
from console.engine.procedures import guide
from console.engine.procedures.journal import MovedOnError
from console.engine.procedures.offers import offers
from console.engine.procedures.session import Session, lacking
from console.engine.procedures.shell import run_shell
from console.engine.runs import query
from tests.engine.procedures.support import operator, step, told, workspace
from tests.support import run_cli, valid_record, write_raw

SCHEMAS = "{ probe = 'schemas', text = 'the schema is there' }"
LAST = step("last", "record", 'text = "say how it was"')
MIGRATE = step("go", "action", 'action = "migrate"')


def begin(tmp_path: Path, *steps: str, values: dict[str, str] | None = None) -> tuple[Context, Session]:
    root = workspace(tmp_path / "ws", *steps, LAST)
    ctx = operator(root)
    return ctx, guide.start(ctx, "try", values)


def take_schema(ctx: Context) -> None:
    (ctx.workspace.root / "config/schemas/small.json").unlink()


@pytest.mark.parametrize(
    "one",
    [
        step("one", "probe", f"checks = [{SCHEMAS}]"),
        step("one", "explain", 'text = "x"', f"before = [{SCHEMAS}]"),
        step("one", "manual", 'text = "x"', f"after = [{SCHEMAS}]"),
        step("one", "action", 'action = "maintenance on"', "with = { reason = 'for a test' }", f"after = [{SCHEMAS}]"),
        step("one", "command", 'command = "true"', f"after = [{SCHEMAS}]"),
        step("one", "input", 'value = "word"', f"after = [{SCHEMAS}]"),
    ],
    ids=["probe", "explain", "manual", "action", "command", "input"],
)
def test_a_step_is_ticked_only_while_its_checks_are_good(tmp_path: Path, one: str) -> None:
    """Everything that one does says that it went well, and the workspace is wrong."""
    ctx, session = begin(tmp_path, one)
    schema = ctx.workspace.root / "config/schemas/small.json"
    whole = schema.read_bytes()
    take_schema(ctx)
    kind = session.step.kind if session.step else ""
    if kind == "manual":
        session = guide.note(ctx, session, "all is well")
    elif kind == "action":
        session = guide.act(ctx, session)
    elif kind == "command":
        session = guide.command_ran(ctx, session, "true", 0, "all is well", 0.1)
    elif kind == "input":
        session = guide.set_value(ctx, session, "well")
    assert lacking(session) == ""
    with pytest.raises(RefusedError, match="the schema is there") as error:
        guide.tick(ctx, session)
    assert error.value.untouched == "the step is still open"
    session = guide.reload(ctx, session)
    assert session.number == 1 and told(session)[-1] == "looked"
    with pytest.raises(UsageError, match="at least 3 letters"):
        guide.override(ctx, session, " x ")
    overridden = guide.override(ctx, session, "I know better")
    assert overridden.states == {"one": "overridden"}
    (seen,) = overridden.entries[-1].data["seen"]
    assert seen["verdict"] == "fail" and not seen["good"]
    session = guide.back(ctx, overridden)
    assert session.states == {}
    schema.write_bytes(whole)
    if kind == "manual":  # what was done before one went back is not done now
        with pytest.raises(RefusedError, match="write down"):
            guide.tick(ctx, session)
        session = guide.note(ctx, session, "looked again")
    assert guide.tick(ctx, session).states == {"one": "done"}  # an action or command: it is so already


def test_what_has_to_hold_before_holds_it_back_and_afterwards_no_more(tmp_path: Path) -> None:
    one = step(
        "one", "action", 'action = "maintenance on"', "with = { reason = 'for a test' }", f"before = [{SCHEMAS}]"
    )
    ctx, session = begin(tmp_path, one)
    schema = ctx.workspace.root / "config/schemas/small.json"
    whole = schema.read_bytes()
    take_schema(ctx)
    with pytest.raises(RefusedError, match="this cannot be done yet"):
        guide.act(ctx, session)
    assert not ctx.workspace.maintenance.exists()
    schema.write_bytes(whole)
    session = guide.act(ctx, guide.reload(ctx, session))
    take_schema(ctx)
    assert guide.tick(ctx, session).number == 2


def test_an_act_twice_and_its_command_line(tmp_path: Path) -> None:
    one = step("one", "action", 'action = "maintenance on"', 'with = { reason = "it\'s {session}" }')
    ctx, session = begin(tmp_path, one)
    session = guide.act(ctx, guide.act(ctx, session))
    first, second = session.entries[1:]
    assert first.data["command"] == f"opsconsole maintenance on --reason 'it'\"'\"'s {session.id}'"
    assert first.data["message"].startswith("maintenance since") and "it was on already" in second.data["message"]


def test_a_value_that_nobody_gave_stops_what_needs_it_and_says_where_it_is_asked_for(tmp_path: Path) -> None:
    ctx, session = begin(
        tmp_path,
        step("ask", "input", 'value = "folder"', 'of = "folder"'),
        step("one", "command", 'command = "ls {folder}"'),
        step("two", "action", 'action = "maintenance on"', "with = { reason = 'for {folder}' }"),
    )
    session = guide.skip(ctx, session, "no need of it")
    for again in (guide.skip(ctx, session, "next one"), session):
        with pytest.raises(RefusedError, match="the value `folder` is not known") as error:
            guide.may_do(ctx, again)
        assert error.value.next_step == "step 1 asks for it: go back to it"


def test_a_value_that_may_be_left_open_is_empty_then(tmp_path: Path) -> None:
    ctx, session = begin(
        tmp_path,
        step("ask", "input", 'value = "word"', "optional = true"),
        step("one", "command", "command = 'echo {word}'"),
    )
    assert guide.shell_line(guide.may_do(ctx, guide.tick(ctx, session))) == "echo ''"


VALUES = ["plain", "two words", "it's", 'say "hi"', "$(touch x)", "a;b|c", "-rf", "{session}", "ü \U0001f525"]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_kept_shown_and_quoted_as_it_is(tmp_path: Path, value: str) -> None:
    ctx, session = begin(
        tmp_path,
        step("ask", "input", 'value = "word"'),
        step("one", "command", "command = 'printf %s {word}'", 'text = "{word}"'),
    )
    session = guide.tick(ctx, guide.set_value(ctx, session, value))
    assert session.values["word"] == value and guide.text_of(session) == value
    assert run_shell(ctx, guide.shell_line(session), 20).output == value


@pytest.mark.parametrize(
    ("of", "good", "bad"),
    [
        ("source", "alpha", "alpa"),
        ("source", "data/raw/funding_sources/alpha/", "../x"),
        ("number", "012", "1.5"),
        ("date", "2026-03-01", "March"),
        ("folder", "data", "nowhere"),
        ("file", "data/raw/funding_sources/alpha/x.json", "/etc/passwd"),
        ("text", "x", "two\nlines"),
        ("run", "", "7f3a"),
    ],
)
def test_what_a_value_has_to_be(tmp_path: Path, of: str, good: str, bad: str) -> None:
    ctx, session = begin(tmp_path, step("ask", "input", 'value = "v"', f'of = "{of}"'))
    write_raw(ctx.workspace.root, "alpha/x.json", valid_record(1))
    with pytest.raises(UsageError):
        guide.set_value(ctx, session, bad)
    with pytest.raises(UsageError):
        guide.start(ctx, "try", {"v": bad})
    assert told(guide.reload(ctx, session)) == ["started"]
    if good:
        assert guide.tick(ctx, guide.set_value(ctx, session, good)).number == 2
        assert guide.start(ctx, "try", {"v": good, "other": "x"}).values.keys() == {"v"}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which one run has ended."""
    folder = tmp_path_factory.mktemp("migrated")
    root = workspace(folder / "ws", MIGRATE, step("two", "action", 'action = "verify"'), LAST)
    write_raw(root, "alpha/x.json", valid_record(1))
    assert run_cli(root, "migrate", "--yes").returncode == 0
    return root


@pytest.fixture
def published(tmp_path: Path, migrated: Path) -> tuple[Context, Session, RunRow]:
    """A session in a copy of it, and the run."""
    root = tmp_path / "ws"
    shutil.copytree(migrated, root, ignore=shutil.ignore_patterns("reserve*"))
    ctx = operator(root)
    (row,) = query.list_runs(ctx)
    return ctx, guide.start(ctx, "try"), row


def test_the_end_of_a_run_is_recorded_by_whoever_comes_first_and_once(
    published: tuple[Context, Session, RunRow],
) -> None:
    ctx, session, row = published
    bob = operator(ctx.workspace.root, "bob", "/dev/pts/8")
    session = guide.run_started(ctx, session, row.id, row.command)
    assert session.waiting_run == row.id and lacking(session).endswith("has not ended yet")
    other = guide.resume(bob, session.short)
    assert told(other) == ["started", "run", "resumed", "ran"] and lacking(other) == ""
    assert told(guide.settle_run(ctx, session)) == told(other)
    assert guide.tick(ctx, guide.settle_run(ctx, session)).number == 2
    with pytest.raises(MovedOnError, match="ana has taken"):
        guide.tick(bob, other)


@pytest.mark.parametrize(
    ("status", "partial", "good"),
    [("done", False, True), ("partial", False, False), ("partial", True, True), ("failed", True, False),
     ("cancelled", True, False), ("interrupted", False, False)],
)  # fmt: skip
def test_how_a_run_has_to_end(
    published: tuple[Context, Session, RunRow], monkeypatch: pytest.MonkeyPatch, status: str, partial: bool, good: bool
) -> None:
    ctx, session, row = published
    session.step = replace(session.procedure.steps[0], partial=partial)
    monkeypatch.setattr(query, "get_run", lambda *_: replace(row, status=RunStatus(status), message="as it was"))
    kept = guide.settle_run(ctx, guide.run_started(ctx, session, row.id, "x"))
    kept.step = session.step
    assert lacking(kept) == ("" if good else f"the run ended as {status}: as it was")


def test_a_run_that_goes_on_is_waited_for_and_its_end_is_recorded_at_another_step_too(
    published: tuple[Context, Session, RunRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, session, row = published
    real = query.get_run
    monkeypatch.setattr(query, "get_run", lambda *_: replace(row, status=RunStatus.RUNNING, host="elsewhere"))
    session = guide.settle_run(ctx, guide.run_started(ctx, session, row.id, "x"))
    assert session.waiting_run == row.id
    with pytest.raises(RefusedError, match="has not ended yet"):
        guide.tick(ctx, session)
    session = guide.skip(ctx, session, "will look at it later")
    assert session.unsettled == (row.id,)
    monkeypatch.setattr(query, "get_run", real)
    session = guide.settle_run(ctx, session)
    assert told(session)[-1] == "ran" and session.unsettled == ()
    assert lacking(session) == "do it first"  # the end of an earlier step's run says nothing about this one


def test_a_run_that_the_ledger_does_not_know_has_not_gone_well(published: tuple[Context, Session, RunRow]) -> None:
    ctx, session, _ = published
    session = guide.settle_run(ctx, guide.run_started(ctx, session, "20260101T000000Z-migrate-0000", "x"))
    assert lacking(session) == "the run ended as unknown: the ledger has no such run"


def test_a_ledger_that_is_damaged_keeps_nobody_from_going_on(published: tuple[Context, Session, RunRow]) -> None:
    ctx, session, row = published
    guide.run_started(ctx, session, row.id, "x")
    for file in ctx.workspace.private.glob("ledger.sqlite*"):
        file.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    session = guide.resume(operator(ctx.workspace.root, "bob", "/dev/pts/8"), session.short)
    assert session.waiting_run == row.id
    bob = operator(ctx.workspace.root, "bob", "/dev/pts/8")
    with pytest.raises(LedgerError):
        guide.tick(bob, session)
    assert offers(bob, "run") == [] and offers(bob, "source") == [("alpha", "")]
    assert guide.override(bob, session, "the ledger is damaged").number == 2


def test_what_was_done_is_kept_whoever_moved_on_meanwhile(tmp_path: Path) -> None:
    one = step("one", "action", 'action = "migrate"')
    ctx, session = begin(tmp_path, one, step("two", "explain", 'text = "x"'))
    bob = operator(ctx.workspace.root, "bob", "/dev/pts/8")
    guide.note(bob, session, "I am here too")
    same = guide.run_started(ctx, session, "run-1", "opsconsole migrate --yes")
    assert told(same) == ["started", "note", "run"]
    guide.skip(bob, same, "do not wait")
    moved = guide.command_ran(ctx, same, "ls", 0, "a file", 0.1)
    assert told(moved)[-1] == "note" and moved.number == 2
    said = moved.entries[-1].data["text"]
    assert "done for step one, which was left meanwhile" in said and "command ls" in said and "output a file" in said


def test_a_step_is_not_ticked_that_nobody_has_seen(published: tuple[Context, Session, RunRow]) -> None:
    """While the end of a run is recorded, somebody else goes on: the tick was meant for the step before."""
    ctx, session, row = published
    bob = operator(ctx.workspace.root, "bob", "/dev/pts/8")
    session = guide.run_started(ctx, session, row.id, "x")
    guide.tick(bob, guide.resume(bob, session.short))
    with pytest.raises(MovedOnError, match="bob has taken"):
        guide.tick(ctx, session)
    assert guide.reload(ctx, session).number == 2


def test_the_same_said_again_is_no_news(tmp_path: Path) -> None:
    ctx, session = begin(tmp_path, step("one", "probe", f"checks = [{SCHEMAS}]"))
    session = guide.look(ctx, guide.look(ctx, session))
    assert told(session) == ["started", "looked"]
    take_schema(ctx)
    assert told(guide.look(ctx, session)) == ["started", "looked", "looked"]
    json.dumps([dict(entry.data) for entry in session.entries])
