"""Lists by position: the same rows as reading everything and sorting it, wherever one looks."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.context import Context, open_context
from console.engine.errors import LedgerError, UsageError
from console.engine.observe import files_page
from console.engine.observe.files_export import export_files
from console.engine.observe.files_list import FileRow, every_file, list_files
from console.engine.observe.files_page import Cancelled, FileQuery, Listing
from tests.support import RAW, make_workspace, run_cli
from tests.support.large_ledger import make_large

NAMES = ["a", "b", "B", "é", "日本", "a%b", "a_b", "x[1]", "sub/a", "z" * 40]
KEYS = {
    "path": lambda row: row.path,
    "records": lambda row: row.records,
    "errors": lambda row: row.errors,
    "size": lambda row: row.size,
    "at": lambda row: row.at,
}


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """An empty ledger; each example fills it."""
    return open_context(make_large(tmp_path_factory.mktemp("paged") / "w", 0, 0), read_only=True)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every border that a million files have, with thirty."""
    for name, value in (("PIECE", 4), ("PIECE_OF_HITS", 3), ("FIRST", 2), ("FEW", 5), ("_CHUNK", 3)):
        monkeypatch.setattr(files_page, name, value)


def fill(ctx: Context, published: set[str], failed: set[str]) -> None:
    """These files and failures instead of those that were there; records, errors and sizes of all kinds."""
    with closing(sqlite3.connect(ctx.workspace.ledger)) as ledger:
        for table in ("files", "failures", "failure_causes", "outcomes"):
            ledger.execute(f"DELETE FROM {table}")
        for at, name in enumerate(sorted(published)):
            path, source = f"{RAW}/{name}", name.partition("/")[0]
            ledger.execute(
                f"INSERT INTO files VALUES (NULL{', ?' * 20})",
                [
                    *(path, source, "processed", f"dest/{name}", at % 3, at, at, "s", 1, at % 4, "json", None, 0),
                    *("2026-03-04T00:00:00.000000Z", at % 5 + 1, 1, 1, 1, 1, 1),
                ],
            )
            if at % 2:
                ledger.execute("INSERT INTO outcomes (run, path, outcome) VALUES (?, ?, 'published')", [at % 28, path])
        for at, name in enumerate(sorted(failed)):
            ledger.execute(
                f"INSERT INTO failures VALUES (NULL{', ?' * 19})",
                [
                    *(f"{RAW}/{name}", name.partition("/")[0], at % 3, 1, 1, "s", 1, "records", 1, at % 5 + 1),
                    *("2026-03-05T00:00:00.000000Z", at % 4, 1, at % 3, "{}", None, None, None, None),
                ],
            )
            ledger.execute("INSERT INTO failure_causes VALUES (last_insert_rowid(), ?, 1, 1)", [("p", "q")[at % 2]])
        ledger.commit()


def expected(ctx: Context, query: FileQuery) -> list[FileRow]:
    """By the lists that the command line prints, sorted here."""
    rows = list(every_file(ctx, status=query.status, source=query.source, filter=query.filter))
    rows.sort(key=lambda row: row.path, reverse=query.descending)
    return sorted(rows, key=KEYS[query.order], reverse=query.descending) if query.order != "path" else rows


