"""The state file that we write: its form, when it is written, what a crash or a full disk leaves."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.engine.context import Context, open_context
from console.engine.environment import Failpoints
from console.engine.errors import MirrorError, RefusedError
from console.engine.ledger.mirror import read_mirror, write_mirror
from console.engine.ledger.store import transaction
from tests.engine.ledger.filled import STATE, add_file, add_run, filled_workspace, opened, put_state, raw, state_of
from tests.support import PROJECT, fixed_environment, shared_corpus, valid_record, write_raw

POINTS = ("mirror.staged", "mirror.backed-up", "mirror.renamed", "mirror.recorded")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return filled_workspace(tmp_path / "ws")


def write(ctx: Context, run: int = 1) -> bool:
    with opened(ctx) as connection:
        return write_mirror(ctx, connection, run)


def change(ctx: Context, run: int, name: str = "s0/dumps/2024-01-01_000000/data.json") -> None:
    """Run `run` has published another version of a file."""
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, run)
        connection.execute(
            "UPDATE files SET sha256 = ?, run = ?, judged_run = ? WHERE path = ?",
            [f"{run:064x}", run, run, raw(name)],
        )


def at(ctx: Context, place: str, act: Callable[[], None], times: int = 1) -> Context:
    """The context in which `act` happens when `place` is reached, the first `times` times."""

    class Acting(Failpoints):
        left = times

        def reach(self, name: str) -> None:
            if name == place and self.left:
                self.left -= 1
                act()

    return replace(ctx, env=replace(ctx.env, failpoints=Acting()))


def shape(value: Any) -> Any:
    """Keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value)


def test_it_is_what_json_dump_would_write_sorted_by_path(ctx: Context) -> None:
    assert write(ctx)
    text = (ctx.workspace.root / STATE).read_text(encoding="ascii")
    document = json.loads(text)
    assert text == json.dumps(document, indent=2)
    paths = list(document["processed_files"])
    assert paths == sorted(paths)
    assert len(paths) == 4
    entry = document["processed_files"][raw("s0/dumps/2024-01-01_000000/data.json")]
    facts = os.stat(ctx.workspace.path(raw("s0/dumps/2024-01-01_000000/data.json")))
    assert entry["metadata"]["modified_timestamp"] == facts.st_mtime
    assert entry["metadata"]["size_bytes"] == facts.st_size == entry["validation_info"]["file_size_bytes"]
    assert entry["processed_at"] == "2026-03-01T10:00:00.123456"
    assert document["last_updated"] == "2026-03-04T05:06:07.000000"


@pytest.mark.corpus
def test_every_key_and_type_is_the_incumbents(ctx: Context) -> None:
    write(ctx)
    theirs = json.loads((shared_corpus("logs") / "migration/migration_state.json").read_text())
    ours = state_of(ctx)
    for kind in ("json", "csv"):
        one = next(e for e in theirs["processed_files"].values() if e["validation_info"]["format"] == kind)
        other = next(e for e in ours["processed_files"].values() if e["validation_info"]["format"] == kind)
        assert json.dumps(shape(one), default=str) == json.dumps(shape(other), default=str)
    assert {key: type(value) for key, value in ours.items()} == {key: type(value) for key, value in theirs.items()}


def test_held_and_taken_out_entries_are_not_in_it(ctx: Context) -> None:
    with opened(ctx) as connection:
        connection.execute("UPDATE files SET status = 'held' WHERE source = 's0'")
        connection.execute("UPDATE files SET mirrored = 0 WHERE format = 'csv'")
    write(ctx)
    assert list(state_of(ctx)["processed_files"]) == [raw("s1/dumps/2024-01-02_000000/data.json")]


def test_a_first_run_that_published_nothing_leaves_a_readable_file(tmp_path: Path) -> None:
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        connection.execute("DELETE FROM files")
    assert write(ctx)
    assert state_of(ctx)["processed_files"] == {}
    text = (ctx.workspace.root / STATE).read_text()
    assert text == json.dumps(json.loads(text), indent=2)


def test_hostile_names_are_ascii_in_it(ctx: Context) -> None:
    name = 's0/[@click=app.quit]x\n\x1b]52;c;\u202e\x9b"\\.json'
    write_raw(ctx.workspace.root, name, [valid_record(1)])
    write_raw(ctx.workspace.root, f"../../transformed/validated/{name}", [valid_record(1)])
    with opened(ctx) as connection:
        add_file(ctx, connection, name)
    write(ctx)
    data = (ctx.workspace.root / STATE).read_bytes()
    assert data.isascii()
    assert b"\x1b" not in data
    assert raw(name) in state_of(ctx)["processed_files"]


