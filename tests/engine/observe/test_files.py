"""Lists of files, one file with its history, and why a file was or was not published."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import UsageError
from console.engine.ledger.store import transaction
from console.engine.model import FileStatus, Outcome
from console.engine.observe.files import (
    Explanation,
    count_files,
    every_file,
    explain,
    list_files,
    raw_path,
    show_file,
)
from console.engine.records.rules import load_rules
from tests.engine.ledger.filled import add_failure, add_run, filled_workspace, opened, raw
from tests.support import RAW, VALIDATED, fixed_environment, make_workspace, valid_record, write_raw

ONE = raw("s0/dumps/2024-01-01_000000/data.json")
TABLE = raw("s1/manual/table.csv")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    ctx = filled_workspace(tmp_path / "ws")
    rule = load_rules(ctx.workspace.root, ctx.settings).rules[0]
    with opened(ctx) as connection, transaction(connection):
        for number, fingerprint in enumerate((rule.fingerprint, "f" * 64), 1):
            connection.execute(
                "INSERT INTO rules VALUES (?, ?, ?, '', '{}', 1, '', 'ana')", [number, fingerprint, f"rule{number}"]
            )
        connection.execute("UPDATE files SET rule = 1")
    return ctx


def change(ctx: Context, sql: str, *values: Any) -> None:
    with opened(ctx) as connection:
        connection.execute(sql, values)


def fail(ctx: Context, path: str, **values: Any) -> None:
    """A failure with the identity that the file has now."""
    facts = os.stat(ctx.workspace.path(path))
    identity = {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns, "inode": facts.st_ino}
    with opened(ctx) as connection, transaction(connection):
        add_failure(connection, path, [("required:date", 12), ("enum:category", 3)], **{**identity, **values})


HOLD = (
    "INSERT INTO holds (path, size, mtime_ns, inode, rule, run, at, by, reason, source)"
    " SELECT path, size, mtime_ns, inode, rule, 1, '2026-03-02T00:00:00Z', 'ana', 'for a test', source"
    " FROM files WHERE path = ?"
)


def statuses(ctx: Context) -> dict[str, FileStatus]:
    return {row.path: row.status for row in list_files(ctx).rows}


# --- lists -------------------------------------------------------------------------------------------------


def test_without_a_ledger_there_is_nothing_and_no_error(tmp_path: Path) -> None:
    ctx = open_context(make_workspace(tmp_path / "ws"), env=fixed_environment())
    assert list_files(ctx).rows == ()
    assert count_files(ctx) == {}
    assert not (ctx.workspace.root / ".opsconsole").exists()


def test_pages_hold_every_file_once_in_order(ctx: Context) -> None:
    for number in range(7):
        write_raw(ctx.workspace.root, f"s2/f{number}.json", [valid_record(number)])
        fail(ctx, raw(f"s2/f{number}.json"))
    seen, after = [], ""
    while True:
        page = list_files(ctx, after=after, limit=3)
        seen += [row.path for row in page.rows]
        after = page.next_after
        if not after:
            break
        assert len(page.rows) == 3
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 11
    assert [row.path for row in every_file(ctx)] == seen


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        (HOLD, "held"),
        ("UPDATE files SET status = 'adopted', rule = NULL WHERE path = ?", "adopted"),
        ("UPDATE files SET status = 'archived' WHERE path = ?", "archived"),
        ("UPDATE files SET mirrored = 0 WHERE path = ?", "new"),
        ("UPDATE files SET rule = 2 WHERE path = ?", "stale"),
        ("UPDATE files SET judged_run = 2 WHERE path = ?", "revalidated"),
    ],
)
def test_each_status_is_told_counted_and_found(ctx: Context, sql: str, status: str) -> None:
    change(ctx, sql, ONE)
    found = statuses(ctx)
    assert found.pop(ONE) == status
    assert set(found.values()) == {FileStatus.PROCESSED}
    assert [row.path for row in list_files(ctx, status=status).rows] == [ONE]
    assert count_files(ctx) == {FileStatus.PROCESSED: 3, FileStatus(status): 1}


def test_failures_are_in_the_list_with_their_main_cause(ctx: Context) -> None:
    write_raw(ctx.workspace.root, "s2/bad.json", [{}])
    fail(ctx, raw("s2/bad.json"))
    fail(ctx, ONE)  # a new version of a published file
    rows = {row.path: row for row in list_files(ctx, status="known-failed").rows}
    assert set(rows) == {ONE, raw("s2/bad.json")}
    assert (rows[ONE].published, rows[raw("s2/bad.json")].published) == (True, False)
    assert (rows[ONE].cause, rows[ONE].failed_records, rows[ONE].records) == ("required:date", 15, 96)


def test_an_acceptance_counts_until_its_time_has_come(ctx: Context) -> None:
    accepted = {"accepted_at": "2026-03-02T00:00:00.000000Z", "accepted_by": "bob", "accepted_reason": "known"}
    fail(ctx, ONE, **accepted, accepted_until="2026-03-05T00:00:00.000000Z")
    fail(ctx, TABLE, **accepted, accepted_until="2026-03-03T00:00:00.000000Z")
    assert statuses(ctx)[ONE] == FileStatus.ACCEPTED
    assert statuses(ctx)[TABLE] == FileStatus.FAILED


@pytest.mark.parametrize(
    ("filter", "number"),
    [("TABLE", 1), ("s0/", 2), ("*.csv", 1), (f"{RAW}/s1/*", 2), ("100%", 0), ("s_/", 0), ("2024-01-0[12]*", 2)],
)
def test_a_filter_is_a_part_or_a_glob(ctx: Context, filter: str, number: int) -> None:
    assert len(list_files(ctx, filter=filter).rows) == number


def test_one_source(ctx: Context) -> None:
    assert {row.source for row in list_files(ctx, source="s1").rows} == {"s1"}
    assert sum(count_files(ctx, source="s1").values()) == 2


@pytest.mark.parametrize("status", ["missing", "changed", "ignored", "what"])
def test_a_status_that_no_list_has_is_wrong_usage(ctx: Context, status: str) -> None:
    with pytest.raises(UsageError):
        list_files(ctx, status=status)


# --- one file ----------------------------------------------------------------------------------------------


def test_one_file_has_its_history_newest_first(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2, who=json.dumps({"login": "bob"}))
        connection.execute(
            "INSERT INTO outcomes (run, path, outcome, reason) VALUES (1, ?, 'failed', 'bad'), (2, ?, 'published', '')",
            [ONE, ONE],
        )
    detail = show_file(ctx, ONE)
    assert [(row.outcome, row.who, row.run[-4:]) for row in detail.history] == [
        (Outcome.PUBLISHED, "bob", "0002"),
        (Outcome.FAILED, "ana", "0001"),
    ]
    assert (detail.rule, detail.mirrored, detail.row.status) == ("rule1", True, FileStatus.PROCESSED)
    assert show_file(ctx, TABLE).columns == ("grant_id", "amount", "date", "source", "category")


def test_stat_of_the_file_shown_corrects_its_status(ctx: Context) -> None:
    os.unlink(ctx.workspace.path(f"{VALIDATED}/s1/manual/table.csv"))
    assert show_file(ctx, TABLE).row.status == FileStatus.MISSING
    write_raw(ctx.workspace.root, "s0/dumps/2024-01-01_000000/data.json", [valid_record(3)])
    assert show_file(ctx, ONE).row.status == FileStatus.CHANGED
    assert statuses(ctx)[ONE] == FileStatus.PROCESSED  # a list does not look


def test_a_failure_that_stands_is_known_one_that_could_not_be_read_is_not(ctx: Context) -> None:
    fail(ctx, ONE)
    fail(ctx, TABLE, inode=-1, kind="unreadable", verdict='{"reason": "Permission denied"}')
    assert show_file(ctx, ONE).row.status == FileStatus.KNOWN_FAILED
    detail = show_file(ctx, TABLE)
    assert (detail.row.status, detail.verdict, detail.failure_kind) == (FileStatus.FAILED, None, "unreadable")


@pytest.mark.parametrize(
    "spell",
    [
        lambda root: ONE,
        lambda root: f"{root}/{ONE}",
        lambda root: "data/../" + ONE,
        lambda root: ONE.replace(RAW, VALIDATED),
        lambda root: "s0/dumps/2024-01-01_000000/data.json",
    ],
)
def test_a_file_has_many_spellings(ctx: Context, spell: Callable[[Path], str]) -> None:
    assert raw_path(ctx, spell(ctx.workspace.root)) == ONE


def test_what_the_ledger_does_not_know_is_wrong_usage(ctx: Context) -> None:
    with pytest.raises(UsageError, match="knows no such file"):
        show_file(ctx, raw("nope.json"))


# --- explain -----------------------------------------------------------------------------------------------


def told(answer: Explanation) -> str:
    return " / ".join(f"{step.question} {step.answer}" for step in answer.trace)


def lay(ctx: Context, name: str, content: object = "x") -> str:
    write_raw(ctx.workspace.root, name, content)
    return raw(name)


def seen(ctx: Context, path: str) -> str:
    change(ctx, "INSERT INTO outcomes (run, path, outcome) VALUES (1, ?, 'changed-since-plan')", path)
    return path


def test_published_and_unchanged(ctx: Context) -> None:
    answer = explain(ctx, ONE)
    assert (answer.status, answer.published) == (FileStatus.PROCESSED, True)
    assert "already processed" in told(answer)
    assert "config/schemas/small.json" in told(answer)
    assert explain(ctx, ONE.replace(RAW, VALIDATED)) == answer


CASES: list[tuple[Callable[[Context], str], FileStatus, str]] = [
    (lambda c: lay(c, "s0/notes.pdf"), FileStatus.IGNORED, "unknown suffix"),
    (lambda c: lay(c, "s0/nosuffix"), FileStatus.IGNORED, "no suffix"),
    (lambda c: lay(c, "s0/fresh.json"), FileStatus.NEW, "no run has judged it"),
    (lambda c: seen(c, raw("s0/not/there.json")), FileStatus.MISSING, "none judged it"),
    (lambda c: "config/console.toml", FileStatus.IGNORED, "neither in the raw zone"),
    (lambda c: raw("s0"), FileStatus.IGNORED, "it is a folder"),
    (lambda c: lay(c, "s0/_metadata.json"), FileStatus.NEW, "a sidecar"),
]


@pytest.mark.parametrize(("given", "status", "word"), CASES)
def test_what_is_not_published_says_why(ctx: Context, given: Any, status: FileStatus, word: str) -> None:
    answer = explain(ctx, given(ctx))
    assert (answer.status, answer.published) == (status, False)
    assert word in told(answer)
    assert answer.next_step


@pytest.mark.parametrize(
    ("given", "near"),
    [
        (raw("s0/dumsp/2024-01-01_000000/data.json"), raw("s0/dumps/2024-01-01_000000/data.json")),
        (raw("s0/dumps/2024-01-01_000000/dat.json"), raw("s0/dumps/2024-01-01_000000/data.json")),
        (f"{VALIDATED}/s1/manual/tabel.csv", raw("s1/manual/table.csv")),
        ("s1/manual/tabel.csv", raw("s1/manual/table.csv")),
        ("somewhere/table.csv", raw("s1/manual/table.csv")),
        ("confg/console.toml", "config/console.toml"),
        ("nothing/like/it[]", ""),
        ("\udcff/\x1b[31m", ""),
    ],
)
@pytest.mark.parametrize("ledger", [True, False], ids=["ledger", "none"])
def test_what_neither_disk_nor_ledger_knows_is_wrong_usage(ctx: Context, given: str, near: str, ledger: bool) -> None:
    if not ledger:
        shutil.rmtree(ctx.workspace.private)
    with pytest.raises(UsageError, match="no such file") as raised:
        explain(ctx, given)
    assert raised.value.file.endswith(given.removeprefix(VALIDATED))
    if ledger or not given.startswith("somewhere"):
        assert raised.value.next_step == (f"did you mean {near}?" if near else raised.value.next_step)
        assert near or "state list --filter" in raised.value.next_step


def test_links_and_pipes_are_not_followed(ctx: Context) -> None:
    link = ctx.workspace.path(raw("s0/link.json"))
    link.symlink_to(ctx.workspace.path(ONE))
    os.mkfifo(ctx.workspace.path(raw("s0/pipe.json")))
    ctx.workspace.path(raw("s0/folder")).symlink_to(ctx.workspace.path(raw("s1")))
    assert "symbolic link" in told(explain(ctx, raw("s0/link.json")))
    assert "not a regular file" in told(explain(ctx, raw("s0/pipe.json")))


def test_a_name_that_is_not_utf8(ctx: Context) -> None:
    with open(os.fsencode(ctx.workspace.path(raw("s0/"))) + b"/\xff.json", "wb"):
        pass
    answer = explain(ctx, raw("s0/\udcff.json"))
    assert (answer.status, answer.published) == (FileStatus.FAILED, False)
    assert "not UTF-8" in told(answer)


@pytest.mark.parametrize("given", ["/etc/passwd", "../outside.json", ""])
def test_outside_of_the_root_is_wrong_usage(ctx: Context, given: str) -> None:
    with pytest.raises(UsageError):
        explain(ctx, given)


@pytest.mark.parametrize(
    ("sql", "status", "word"),
    [
        (HOLD, FileStatus.HELD, "taken back by ana"),
        ("UPDATE files SET status = 'adopted', rule = NULL WHERE path = ?", FileStatus.ADOPTED, "adopted"),
        ("UPDATE files SET mirrored = 0 WHERE path = ?", FileStatus.NEW, "entry was taken out"),
        ("UPDATE files SET rule = 2 WHERE path = ?", FileStatus.STALE, "rule has changed"),
    ],
)
def test_what_the_ledger_says_is_told(ctx: Context, sql: str, status: FileStatus, word: str) -> None:
    change(ctx, sql, ONE)
    answer = explain(ctx, ONE)
    assert (answer.status, answer.published) == (status, True)
    assert word in told(answer)


def test_a_failure_has_its_records_and_who_answered(ctx: Context) -> None:
    fail(ctx, ONE)
    answer = explain(ctx, ONE)
    assert (answer.status, answer.published) == (FileStatus.KNOWN_FAILED, True)
    assert answer.verdict is not None
    assert answer.verdict.failing[0].line == 412
    assert "15 of 96 records fail" in told(answer)
    change(
        ctx, "UPDATE failures SET accepted_by='bob', accepted_at='2026-03-02T00:00:00Z', accepted_reason='known gap'"
    )
    answer = explain(ctx, ONE)
    assert answer.status == FileStatus.ACCEPTED
    assert "known gap" in told(answer)


def test_missing_vanished_changed_and_touched_copies(ctx: Context) -> None:
    copy = ctx.workspace.path(ONE.replace(RAW, VALIDATED))
    copy.write_bytes(b"touched")
    assert "changed by somebody else" in told(explain(ctx, ONE))
    copy.unlink()
    assert explain(ctx, ONE).status == FileStatus.MISSING
    os.unlink(ctx.workspace.path(TABLE))
    answer = explain(ctx, TABLE)
    assert (answer.status, answer.published) == (FileStatus.MISSING, True)
    assert "vanished" in told(answer)
    lay(ctx, "s1/dumps/2024-01-02_000000/data.json", [valid_record(9)])
    assert explain(ctx, raw("s1/dumps/2024-01-02_000000/data.json")).status == FileStatus.CHANGED


def test_a_broken_schema_is_told_and_not_raised(ctx: Context) -> None:
    (ctx.workspace.root / "config/schemas/small.json").write_text("{")
    answer = explain(ctx, ONE)
    assert "small.json" in told(answer)


def test_without_a_ledger_a_file_is_new(ctx: Context) -> None:
    shutil.rmtree(ctx.workspace.private)
    answer = explain(ctx, ONE)
    assert (answer.status, answer.published) == (FileStatus.NEW, False)
    assert not ctx.workspace.private.exists()