names = st.sets(
    st.tuples(st.sampled_from(["s1", "s2", "S3"]), st.sampled_from(NAMES), st.integers(0, 3)).map(
        lambda it: f"{it[0]}/{it[1]}-{it[2]}.json"
    ),
    max_size=40,
)
queries = st.builds(
    FileQuery,
    status=st.sampled_from(["", "", "", "failed", "processed", "stale"]),
    source=st.sampled_from(["", "", "s1", "S3"]),
    filter=st.sampled_from(["", "", "a", "B", "é", "%", "_", "s?/*", "[1]", "nothing"]),
    order=st.sampled_from(["path", "path", "records", "errors", "size", "at"]),
    descending=st.booleans(),
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names, names, queries, st.lists(st.tuples(st.integers(0, 45), st.integers(1, 12)), max_size=5), names)
def test_any_page_of_any_list(
    ctx: Context,
    published: set[str],
    failed: set[str],
    query: FileQuery,
    pages: list[tuple[int, int]],
    marks: set[str],
) -> None:
    fill(ctx, published, failed)
    meant = expected(ctx, query)
    cuts = sorted(f"{RAW}/{name}" for name in marks)[::4]
    listing, counts = Listing(ctx, query, marks=cuts), list[int]()
    listing.survey(lambda it: counts.append(it.count))
    assert listing.complete and listing.count == len(meant) and counts == sorted(counts)
    assert list(listing.first) == meant[: len(listing.first)] and (listing.first or not meant)
    if query.order != "path":  # equal keys: by path, and sorted() above keeps that order where it is reversed, too
        meant = sorted(meant, key=lambda row: (KEYS[query.order](row), row.path), reverse=query.descending)
    assert listing.rows(0, len(meant) + 1) == meant
    for start, number in pages:
        assert listing.rows(start, number) == meant[start : start + number]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names, names, st.sampled_from(["p", "q", "other"]))
def test_of_one_cause(ctx: Context, published: set[str], failed: set[str], cause: str) -> None:
    fill(ctx, published, failed)
    listing = Listing(ctx, FileQuery(cause=cause))
    listing.survey()
    rest = {"p": 0, "q": 1, "other": 2}[cause]
    meant = [f"{RAW}/{name}" for at, name in enumerate(sorted(failed)) if at % 2 == rest]
    assert [row.path for row in listing.rows(0, 100)] == meant == sorted(meant)
    assert all(row.cause == cause for row in listing.rows(0, 100))


def test_only_what_a_run_changed_since(ctx: Context) -> None:
    fill(ctx, {f"s1/{number:02}.json" for number in range(40)}, set())
    listing = Listing(ctx, FileQuery(since="2026-03-20T12:00:00.000000Z"))
    listing.survey()
    # runs of 2026-03-(n % 28 + 1): from the 21st on those numbered 20 to 27; odd files have outcomes
    assert [row.path[-7:-5] for row in listing.rows(0, 100)] == ["21", "23", "25", "27"]


def test_a_survey_that_nobody_wants_any_more_ends(ctx: Context) -> None:
    fill(ctx, {f"s1/{number:02}.json" for number in range(40)}, set())
    listing = Listing(ctx, FileQuery())
    with pytest.raises(Cancelled):
        listing.survey(lambda it: it.cancel())
    assert not listing.complete