def test_without_a_changed_entry_it_is_left_alone(ctx: Context) -> None:
    write(ctx)
    before = os.stat(ctx.workspace.root / STATE)
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2)
        connection.execute("UPDATE files SET judged_run = 2")  # judged again, the same entries
    assert not write(ctx, 2)
    assert os.stat(ctx.workspace.root / STATE) == before
    assert not write(ctx, 3)
    with opened(ctx) as connection:
        assert connection.execute("SELECT count(*) FROM mirrors").fetchone()[0] == 1


def test_bak_is_the_version_before_the_last_change(ctx: Context) -> None:
    write(ctx)
    assert not (ctx.workspace.root / f"{STATE}.bak").exists()
    first = (ctx.workspace.root / STATE).read_bytes()
    change(ctx, 2)
    assert write(ctx, 2)
    second = (ctx.workspace.root / STATE).read_bytes()
    assert not write(ctx, 3)
    assert (ctx.workspace.root / f"{STATE}.bak").read_bytes() == first != second
    assert not os.path.samefile(ctx.workspace.root / STATE, ctx.workspace.root / f"{STATE}.bak")
    with opened(ctx) as connection:
        assert connection.execute("SELECT count(*) FROM mirrors").fetchone()[0] == 2


def test_where_links_are_refused_bak_is_a_copy(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    write(ctx)
    first = (ctx.workspace.root / STATE).read_bytes()
    change(ctx, 2)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    assert write(ctx, 2)
    assert (ctx.workspace.root / f"{STATE}.bak").read_bytes() == first


def test_it_takes_its_folders_group_and_mode_whatever_the_umask(ctx: Context) -> None:
    folder = ctx.workspace.root / "logs/migration"
    os.chmod(folder, 0o2775)
    before = os.umask(0o077)
    try:
        write(ctx)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(ctx.workspace.root / STATE).st_mode) == 0o664


def test_a_folder_that_is_a_link_out_of_the_root_is_refused(ctx: Context, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = ctx.workspace.root / "logs/migration"
    folder.rmdir()
    folder.symlink_to(outside)
    with pytest.raises(RefusedError, match="leads out"):
        write(ctx)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("point", POINTS[:3])
def test_a_full_disk_leaves_the_old_one_and_the_next_run_writes(ctx: Context, point: str) -> None:
    write(ctx)
    before = (ctx.workspace.root / STATE).read_bytes()
    change(ctx, 2)
    failing = replace(ctx, env=fixed_environment(failpoint=f"{point}:1:28"))
    with opened(failing) as connection, pytest.raises(OSError, match="failpoint"):
        write_mirror(failing, connection, 2)
    standing = (ctx.workspace.root / STATE).read_bytes()
    assert standing == before or json.loads(standing)["processed_files"] != json.loads(before)["processed_files"]
    assert not list((ctx.workspace.root / "logs/migration").glob("*.part"))
    write(ctx, 3)
    checksum = state_of(ctx)["processed_files"][raw("s0/dumps/2024-01-01_000000/data.json")]["checksum"]
    assert checksum == f"{2:064x}"


KILLED = """
import sys
from console.engine.context import open_context
from console.engine.ledger.mirror import write_mirror
from console.engine.ledger.store import open_writer
ctx = open_context(sys.argv[1])
write_mirror(ctx, open_writer(ctx.workspace.ledger), 2)
"""


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_the_file_is_whole_known_and_the_next_write_cleans_up(ctx: Context, point: str) -> None:
    write(ctx)
    before = (ctx.workspace.root / STATE).read_bytes()
    change(ctx, 2)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(ctx.workspace.root)],
        env={**os.environ, "OPSCONSOLE_FAILPOINT": f"{point}:1", "PYTHONPATH": str(PROJECT)},
        check=False,
        capture_output=True,
    )
    assert done.returncode == -9, done.stderr
    after = (ctx.workspace.root / STATE).read_bytes()
    assert (after == before) == (point in POINTS[:2])
    json.loads(after)
    with opened(ctx) as connection:
        assert read_mirror(ctx, connection).state == "ours"
    write(ctx, 3)
    folder = ctx.workspace.root / "logs/migration"
    assert sorted(path.name for path in folder.iterdir()) == [".migration_state.json", ".migration_state.json.bak"]
    assert not os.path.samefile(folder / ".migration_state.json", folder / ".migration_state.json.bak")
    assert (folder / ".migration_state.json.bak").read_bytes() == before
    checksum = state_of(ctx)["processed_files"][raw("s0/dumps/2024-01-01_000000/data.json")]["checksum"]
    assert checksum == f"{2:064x}"


