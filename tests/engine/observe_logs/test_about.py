"""What a line is about, when its run was, and lines saved to a file: never over another, never in the workspace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.context import Context
from console.engine.errors import EngineError, UsageError
from console.engine.ledger.store import transaction
from console.engine.observe.logs_about import About, about_line, as_written, find_run_span
from console.engine.observe.logs_save import save_new
from console.engine.observe.logs_search import SearchError
from tests.engine.ledger.filled import add_run, filled_workspace, opened

RUN = "20261125T222659Z-migrate-dc26"


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("2025-10-30 14:25:12 - migration - INFO - Processing file: data/raw/a/b.json", About("data/raw/a/b.json")),
        (
            "2025-10-30 14:25:12 - migration - ERROR - Validation failed: data/raw/a/b.json: 1 of 2 fail",
            About("data/raw/a/b.json"),
        ),
        ("2025-10-30 14:25:12 - migration - INFO - Starting migrate", About()),
        (f"2025-10-30 14:25:12 - migration - INFO - Rolled back {RUN}", About("", RUN)),
        (f'{{"file": "data/\\u001b.json", "run": "{RUN}"}}', About("data/\x1b.json", RUN)),
        (f'{{"message": "of {RUN}", "source": "src", "path": "a/b"}}', About("a/b", RUN)),
        ('{"file": ["data/a.json"], "run": 7}', About()),
        (f'{{"cut": "{RUN}', About("", RUN)),
        ("20261125T222659Z-migrate-dc2", About()),
        ("[1]", About()),
        ("", About()),
    ],
)
def test_what_a_line_names(line: str, about: About) -> None:
    assert about_line(line.encode()) == about


@given(st.binary(max_size=80), st.sampled_from([b"", b"{", b'{"file": ', b"2025-10-30 14:25:12 - x - INFO - a: b/"]))
def test_no_line_is_too_odd(line: bytes, before: bytes) -> None:
    found = about_line(before + line)
    assert isinstance(found.file, str) and isinstance(found.run, str)


@given(st.text(min_size=1), st.booleans())
def test_a_name_is_found_again_as_it_was_written(name: str, ascii_only: bool) -> None:
    """What filters go by are bytes; JSON may have escaped the name."""
    file = f"a/{name}"
    line = json.dumps({"file": file}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if about_line(line).file:  # a lone surrogate is no JSON to a strict reader
        assert as_written(line, file).encode("utf-8", "surrogateescape") in line


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return filled_workspace(tmp_path / "ws")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_when_a_run_was(ctx: Context) -> None:
    ids = {}
    with opened(ctx) as connection, transaction(connection):
        ids[2] = add_run(
            connection, 2, started_at="2026-03-02T10:00:00.600000Z", ended_at="2026-03-02T10:00:04.200000Z"
        )
        ids[3] = add_run(connection, 3, started_at="2026-03-03T10:00:00.000000Z", ended_at=None, status="running")
    span = find_run_span(ctx, ids[2], 0.0)
    # whole seconds around it: the text log's times have no fraction
    assert span and (span.id, span.since, span.until) == (ids[2], at("2026-03-02T10:00:00"), at("2026-03-02T10:00:05"))
    for moment, number in (("2026-03-02T10:00:00", 2), ("2026-03-02T10:00:04", 2), ("2026-03-09T10:00:00", 3)):
        by_time = find_run_span(ctx, "", at(moment))
        assert by_time and by_time.id == ids[number]
    running = find_run_span(ctx, "", at("2026-03-09T10:00:00"))
    assert running and running.until == 0.0
    assert find_run_span(ctx, "", at("2026-03-02T12:00:00")) is None  # between two runs
    assert find_run_span(ctx, "", at("2020-01-01T00:00:00")) is None
    assert find_run_span(ctx, "no such run", 0.0) is None


def test_without_a_ledger_no_run_is_known(ctx: Context) -> None:
    ctx.workspace.ledger.unlink()
    assert find_run_span(ctx, RUN, 0.0) is None


def test_lines_are_saved_to_a_new_file_of_ones_own(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for typed, where in (("~/a.log", "a.log"), (" b.log ", "b.log"), (str(home / "c.log"), "c.log")):
        assert save_new(ctx, typed, lambda: iter([b"\xff one\n", b"two\n"])) == (str(home / where), 10)
        assert (home / where).read_bytes() == b"\xff one\ntwo\n"
        assert (home / where).stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="such a file already"):
        save_new(ctx, "a.log", lambda: iter([b"other"]))
    os.symlink(home / "nowhere", home / "link.log")
    with pytest.raises(UsageError, match="such a file already"):
        save_new(ctx, "link.log", lambda: iter([b"other"]))
    assert (home / "a.log").read_bytes() == b"\xff one\ntwo\n" and not (home / "nowhere").exists()


def test_nothing_is_saved_in_the_workspace(ctx: Context, tmp_path: Path) -> None:
    root = ctx.workspace.root
    os.symlink(root / "logs", tmp_path / "around")
    before = sorted(root.rglob("*"))
    for typed in (root / "x.log", root / "data" / "raw" / "x.json", tmp_path / "around" / "x.log"):
        with pytest.raises(UsageError, match="nothing is saved in the workspace"):
            save_new(ctx, str(typed), lambda: iter([b"x"]))
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SearchError("took longer than 1 s")])
def test_what_fails_half_way_leaves_nothing(ctx: Context, tmp_path: Path, error: Exception) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise error

    with pytest.raises(EngineError, match=r"cannot be saved: (No space left on device|took longer)"):
        save_new(ctx, str(tmp_path / "x.log"), pieces)
    assert not (tmp_path / "x.log").exists()
    with pytest.raises(EngineError, match="cannot be saved: No such file or directory"):
        save_new(ctx, str(tmp_path / "no" / "x.log"), lambda: iter([b"x"]))