@pytest.mark.parametrize("at", range(1, 12))
def test_a_filter_is_cancelled_in_any_part_by_either_thread(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    fill(ctx, {f"s1/{number:02}.json" for number in range(40)}, {"s1/x.json"})
    calls, look = itertools.count(1), Listing._paths

    def paths(listing: Listing, *given: Any) -> Any:
        if next(calls) == at:
            listing.cancel()
        return look(listing, *given)

    monkeypatch.setattr(Listing, "_paths", paths)
    listing = Listing(ctx, FileQuery(filter="39"), marks=[f"{RAW}/s1/{number:02}.json" for number in range(4, 40, 4)])
    threads = threading.active_count()
    with pytest.raises(Cancelled):
        listing.survey()
    assert threading.active_count() == threads


@pytest.mark.parametrize("hits", range(1, 9))
def test_a_part_that_holds_more_than_is_shown_first(ctx: Context, hits: int) -> None:
    """All hits lie before the first mark: what was shown at once is neither lost nor listed twice."""
    fill(ctx, {f"s1/a{number}.json" for number in range(hits)} | {f"s1/b{n:02}.json" for n in range(20)}, set())
    listing = Listing(ctx, FileQuery(filter="/a"), marks=[f"{RAW}/s1/b{n:02}.json" for n in range(0, 20, 5)])
    listing.survey()
    assert [row.path[-7:] for row in listing.rows(0, 20)] == [f"a{number}.json" for number in range(hits)]
    assert listing.count == hits


def test_whoever_is_told_may_fail_and_no_thread_goes_on(ctx: Context) -> None:
    fill(ctx, {f"s1/{number:02}.json" for number in range(40)}, {"s1/x.json"})
    listing = Listing(
        ctx, FileQuery(filter="9.json"), marks=[f"{RAW}/s1/{number:02}.json" for number in range(4, 40, 4)]
    )
    threads = threading.active_count()

    def fails(it: Listing) -> None:
        raise RuntimeError("nobody is there")

    with pytest.raises(RuntimeError) as kept:  # and with it the frames, so that nothing ends by being forgotten
        listing.survey(fails)
    assert kept.tb and listing._enough and threading.active_count() == threads


def test_a_ledger_that_is_gone_for_the_second_thread_leaves_no_list_waiting(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ctx, {f"s1/{number:02}.json" for number in range(40)}, set())
    calls, opened = itertools.count(), files_page.reading

    @contextmanager
    def once(path: Path) -> Iterator[Any]:
        if next(calls):
            yield None
        else:
            with opened(path) as connection:
                yield connection

    monkeypatch.setattr(files_page, "reading", once)
    listing = Listing(ctx, FileQuery(filter="39"), marks=[f"{RAW}/s1/10.json", f"{RAW}/s1/20.json"])
    listing.survey()
    assert listing.complete and listing.count == 1


def test_a_part_that_cannot_be_read_is_said(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ctx, {f"s1/{number:02}.json" for number in range(40)}, set())
    look = Listing._paths

    def paths(listing: Listing, connection: Any, which: int, after: str, *given: Any) -> Any:
        if after == f"{RAW}/s1/10.json":  # the other thread's
            raise sqlite3.OperationalError("disk I/O error")
        return look(listing, connection, which, after, *given)

    monkeypatch.setattr(Listing, "_paths", paths)
    listing = Listing(ctx, FileQuery(filter="39"), marks=[f"{RAW}/s1/10.json", f"{RAW}/s1/20.json"])
    with pytest.raises(LedgerError, match="disk I/O error"):
        listing.survey()


def test_what_is_gone_meanwhile_is_left_out(ctx: Context) -> None:
    fill(ctx, {f"s1/{number:02}.json" for number in range(9)}, set())
    listing = Listing(ctx, FileQuery(order="records"))
    listing.survey()
    fill(ctx, set(), set())
    assert listing.rows(3, 4) == []


def test_no_ledger_yet(tmp_path: Path) -> None:
    listing = Listing(open_context(make_workspace(tmp_path / "w")), FileQuery(filter="x"))
    listing.survey()
    assert listing.complete and listing.count == 0 and listing.rows(0, 9) == []


def test_words_that_no_list_has(ctx: Context) -> None:
    for query in (FileQuery(status="broken"), FileQuery(order="colour"), FileQuery(status="missing")):
        with pytest.raises(UsageError):
            Listing(ctx, query)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Context]:
    """A real workspace in which one file fails."""
    root = make_workspace(tmp_path / "w", {"s/=good.json": [{"grant_id": "a"}], "s/\x1b[2J.json": "no"})
    run_cli(root, "migrate", "--yes")
    yield open_context(root, read_only=True)


def test_a_real_list_is_that_of_the_command_line(two: Context) -> None:
    listing = Listing(two, FileQuery())
    listing.survey()
    assert listing.rows(0, 10) == list(list_files(two).rows) and listing.count == 2


def test_export_acts_on_no_terminal_and_no_spreadsheet(two: Context) -> None:
    lines = list(export_files(two, FileQuery()))
    assert len(lines) == 3 and lines[0].startswith("file,status,source,records")
    assert all(line.isprintable() for line in lines) and any("␛[2J" in line for line in lines)
    assert replace(FileQuery(), order="errors").by_index is False