@pytest.mark.parametrize("changed", [True, False])
def test_what_a_killed_writer_left_is_removed_and_never_written_through(ctx: Context, changed: bool) -> None:
    write(ctx)
    before = (ctx.workspace.root / STATE).read_bytes()
    for suffix in (".part", ".bak.part"):
        os.link(ctx.workspace.root / STATE, ctx.workspace.root / f"{STATE}{suffix}")
    if changed:
        change(ctx, 2)
    assert write(ctx, 2) == changed
    assert not list((ctx.workspace.root / "logs/migration").glob("*.part"))
    assert (ctx.workspace.root / (f"{STATE}.bak" if changed else STATE)).read_bytes() == before


def test_an_edit_made_while_we_write_is_merged(ctx: Context) -> None:
    write(ctx)
    change(ctx, 2)
    gone = raw("s1/manual/table.csv")

    def edit() -> None:
        document = state_of(ctx)
        del document["processed_files"][gone]
        put_state(ctx, document)

    with opened(ctx) as connection:
        assert write_mirror(at(ctx, "mirror.staged", edit), connection, 2)
        assert connection.execute("SELECT mirrored FROM files WHERE path = ?", [gone]).fetchone()[0] == 0
    entries = state_of(ctx)["processed_files"]
    assert gone not in entries
    assert entries[raw("s0/dumps/2024-01-01_000000/data.json")]["checksum"] == f"{2:064x}"


def test_what_this_run_published_is_not_gone_because_an_editor_never_saw_it(ctx: Context) -> None:
    write(ctx)
    name = "s0/new.json"
    write_raw(ctx.workspace.root, name, [valid_record(50)])
    write_raw(ctx.workspace.root, f"../../transformed/validated/{name}", [valid_record(50)])
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2)
        add_file(ctx, connection, name, run=2, judged_run=2)

    def edit() -> None:
        document = state_of(ctx)
        document["processed_files"].clear()
        put_state(ctx, document)

    with opened(ctx) as connection:
        write_mirror(at(ctx, "mirror.staged", edit), connection, 2)
    assert list(state_of(ctx)["processed_files"]) == [raw(name)]


def test_a_writer_that_never_stops_does_not_stop_us(ctx: Context) -> None:
    write(ctx)
    change(ctx, 2)
    turns = iter(range(1000))

    def edit() -> None:
        document = state_of(ctx)
        document["last_updated"] = f"2026-03-04T00:00:00.{next(turns):06d}"
        put_state(ctx, document)

    with opened(ctx) as connection:
        assert write_mirror(at(ctx, "mirror.staged", edit, times=1000), connection, 2)
    assert next(turns) <= 5
    checksum = state_of(ctx)["processed_files"][raw("s0/dumps/2024-01-01_000000/data.json")]["checksum"]
    assert checksum == f"{2:064x}"


def test_what_does_not_parse_when_we_come_to_write_is_left_as_it_is(ctx: Context) -> None:
    write(ctx)
    change(ctx, 2)
    broken = b'{"processed_files": {"a": 1,}}'

    def edit() -> None:
        (ctx.workspace.root / STATE).write_bytes(broken)

    with opened(ctx) as connection, pytest.raises(MirrorError):
        write_mirror(at(ctx, "mirror.staged", edit), connection, 2)
    assert (ctx.workspace.root / STATE).read_bytes() == broken
    assert not list((ctx.workspace.root / "logs/migration").glob("*.part"))


def test_deleted_between_runs_everything_counts_as_not_processed_and_it_is_written_anew(ctx: Context) -> None:
    write(ctx)
    (ctx.workspace.root / STATE).unlink()
    with opened(ctx) as connection:
        assert len(read_mirror(ctx, connection).gone) == 4
    assert write(ctx, 2)
    assert state_of(ctx)["processed_files"] == {}
    again = open_context(ctx.workspace.root, env=ctx.env)
    with opened(again) as connection:
        assert read_mirror(again, connection).empty


def test_what_an_old_copy_says_of_a_newer_file_does_not_stay_in_it(ctx: Context) -> None:
    """Put back, its old value counts as taken out; the file must not go on saying it."""
    write(ctx)
    change(ctx, 2)
    write(ctx, 2)
    shutil.copy(ctx.workspace.root / f"{STATE}.bak", ctx.workspace.root / STATE)
    with opened(ctx) as connection:
        add_run(connection, 3)
    assert write(ctx, 3)
    assert raw("s0/dumps/2024-01-01_000000/data.json") not in state_of(ctx)["processed_files"]
    with opened(ctx) as connection:
        assert read_mirror(ctx, connection).empty


def test_the_same_forgery_twice_is_no_old_copy(ctx: Context) -> None:
    write(ctx)
    document = state_of(ctx)
    document["processed_files"][raw("s1/manual/table.csv")]["checksum"] = "0" * 64
    for seq in (2, 3):
        put_state(ctx, document)
        with opened(ctx) as connection:
            found = read_mirror(ctx, connection)
            assert (found.altered, found.gone, found.restored_run) == ((raw("s1/manual/table.csv"),), (), 0)
            assert write_mirror(ctx, connection, seq)
