"""Failures by cause, source and file; answering for them; their export."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import ReadOnlyError, UsageError
from console.engine.ledger.store import transaction
from console.engine.observe.failures import (
    FailureGroup,
    FailureRow,
    FailureSelection,
    export,
    list_failures,
)
from console.engine.observe.failures_accept import accept, other_causes
from tests.engine.ledger.filled import add_failure, add_run, filled_workspace, opened, raw
from tests.support import fixed_environment, make_workspace

HOSTILE = raw('s2/[@click=app.quit]x\n\x1b]52;c;aGk=\x07=cmd|"\u202e.json')
EVERYTHING = FailureSelection(everything=True)


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    """Twelve failing files of two sources with two causes, and a hostile one."""
    ctx = filled_workspace(tmp_path / "ws", 3)
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2, started_at="2026-03-02T10:00:00.000000Z")
        for number in range(12):
            causes = [("required:date", number + 1)] + ([("enum:category", 2)] if number % 3 == 0 else [])
            path = raw(f"s{number % 2}/f{number:02d}.json")
            add_failure(connection, path, causes, first_run=1 + number % 2, last_run=2)
        add_failure(
            connection,
            HOSTILE,
            [],
            kind="unreadable",
            failed_records=0,
            errors=1,
            verdict='{"reason": "Permission\\ndenied"}',
        )
        connection.execute(
            "INSERT INTO failure_causes SELECT id, 'unreadable', 0, 1 FROM failures WHERE path = ?", [HOSTILE]
        )
    return ctx


def by_file(ctx: Context, **values: Any) -> list[FailureRow]:
    return [row for row in list_failures(ctx, "file", **values) if isinstance(row, FailureRow)]


def groups(ctx: Context, by: str, **values: Any) -> dict[str, tuple[int, int]]:
    found = [row for row in list_failures(ctx, by, **values) if isinstance(row, FailureGroup)]
    return {row.key: (row.files, row.records) for row in found}


def test_without_a_ledger_nothing_fails(tmp_path: Path) -> None:
    ctx = open_context(make_workspace(tmp_path / "ws"), env=fixed_environment())
    assert list_failures(ctx) == []
    assert list(export(ctx)) == []
    with pytest.raises(UsageError, match="no ledger"):
        accept(ctx, EVERYTHING, "why")
    assert not ctx.workspace.private.exists()


def test_by_cause_most_files_first(ctx: Context) -> None:
    found = list_failures(ctx, "cause")
    assert [row.key for row in found if isinstance(row, FailureGroup)] == [
        "required:date",
        "enum:category",
        "unreadable",
    ]
    assert groups(ctx, "cause") == {"required:date": (12, 78), "enum:category": (4, 8), "unreadable": (1, 0)}
    first = found[0]
    assert isinstance(first, FailureGroup)
    assert (first.since_run[-4:], first.since) == ("0001", "2026-03-01T10:00:00.000000Z")


def test_by_source_and_narrowed(ctx: Context) -> None:
    assert {key: files for key, (files, _) in groups(ctx, "source").items()} == {"s0": 6, "s1": 6, "s2": 1}
    assert groups(ctx, "cause", selection=FailureSelection(source="s0"))["required:date"][0] == 6
    narrowed = groups(ctx, "cause", selection=FailureSelection(cause="enum:category"))
    assert narrowed == {"enum:category": (4, 8)}
    assert {key for key in groups(ctx, "source", selection=FailureSelection(pattern="F00"))} == {"s0"}
    assert len(by_file(ctx, selection=FailureSelection(pattern="s1/*.json"))) == 6


def test_by_file_in_pages(ctx: Context) -> None:
    first = by_file(ctx, limit=5)
    rest = by_file(ctx, after=first[-1].path, limit=50)
    paths = [row.path for row in [*first, *rest]]
    assert len(paths) == 13
    assert paths == sorted(paths)
    row = next(row for row in first if row.path.endswith("f00.json"))
    assert (row.cause, row.causes, row.failed_records, row.records) == ("enum:category", 2, 3, 96)


def test_another_by_is_wrong_usage(ctx: Context) -> None:
    with pytest.raises(UsageError):
        list_failures(ctx, "colour")


# --- accepting ---------------------------------------------------------------------------------------------


def test_accepting_is_recorded_with_who_why_and_until_when(ctx: Context) -> None:
    path = raw("s0/f00.json")
    until = datetime(2026, 4, 1, 2, 0, tzinfo=timezone(timedelta(hours=2)))
    done = accept(ctx, FailureSelection(paths=(path,)), "  known gap ", until)
    assert [row.path for row in done.rows] == [path]
    row = by_file(ctx, accepted=True)[0]
    assert (row.path, row.accepted_by, row.accepted_reason) == (path, "ana", "known gap")
    assert row.accepted_until == "2026-04-01T00:00:00.000000Z"
    assert len(by_file(ctx, accepted=False)) == 12
    later = replace(ctx, env=fixed_environment(datetime(2026, 4, 2, tzinfo=UTC)))
    assert by_file(later, accepted=True) == []


def test_accepting_by_cause_and_by_many_paths(ctx: Context) -> None:
    assert len(accept(ctx, FailureSelection(cause="enum:category"), "known").rows) == 4
    paths = tuple(raw(f"s{n % 2}/f{n:02d}.json") for n in range(12)) + tuple(raw(f"no/{n}") for n in range(1200))
    by_paths = accept(ctx, FailureSelection(paths=paths), "known")
    assert (len(by_paths.rows), by_paths.already) == (8, 4)
    rest = accept(ctx, EVERYTHING, "known")
    assert ([row.path for row in rest.rows], rest.already) == ([HOSTILE], 12)


def test_what_was_accepted_before_keeps_its_reason_until_asked_again(ctx: Context) -> None:
    path = raw("s0/f00.json")
    accept(ctx, FailureSelection(paths=(path,)), "the first reason", datetime(2026, 4, 1, tzinfo=UTC))
    done = accept(ctx, FailureSelection(source="s0"), "another reason")
    assert (len(done.rows), done.already) == (5, 1)
    assert {row.accepted_reason for row in by_file(ctx, selection=FailureSelection(paths=(path,)))} == {
        "the first reason"
    }
    done = accept(ctx, FailureSelection(paths=(path,)), "a third reason")
    assert (done.rows, done.already) == ([], 1)
    done = accept(ctx, FailureSelection(source="s0"), "asked again", again=True)
    assert (len(done.rows), done.already) == (6, 0)
    assert {row.accepted_reason for row in by_file(ctx, accepted=True)} == {"asked again"}


def test_an_acceptance_that_has_run_out_is_no_acceptance(ctx: Context) -> None:
    one = FailureSelection(paths=(raw("s0/f00.json"),))
    accept(ctx, one, "for a while", datetime(2026, 4, 1, tzinfo=UTC))
    later = replace(ctx, env=fixed_environment(datetime(2026, 4, 2, tzinfo=UTC)))
    done = accept(later, one, "again in April")
    assert (len(done.rows), done.already) == (1, 0)
    assert by_file(later, accepted=True)[0].accepted_reason == "again in April"


def test_the_other_causes_of_accepted_files_are_counted(ctx: Context) -> None:
    done = accept(ctx, FailureSelection(cause="required:date"), "known")
    assert len(done.rows) == 12
    assert other_causes(ctx, done.rows, "required:date") == [("enum:category", 4)]
    assert other_causes(ctx, done.rows, "enum:category") == [("required:date", 4)]
    assert other_causes(ctx, [row for row in done.rows if row.causes == 1], "required:date") == []


@pytest.mark.parametrize(
    ("selection", "reason", "until"),
    [
        (FailureSelection(), "x", None),
        (EVERYTHING, "  ", None),
        (EVERYTHING, "x", datetime(2026, 1, 1, tzinfo=UTC)),
        (FailureSelection(cause="nope"), "x", None),
        (FailureSelection(paths=("\udcff",)), "x", None),
    ],
)
def test_what_selects_nothing_or_says_nothing_is_wrong_usage(
    ctx: Context, selection: FailureSelection, reason: str, until: datetime | None
) -> None:
    with pytest.raises(UsageError):
        accept(ctx, selection, reason, until)
    assert by_file(ctx, accepted=True) == []


def test_a_read_only_session_accepts_nothing(ctx: Context) -> None:
    with pytest.raises(ReadOnlyError):
        accept(replace(ctx, read_only=True), EVERYTHING, "known")
    assert by_file(ctx, accepted=True) == []


# --- export ------------------------------------------------------------------------------------------------


def test_json_lines_hold_one_error_each_and_no_live_character(ctx: Context) -> None:
    lines = list(export(ctx))
    documents = [json.loads(line) for line in lines]
    assert len(documents) == 12 + 4 + 1
    assert all(line.isascii() and line.isprintable() for line in lines)
    hostile = next(d for d in documents if d["file"] == HOSTILE)
    assert (hostile["cause"], hostile["message"], hostile["record"]) == ("unreadable", "Permission\ndenied", None)
    one = next(d for d in documents if d["file"] == raw("s0/f00.json") and d["cause"] == "required:date")
    assert (one["record"], one["line"], one["field"], one["rule"]) == (17, 412, "date", "required")


def test_csv_is_rfc_4180_and_no_spreadsheets_formula(ctx: Context) -> None:
    with opened(ctx) as connection:
        connection.execute(
            "UPDATE failures SET path = '=cmd|x!A1', verdict ="
            " json_set(verdict, '$.failing[0].errors[0].message', '+1,\"2\"') WHERE path = ?",
            [raw("s0/f02.json")],
        )
    accept(ctx, FailureSelection(paths=("=cmd|x!A1",)), "@SUM(1)")
    text = "\n".join(export(ctx, form="csv"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 17
    formula = next(row for row in rows if "cmd" in row["file"] and row["source"] == "s0")
    assert (formula["file"], formula["message"], formula["accepted_reason"]) == ("'=cmd|x!A1", '\'+1,"2"', "'@SUM(1)")
    assert "\x1b" not in text
    assert text.count("\n") == 17


def test_export_of_a_selection_and_another_form(ctx: Context) -> None:
    assert {json.loads(line)["source"] for line in export(ctx, FailureSelection(source="s1"))} == {"s1"}
    with pytest.raises(UsageError):
        list(export(ctx, form="xml"))
