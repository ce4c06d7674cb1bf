"""Reading the state file: what does not parse, what is still being written, what the incumbent wrote."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context
from console.engine.errors import MirrorError
from console.engine.ledger.mirror import MirrorDifference, read_mirror, write_mirror
from console.engine.ledger.mirror_read import MirrorReader, fold, parse_entry
from console.engine.ledger.store import reading
from tests.engine.ledger.filled import STATE, filled_workspace, opened, raw, state_of
from tests.support import Clock, shared_corpus

ONE = raw("s0/dumps/2024-01-01_000000/data.json")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
    return ctx


def read(ctx: Context) -> MirrorDifference:
    with reading(ctx.workspace.ledger) as connection:
        return read_mirror(ctx, connection)


# --- what does not parse -----------------------------------------------------------------------------------


def test_cut_off_anywhere_it_is_an_error_with_its_place_and_never_empty(ctx: Context) -> None:
    whole = (ctx.workspace.root / STATE).read_bytes()
    for length in range(0, len(whole) - 1, 7):
        (ctx.workspace.root / STATE).write_bytes(whole[:length])
        with pytest.raises(MirrorError) as caught:
            read(ctx)
        assert caught.value.line == whole[:length].count(b"\n") + 1 or caught.value.line >= 1
        assert caught.value.column >= 1
        assert "mv " in caught.value.next_step


def test_the_place_of_an_error_is_exact(ctx: Context) -> None:
    text = (ctx.workspace.root / STATE).read_text().replace('"dest_path":', '"dest_path"', 1)
    (ctx.workspace.root / STATE).write_text(text)
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    with pytest.raises(MirrorError) as caught:
        read(ctx)
    assert (caught.value.line, caught.value.column) == (expected.value.lineno, expected.value.colno)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        b"[1, 2]",
        b"{}",
        b"null",
        b'{"processed_files": []}',
        b'{"processed_files": null}',
        b'{"last_updated": "2026-01-01"}',
        b'{"processed_files": {}} x',
        b'{"processed_files": {}, "processed_files": {}}',
        b'{"processed_files": {"a": ' + b"[" * 100_000,
        b'{"processed_files": {"\xff": 1}}',
        b'\xef\xbb\xbf{"processed_files": {}}',
        b'{"processed_files": {"a": ' + b"1" * 5000 + b"}}",
    ],
)
def test_what_is_no_state_file_is_an_error_and_never_empty(ctx: Context, content: bytes) -> None:
    (ctx.workspace.root / STATE).write_bytes(content)
    with pytest.raises(MirrorError):
        read(ctx)


def test_a_link_a_pipe_and_a_folder_are_errors(ctx: Context, tmp_path: Path) -> None:
    path = ctx.workspace.root / STATE
    os.rename(path, tmp_path / "kept.json")
    path.symlink_to(tmp_path / "kept.json")
    with pytest.raises(MirrorError, match="link"):
        read(ctx)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(MirrorError, match="regular"):
        read(ctx)
    path.unlink()
    path.mkdir()
    with pytest.raises(MirrorError, match="regular"):
        read(ctx)


def watched(ctx: Context, at_look: int, act: Any, step: float = 0.5) -> tuple[Context, list[float]]:
    """The context whose clock moves on by `step` at each look; `act` happens at the `at_look`-th."""
    clock, looks = Clock(), []

    def monotonic() -> float:
        looks.append(clock.elapsed)
        if len(looks) == at_look:
            act()
        clock.advance(step)
        return looks[-1]

    # what was written just now may still be on its way: the wall clock agrees with the file's
    path = ctx.workspace.root / STATE
    env = replace(
        ctx.env, monotonic=monotonic, now=lambda: clock.time.fromtimestamp(path.stat().st_mtime, clock.time.tzinfo)
    )
    return replace(ctx, env=env), looks


def test_half_written_it_is_read_again_until_the_writer_is_done(ctx: Context) -> None:
    path = ctx.workspace.root / STATE
    document = state_of(ctx)
    del document["processed_files"][ONE]
    whole = json.dumps(document, indent=2)
    path.write_text(whole[:300])
    moving, looks = watched(ctx, 3, lambda: path.write_text(whole))
    assert read(moving).gone == (ONE,)
    assert len(looks) >= 3


def test_a_writer_that_never_ends_is_waited_for_five_seconds(ctx: Context) -> None:
    path = ctx.workspace.root / STATE
    path.write_text("{")
    clock: dict[str, int] = {"n": 0}

    def grow() -> None:
        clock["n"] += 1

    moving, looks = watched(ctx, -1, grow)
    inner = moving.env.monotonic

    def monotonic() -> float:
        path.write_text("{" + " " * len(looks))
        return inner()

    moving = replace(moving, env=replace(moving.env, monotonic=monotonic))
    with pytest.raises(MirrorError):
        read(moving)
    assert 5.0 <= looks[-1] <= 6.0


def test_where_nobody_writes_any_more_nobody_is_waited_for(ctx: Context) -> None:
    path = ctx.workspace.root / STATE
    path.write_text("{")
    still, looks = watched(ctx, -1, None, step=0.4)
    with pytest.raises(MirrorError):
        read(still)
    assert looks[-1] < 2.0


# --- the incumbent's own -----------------------------------------------------------------------------------


@pytest.mark.corpus
def test_the_incumbents_own_state_file_reads() -> None:
    path = shared_corpus("logs") / "migration/migration_state.json"
    descriptor = os.open(path, os.O_RDONLY)
    try:
        reader = MirrorReader(descriptor, str(path))
        entries = [parse_entry(fold(key, "/srv"), value, "/srv") for key, value in reader]
    finally:
        os.close(descriptor)
    expected = json.loads(path.read_text())
    assert [entry.path for entry in entries] == list(expected["processed_files"])
    assert reader.last_updated == expected["last_updated"]
    assert sum(entry.records for entry in entries) == sum(
        value["validation_info"]["record_count"] for value in expected["processed_files"].values()
    )
    assert {entry.format for entry in entries} == {"json", "csv"}


@pytest.mark.corpus
def test_without_a_ledger_the_incumbents_entries_are_only_looked_at(tmp_path: Path) -> None:
    ctx = filled_workspace(tmp_path / "ws")
    shutil.copy(shared_corpus("logs") / "migration/migration_state.json", ctx.workspace.root / STATE)
    found = read_mirror(ctx, None)
    assert (found.state, found.entries) == ("edited", 30)
    assert len(found.refused) == 30  # none of these files is here
