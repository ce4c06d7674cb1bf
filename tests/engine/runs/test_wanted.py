"""Filtering runs: what is typed and what is given as options, by pages, against a plain model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.engine.context import Context, open_context
from console.engine.ledger.store import transaction
from console.engine.model import RunRow
from console.engine.runs.query import find_runs, list_runs
from console.engine.runs.wanted import RunFilter, operator, parse_filter
from tests.engine.ledger.filled import add_run, filled_workspace, opened
from tests.support import make_workspace

ACTIONS = ("migrate", "reprocess", "backups prune", "verify")
STATUSES = ("done", "partial", "failed", "refused")
PEOPLE = ({"login": "ann"}, {"login": "Anna", "user": "root"}, {"user": "timer"}, {"login": "", "user": "bob"}, {})


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Every combination, and one person whose name would act."""
    ctx = filled_workspace(tmp_path_factory.mktemp("runs") / "ws")
    with opened(ctx) as connection, transaction(connection):
        connection.execute("DELETE FROM runs")
        made = [(action, status, who) for action in ACTIONS for status in STATUSES for who in PEOPLE]
        made.append(("migrate", "done", {"login": "100%_'[/]\x1b"}))
        for seq, (action, status, who) in enumerate(made, 1):
            add_run(connection, seq, action=action, status=status, who=json.dumps(who))
    return ctx


def test_what_is_typed() -> None:
    assert parse_filter("") == parse_filter("  by: status:,, ") == RunFilter()
    typed = parse_filter("mig by:ann,bob Status:part action:re x:y")
    assert typed == RunFilter(("re",), ("part",), ("ann", "bob"), ("mig", "x:y"))
    assert not parse_filter("by:") and parse_filter("by:a")


def matches(row: RunRow, wanted: RunFilter) -> bool:
    def fits(value: str, among: tuple[str, ...]) -> bool:
        if wanted.whole:
            return not among or value in among
        return not among or any(part.lower() in value.lower() for part in among)

    everything = (row.action, str(row.status), operator(row), row.id)
    return (
        fits(row.action, wanted.action)
        and fits(str(row.status), wanted.status)
        and fits(operator(row), wanted.by)
        and all(any(word.lower() in value.lower() for value in everything) for word in wanted.words)
    )


parts = st.sampled_from(
    [
        "migrate",
        "re",
        "prune",
        "MIGR",
        "part",
        "done",
        "an",
        "ann",
        "Anna",
        "bob",
        "root",
        "%",
        "'",
        "_",
        "\x1b",
        "0001",
    ]
)
some = st.lists(parts, max_size=2).map(tuple)


@settings(max_examples=150, deadline=None)
@given(st.builds(RunFilter, some, some, some, some, st.booleans()), st.integers(1, 90))
def test_a_filter_finds_what_a_plain_look_finds_by_pages(ctx: Context, wanted: RunFilter, limit: int) -> None:
    every = list_runs(ctx, limit=1000)
    expected = [row.seq for row in every if matches(row, wanted)]
    assert [row.seq for row in every if wanted.matches(row)] == expected  # as a list says it that has been read
    first = find_runs(ctx, wanted, limit=limit)
    assert (first.total, first.of) == (len(expected), 81)
    found, page = [row.seq for row in first.rows], first.rows
    while page:
        page = list_runs(ctx, limit=limit, before_seq=found[-1], wanted=wanted)
        assert len(page) <= limit
        found += [row.seq for row in page]
    assert found == expected


def test_what_is_no_utf_8_finds_nothing_and_no_ledger_is_no_run(ctx: Context, tmp_path: Path) -> None:
    assert find_runs(ctx, RunFilter(by=("\udcff",))).rows == []
    assert find_runs(open_context(make_workspace(tmp_path / "new")), RunFilter()).of == 0
