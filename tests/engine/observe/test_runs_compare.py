"""Two runs beside each other: facts, and every file that stands otherwise, against a plain model of the history."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.observe.runs_compare import (
    FAILING,
    GONE,
    PASSING,
    Change,
    FileChange,
    RunsCompared,
    Standing,
    change_of,
    compare_runs,
    compared_files,
)
from tests.engine.ledger.filled import add_run, filled_workspace, opened
from tests.widgets.hosting import HOSTILE


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return filled_workspace(tmp_path / "ws")


RULES = (("a.json", 1), ("b.json", 1), ("a.json", 4), ("c.json", 5), ("c.json", 6))  # name, run that it judged first


def name(seq: int) -> str:
    return f"-{seq:04x}"


def compared(ctx: Context, first: int, second: int) -> RunsCompared:
    found = compare_runs(ctx, name(first), name(second))
    assert found is not None
    return found


def test_facts_that_differ_and_only_those(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(
            connection,
            2,
            params=json.dumps({"source": "", "checksum": False, "sample": 3}),
            counts=json.dumps({"processed": 40, "failed": 1, "skipped": 9}),
            timings=json.dumps({"scan": 0.5, "publish": 2.0}),
            settings_digest="a" * 64,
            durability="syncfs",
        )
        add_run(connection, 3, action="rollback")
        add_run(connection, 4, action="verify", status="refused")
        add_run(
            connection,
            5,
            action="reprocess",
            who=json.dumps({"login": "bob"}),
            params=json.dumps({"source": "sff", "checksum": True, "sample": 3}),
            counts=json.dumps({"processed": 40, "failed": 37}),
            timings=json.dumps({"scan": 0.5, "judge": 1.0}),
            ended_at="2026-03-01T10:00:06.500000Z",
            settings_digest="b" * 64,
        )
        for number, (rule, first) in enumerate(RULES, 1):
            values = [str(number) * 64, rule, first]
            connection.execute(
                "INSERT INTO rules (fingerprint, name, schema_sha256, document, first_run, first_at, first_by)"
                " VALUES (?, ?, '', '{}', ?, '', '')",
                values,
            )
    found = compared(ctx, 5, 2)  # whichever is named first
    assert (found.before.seq, found.after.seq) == (2, 5)
    assert [(each.name, each.before, each.after) for each in found.params] == [
        ("source", "", "sff"),
        ("checksum", "", "yes"),
    ]
    assert [(each.name, each.before, each.after) for each in found.made] == [
        ("action", "migrate", "reprocess"),
        ("by", "ana", "bob"),
    ]
    assert found.counts == [("skipped", 9, 0), ("failed", 1, 37)]
    assert found.seconds == (4.0, 6.5)
    assert found.phases == [("scan", 0.5, 0.5), ("publish", 2.0, None), ("judge", None, 1.0)]
    assert found.same_settings is False and found.between == [("rollback", 1)]
    assert [each.name for each in found.rules] == ["a.json", "c.json"]
    assert [(each.before, each.after) for each in found.rules] == [("1" * 12, "3" * 12), ("", "4" * 12)]
    assert found.document()["files"] == dict.fromkeys(map(str, Change), 0)


def test_what_names_no_two_runs_is_refused(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2)
    with pytest.raises(UsageError, match="both name the run"):
        compare_runs(ctx, name(2), "0002")
    with pytest.raises(UsageError, match="no run 'zz'"):
        compare_runs(ctx, name(2), "zz")


def test_it_ends_when_nobody_waits_any_more(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2)
        record(connection, 2, "a", "failed")
    assert compare_runs(ctx, name(1), name(2), cancelled=lambda: True) is None


def record(
    connection: sqlite3.Connection, run: int, path: str, outcome: str, sha256: str = "", reason: str = ""
) -> None:
    connection.execute(
        "INSERT INTO outcomes (run, path, outcome, sha256, reason) VALUES (?, ?, ?, ?, ?)",
        [run, path, outcome, sha256, reason],
    )


def test_two_verifies_are_compared_by_what_each_of_them_found(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        record(connection, 1, "mended", "published", "1")
        add_run(connection, 2, action="verify")
        for path, outcome in (("mended", "damaged"), ("still", "lost"), ("other", "damaged")):
            record(connection, 2, path, outcome)
        add_run(connection, 3)
        record(connection, 3, "other", "failed")
        add_run(connection, 4, action="verify")
        for path in ("still", "fresh"):
            record(connection, 4, path, "lost")
    found = compared(ctx, 2, 4)
    assert found.files == {Change.NEWLY_FAILING: 1, Change.NEWLY_PASSING: 2}
    pages = {change: compared_files(ctx, found, change, 0, 9) for change in found.files}
    assert [each.path for each in pages[Change.NEWLY_FAILING]] == ["fresh"]
    assert sorted(each.path for each in pages[Change.NEWLY_PASSING]) == ["mended", "other"]
    assert all(each.after is None for each in pages[Change.NEWLY_PASSING])
    # a verify is no verdict on a source: between the migrates nothing happened to `mended`
    assert compared(ctx, 1, 3).files == {Change.NEWLY_FAILING: 1}


def test_hostile_names_and_reasons_come_back_as_they_are(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2)
        texts = [text.replace("\udcff", "\\xff") for text in HOSTILE]
        for text in texts:
            record(connection, 2, text, "failed", reason=text)
    found = compared(ctx, 1, 2)
    page = compared_files(ctx, found, Change.NEWLY_FAILING, 0, 100)
    assert [(each.path, each.after and each.after.reason) for each in page] == [(text, text) for text in texts]


# ── against a plain model ─────────────────────────────────────────────────────────────────────────────────────────

JUDGING = sorted(FAILING | PASSING | GONE)
OTHERS = [Outcome.SIDECAR, Outcome.MOVED, Outcome.NOT_TRIED, Outcome.ARCHIVED]


@dataclass
class History:
    """Runs in order: (action, rows of path, outcome, checksum, reason), and which was taken back by which."""

    runs: list[tuple[str, list[tuple[str, Outcome, str, str]]]] = field(default_factory=list)
    undone: list[tuple[int, int, bool]] = field(default_factory=list)

    def void(self, run: int, seq: int) -> bool:
        """Whether `run` had been taken back when `seq` ended."""
        return any(whole and by <= seq and not self.void(by, seq) for taken, by, whole in self.undone if taken == run)

    def standing(self, path: str, seq: int) -> Standing | None:
        last = None
        for number, (action, rows) in enumerate(self.runs[:seq], 1):
            if action == "verify" or self.void(number, seq):
                continue
            for row in rows:
                former = row[1] == Outcome.RESTORED and not row[2]
                if row[0] == path and row[1] in JUDGING and not former:
                    last = Standing(*row[1:])
        return last

    def changes(self, before: int, after: int) -> Iterator[FileChange]:
        for path in sorted({row[0] for _, rows in self.runs for row in rows}):
            was, now = self.standing(path, before), self.standing(path, after)
            change = change_of(was, now)
            if change is not None:
                yield FileChange(path, change, was, now)


@st.composite
def histories(draw: st.DrawFn) -> History:
    found = History()
    row = st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from([*JUDGING, *JUDGING, *OTHERS]),
        st.sampled_from(["", "1", "2"]),
        st.sampled_from(["", "why"]),
    )
    for seq in range(1, draw(st.integers(2, 7)) + 1):
        action = draw(st.sampled_from(["migrate", "migrate", "rollback", "verify"]))
        found.runs.append((action, draw(st.lists(row, max_size=4))))
        if action == "rollback" and seq > 1:
            found.undone.append((draw(st.integers(1, seq - 1)), seq, draw(st.booleans())))
    return found


def fill(connection: sqlite3.Connection, history: History) -> None:
    """The ledger holds this history and nothing else."""
    with transaction(connection):
        for table in ("runs", "outcomes", "undone"):
            connection.execute(f"DELETE FROM {table}")
        for seq, (action, rows) in enumerate(history.runs, 1):
            add_run(connection, seq, action=action)
            for row in rows:
                record(connection, seq, *row)
        connection.executemany("INSERT INTO undone VALUES (?, ?, ?)", history.undone)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), st.data())
def test_every_file_that_stands_otherwise_is_counted_and_listed_once(
    ctx: Context, history: History, data: st.DataObject
) -> None:
    with opened(ctx) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        fill(connection, history)
    last = len(history.runs)
    before = data.draw(st.integers(1, last - 1))
    after = data.draw(st.integers(before + 1, last))
    if history.runs[before - 1][0] == history.runs[after - 1][0] == "verify":
        return
    found = compared(ctx, before, after)
    expected = list(history.changes(before, after))
    assert found.files == Counter(each.change for each in expected)
    for change in found.files:
        pages = [compared_files(ctx, found, change, start, 1) for start in range(found.files[change] + 1)]
        listed = [each for page in pages for each in page]
        assert sorted(listed, key=lambda each: each.path) == [each for each in expected if each.change == change]
