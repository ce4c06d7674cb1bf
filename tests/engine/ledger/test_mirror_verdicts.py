"""Hand edits of the state file: the verdict for each, and never silence where something is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.context import Context
from console.engine.errors import MirrorError
from console.engine.ledger.mirror import (
    MirrorDifference,
    difference_lines,
    read_mirror,
    record_difference,
    write_mirror,
)
from console.engine.ledger.mirror_judge import Judge
from console.engine.ledger.mirror_read import fold
from console.engine.ledger.store import reading, transaction
from tests.engine.ledger.filled import STATE, add_run, filled_workspace, opened, put_state, raw, state_of
from tests.support import RAW, VALIDATED, valid_record, write_raw

ONE = raw("s0/dumps/2024-01-01_000000/data.json")
TWO = raw("s1/dumps/2024-01-02_000000/data.json")
TABLE = raw("s1/manual/table.csv")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
    return ctx


def read(ctx: Context) -> MirrorDifference:
    with reading(ctx.workspace.ledger) as connection:
        return read_mirror(ctx, connection)


def record(ctx: Context, difference: MirrorDifference, run: int = 2) -> tuple[tuple[str, str], ...]:
    with opened(ctx) as connection:
        if not connection.execute("SELECT 1 FROM runs WHERE seq = ?", [run]).fetchone():
            add_run(connection, run)
        return record_difference(ctx, connection, difference, run)


def new_file(ctx: Context, name: str, *, copied: bool = True) -> dict[str, Any]:
    """A raw file that another program has published (or says so); returns its entry."""
    source = write_raw(ctx.workspace.root, name, [valid_record(70)])
    if copied:
        write_raw(ctx.workspace.root, f"../../transformed/validated/{name}", [valid_record(70)])
    checksum = hashlib.sha256(source.read_bytes()).hexdigest()
    facts = source.stat()
    return {
        "checksum": checksum,
        "processed_at": "2026-03-02T09:00:00.000001",
        "dest_path": f"{VALIDATED}/{name}",
        "metadata": {
            "size_bytes": facts.st_size,
            "modified_timestamp": facts.st_mtime,
            "checksum": checksum,
        },
        "validation_info": {"file_size_bytes": facts.st_size - 1, "format": "json", "record_count": 1},
    }


def add_entry(ctx: Context, key: str, entry: Any) -> None:
    document = state_of(ctx)
    document["processed_files"][key] = entry
    put_state(ctx, document)


# --- ours --------------------------------------------------------------------------------------------------


def test_ours_is_known_without_reading(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr("os.read", no)
    assert read(ctx).state == "ours"


def test_ours_is_known_by_its_digest_when_it_was_copied_about(ctx: Context) -> None:
    path = ctx.workspace.root / STATE
    shutil.copy(path, path.with_name("x"))
    os.replace(path.with_name("x"), path)
    assert read(ctx).state == "ours"


def test_none_where_nobody_ever_wrote_one(tmp_path: Path) -> None:
    ctx = filled_workspace(tmp_path / "ws")
    assert read(ctx) == MirrorDifference("none")
    with reading(tmp_path / "nothing") as connection:
        assert read_mirror(ctx, connection) == MirrorDifference("none")


def test_written_anew_by_the_runbooks_snippet_without_a_change_is_no_difference(ctx: Context) -> None:
    (ctx.workspace.root / STATE).write_text(json.dumps(state_of(ctx), separators=(",", ":")))
    found = read(ctx)
    assert found.state == "edited"
    assert found.empty
    record(ctx, found)
    with opened(ctx) as connection:
        assert not write_mirror(ctx, connection, 2)


# --- gone --------------------------------------------------------------------------------------------------


def test_an_entry_taken_out_counts_as_not_processed(ctx: Context) -> None:
    document = state_of(ctx)
    del document["processed_files"][ONE]
    put_state(ctx, document)
    found = read(ctx)
    assert (found.gone, found.added, found.altered, found.refused) == ((ONE,), (), (), ())
    record(ctx, found)
    with opened(ctx) as connection:
        row = connection.execute("SELECT mirrored, status FROM files WHERE path = ?", [ONE]).fetchone()
        assert tuple(row) == (0, "processed")
        assert not write_mirror(ctx, connection, 2)  # the file says what the ledger says
    assert read(ctx).empty
    assert ONE not in state_of(ctx)["processed_files"]


def test_the_runbooks_clearing_takes_every_entry_out(ctx: Context) -> None:
    document = state_of(ctx)
    document["processed_files"] = {}
    put_state(ctx, document)
    found = read(ctx)
    assert len(found.gone) == 4
    assert found.foreign_writer == ""


def test_deleted_is_gone_and_told_from_never_written(ctx: Context) -> None:
    (ctx.workspace.root / STATE).unlink()
    found = read(ctx)
    assert found.state == "gone"
    assert len(found.gone) == 4


def test_an_entry_put_back_counts_again(ctx: Context) -> None:
    kept = (ctx.workspace.root / STATE).read_bytes()
    document = state_of(ctx)
    del document["processed_files"][ONE]
    put_state(ctx, document)
    record(ctx, read(ctx))
    (ctx.workspace.root / STATE).write_bytes(kept)
    found = read(ctx)
    assert [entry.path for entry in found.added] == [ONE]
    record(ctx, found)
    with opened(ctx) as connection:
        row = connection.execute("SELECT mirrored, status FROM files WHERE path = ?", [ONE]).fetchone()
    assert tuple(row) == (1, "processed")


# --- added -------------------------------------------------------------------------------------------------


def test_an_added_entry_whose_bytes_match_is_adopted(ctx: Context) -> None:
    add_entry(ctx, raw("s0/theirs.json"), new_file(ctx, "s0/theirs.json"))
    found = read(ctx)
    assert [entry.path for entry in found.added] == [raw("s0/theirs.json")]
    assert record(ctx, found) == ()
    with opened(ctx) as connection:
        row = connection.execute("SELECT * FROM files WHERE path = ?", [raw("s0/theirs.json")]).fetchone()
        assert (row["status"], row["source"], row["mirrored"], row["judged_run"]) == ("adopted", "s0", 1, 0)
        assert row["processed_at"] == "2026-03-02T09:00:00.000001Z"
        assert row["inode"] == os.stat(ctx.workspace.path(raw("s0/theirs.json"))).st_ino
        assert read_mirror(ctx, connection).empty
        assert write_mirror(ctx, connection, 2)
        assert read_mirror(ctx, connection).state == "ours"
    assert raw("s0/theirs.json") in state_of(ctx)["processed_files"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda c, e: os.unlink(c.workspace.path(raw("s0/t.json"))), "source cannot be read"),
        (lambda c, e: os.unlink(c.workspace.path(f"{VALIDATED}/s0/t.json")), "destination cannot be read"),
        (lambda c, e: e["metadata"].update(size_bytes=7), "bytes, the entry says 7"),
        (lambda c, e: e.update(dest_path=f"{VALIDATED}/s0/other.json"), "its destination is not"),
        (lambda c, e: e.update(dest_path="/etc/passwd"), "leads out of the workspace"),
        (lambda c, e: e.update(checksum="0" * 64), "two different checksums"),
        (lambda c, e: e.pop("metadata"), "no metadata"),
        (lambda c, e: e.update(processed_at="yesterday"), "no time"),
        (lambda c, e: e["validation_info"].update(record_count=-1), "record_count"),
    ],
)
def test_an_added_entry_that_does_not_match_is_refused(ctx: Context, spoil: Any, reason: str) -> None:
    entry = new_file(ctx, "s0/t.json")
    spoil(ctx, entry)
    add_entry(ctx, raw("s0/t.json"), entry)
    found = read(ctx)
    assert found.added == ()
    assert len(found.refused) == 1
    assert reason in found.refused[0][1]
    assert record(ctx, found) == found.refused
    with opened(ctx) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone()[0] == 4
        assert write_mirror(ctx, connection, 2)
    assert raw("s0/t.json") not in state_of(ctx)["processed_files"]


@pytest.mark.parametrize("which", [RAW, VALIDATED])
def test_other_bytes_of_the_same_size_are_never_adopted(ctx: Context, which: str) -> None:
    entry = new_file(ctx, "s0/t.json")
    path = ctx.workspace.path(f"{which}/s0/t.json")
    path.write_bytes(path.read_bytes().replace(b"G-", b"g-"))
    add_entry(ctx, raw("s0/t.json"), entry)
    refused = record(ctx, read(ctx))
    assert [path for path, _ in refused] == [raw("s0/t.json")]
    with opened(ctx) as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone()[0] == 4


def test_a_link_is_never_adopted(ctx: Context) -> None:
    entry = new_file(ctx, "s0/t.json")
    path = ctx.workspace.path(raw("s0/t.json"))
    os.rename(path, ctx.workspace.root / "elsewhere.json")
    path.symlink_to(ctx.workspace.root / "elsewhere.json")
    add_entry(ctx, raw("s0/t.json"), entry)
    assert "not a plain file" in read(ctx).refused[0][1]


def test_a_folder_that_is_a_link_is_not_looked_through(ctx: Context) -> None:
    entry = new_file(ctx, "s0/sub/t.json")
    folder = ctx.workspace.path(raw("s0/sub"))
    os.rename(folder, ctx.workspace.root / "elsewhere")
    folder.symlink_to(ctx.workspace.root / "elsewhere")
    add_entry(ctx, raw("s0/sub/t.json"), entry)
    assert "not a plain file" in read(ctx).refused[0][1]


@pytest.mark.parametrize("key", ["/etc/passwd", "../../etc/passwd", "data/../../x", "", "..", "a\0b", "\ud800"])
def test_paths_outside_the_root_are_reported_and_never_touched(ctx: Context, key: str) -> None:
    add_entry(ctx, key, new_file(ctx, "s0/t.json"))
    found = read(ctx)
    assert found.added == ()
    assert found.refused[0][0] == key


def test_absolute_and_doubled_spellings_are_one_file(ctx: Context) -> None:
    entry = new_file(ctx, "s0/t.json")
    absolute = f"{ctx.workspace.root}/{RAW}//s0/./t.json"
    entry["dest_path"] = f"{ctx.workspace.root}//{VALIDATED}/s0/t.json"
    document = state_of(ctx)
    document["processed_files"][absolute] = {**entry, "processed_at": "2026-03-02T10:00:00"}
    document["processed_files"][raw("s0/t.json")] = entry
    moved = document["processed_files"].pop(ONE)
    document["processed_files"][f"{ctx.workspace.root}/{ONE}"] = moved
    put_state(ctx, document)
    found = read(ctx)
    assert [(e.path, e.processed_at) for e in found.added] == [(raw("s0/t.json"), "2026-03-02T10:00:00.000000Z")]
    assert (found.gone, found.altered, found.refused) == ((), (), ())


@pytest.mark.parametrize("worse_first", [True, False])
def test_a_file_spelled_twice_is_as_good_as_its_better_entry(ctx: Context, worse_first: bool) -> None:
    document = state_of(ctx)
    entries = document["processed_files"]
    good = entries.pop(ONE)
    bad = {**good, "checksum": "0" * 64}
    pair = [(f"{ctx.workspace.root}/{ONE}", bad), (ONE, good)]
    document["processed_files"] = {**entries, **dict(pair if worse_first else reversed(pair))}
    put_state(ctx, document)
    assert read(ctx).altered == ()


def test_zones_that_lie_elsewhere_keep_their_absolute_paths(tmp_path: Path) -> None:
    raw_zone, validated = tmp_path / "mnt/raw", tmp_path / "mnt/validated"
    ctx = filled_workspace(tmp_path / "ws")
    os.renames(ctx.workspace.root / RAW, raw_zone)
    os.renames(ctx.workspace.root / VALIDATED, validated)
    zones = replace(ctx.settings.zones, raw=str(raw_zone), validated=str(validated))
    ctx = replace(ctx, settings=replace(ctx.settings, zones=zones))
    with opened(ctx) as connection:
        connection.execute("UPDATE files SET path = replace(path, ?, ?)", [RAW, str(raw_zone)])
        connection.execute("UPDATE files SET dest = replace(dest, ?, ?)", [VALIDATED, str(validated)])
        write_mirror(ctx, connection, 1)
    document = state_of(ctx)
    gone = document["processed_files"].popitem()[0]
    assert gone.startswith(str(raw_zone))
    put_state(ctx, document)
    found = read(ctx)
    assert (found.gone, found.altered, found.refused) == ((gone,), (), ())


def test_an_absolute_spelling_through_a_link_to_the_root_is_folded(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "srv").symlink_to(ctx.workspace.root)
    assert fold(f"{tmp_path}/srv/{ONE}", str(ctx.workspace.root)) == ONE


# --- altered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alter",
    [
        lambda e: e.update(checksum="0" * 64),
        lambda e: e.update(processed_at="2020-01-01T00:00:00"),
        lambda e: e.update(dest_path="data/elsewhere.json"),
        lambda e: e["metadata"].update(size_bytes=1),
        lambda e: e["metadata"].update(modified_timestamp=1.5),
        lambda e: e["validation_info"].update(record_count=99),
        lambda e: e.pop("validation_info"),
        lambda e: e.update(note="mine"),
    ],
)
def test_an_altered_value_is_reported_never_adopted_and_written_back(ctx: Context, alter: Any) -> None:
    document = state_of(ctx)
    alter(document["processed_files"][ONE])
    put_state(ctx, document)
    found = read(ctx)
    assert (found.gone, found.added, found.altered, found.refused) == ((), (), (ONE,), ())
    with opened(ctx) as connection:
        before = [tuple(row) for row in connection.execute("SELECT * FROM files ORDER BY id")]
    record(ctx, found)
    with opened(ctx) as connection:
        assert [tuple(row) for row in connection.execute("SELECT * FROM files ORDER BY id")] == before
        assert write_mirror(ctx, connection, 2)
        assert read_mirror(ctx, connection).state == "ours"
    assert state_of(ctx)["processed_files"][ONE]["checksum"] != "0" * 64
    assert "note" not in state_of(ctx)["processed_files"][ONE]


@pytest.mark.parametrize("value", [None, 5, "x", [], [1]])
def test_a_value_that_is_no_entry_is_altered(ctx: Context, value: Any) -> None:
    add_entry(ctx, ONE, value)
    assert read(ctx).altered == (ONE,)


# --- old copies --------------------------------------------------------------------------------------------


def test_the_runbooks_cp_bak_undoes_one_run(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2)
        connection.execute("UPDATE files SET sha256 = ?, run = 2, judged_run = 2 WHERE path = ?", ["e" * 64, ONE])
    with opened(ctx) as connection:
        assert write_mirror(ctx, connection, 2)
    shutil.copy(ctx.workspace.root / f"{STATE}.bak", ctx.workspace.root / STATE)
    found = read(ctx)
    assert found.restored_run == 1
    assert (found.gone, found.altered, found.added) == ((ONE,), (), ())
    assert found.foreign_writer == ""


# --- other writers -----------------------------------------------------------------------------------------


def test_a_program_that_sets_last_updated_is_a_foreign_writer(ctx: Context) -> None:
    document = state_of(ctx)
    document["processed_files"][raw("s0/theirs.json")] = new_file(ctx, "s0/theirs.json")
    document["last_updated"] = "2026-03-04T06:00:00.000001"
    put_state(ctx, document)
    assert "2026-03-04T06:00:00.000001" in read(ctx).foreign_writer


def test_a_hand_edit_is_none(ctx: Context) -> None:
    add_entry(ctx, raw("s0/theirs.json"), new_file(ctx, "s0/theirs.json"))
    assert read(ctx).foreign_writer == ""


def test_what_a_killed_run_published_is_not_gone(ctx: Context) -> None:
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 2, status="interrupted")
        connection.execute("UPDATE files SET run = 2, judged_run = 2 WHERE path = ?", [TWO])
    document = state_of(ctx)
    del document["processed_files"][TWO]
    del document["processed_files"][ONE]
    put_state(ctx, document)
    found = read(ctx)
    assert found.gone == (ONE,)
    assert found.pending == 1


# --- Hypothesis --------------------------------------------------------------------------------------------

KEYS = (ONE, TWO, TABLE, raw("s0/dumps/2024-01-03_000000/data.json"))
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("remove"), st.sampled_from(KEYS)),
        st.tuples(st.just("alter"), st.sampled_from(KEYS)),
        st.tuples(st.just("add"), st.sampled_from(["good", "nowhere", "outside", "nonsense"])),
        st.tuples(st.just("shuffle"), st.just("")),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, bytes, dict[str, Any]]:
    ctx = filled_workspace(tmp_path_factory.mktemp("mirror") / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
    added = {
        "good": (raw("s0/good.json"), new_file(ctx, "s0/good.json")),
        "nowhere": (raw("s0/nowhere.json"), new_file(ctx, "s0/nowhere.json", copied=False)),
        "outside": ("../outside.json", new_file(ctx, "s0/good.json")),
        "nonsense": (raw("s0/nonsense.json"), ["what"]),
    }
    return ctx, (ctx.workspace.root / STATE).read_bytes(), added


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(EDITS)
def test_any_edits_have_the_verdicts_of_the_design(shared: Any, edits: list[tuple[str, str]]) -> None:
    ctx, whole, added = shared
    document = json.loads(whole)
    entries = document["processed_files"]
    expected: dict[str, set[str]] = {"gone": set(), "altered": set(), "added": set(), "refused": set()}
    for kind, which in edits:
        if kind == "remove":
            entries.pop(which, None)
            expected["altered"].discard(which)
            expected["gone"].add(which)
        elif kind == "alter" and which in entries:
            entries[which]["checksum"] = "1" * 64
            expected["altered"].add(which)
        elif kind == "add":
            key, entry = added[which]
            entries[key] = entry
            expected["added" if which == "good" else "refused"].add(key)
        elif kind == "shuffle":
            document["processed_files"] = entries = dict(reversed(entries.items()))
    put_state(ctx, document)
    found = read(ctx)
    assert set(found.gone) == expected["gone"]
    assert set(found.altered) == expected["altered"]
    assert {entry.path for entry in found.added} == expected["added"]
    assert {path for path, _ in found.refused} == expected["refused"]
    assert len(found.gone) == len(set(found.gone))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_bytes_are_an_error_or_judged_as_what_they_say(shared: Any, data: st.DataObject) -> None:
    ctx, whole, _ = shared
    damaged = bytearray(whole)
    for _n in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "drop", "repeat", "zero"]))
        if how == "flip":
            damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "cut":
            del damaged[max(at, 1) :]
        elif how == "drop":
            del damaged[at : at + data.draw(st.integers(1, 40))]
        elif how == "repeat":
            damaged[at:at] = damaged[at : at + data.draw(st.integers(1, 40))]
        else:
            damaged[at : at + 16] = bytes(16)
        if not damaged:
            break
    (ctx.workspace.root / STATE).write_bytes(damaged)
    try:
        document = json.loads(bytes(damaged).decode())
        entries = document["processed_files"]
        readable = isinstance(entries, dict) and damaged.count(b'"processed_files"') == 1
    except (ValueError, KeyError, TypeError):
        readable = False
    if not readable:
        with pytest.raises(MirrorError):
            read(ctx)
        return
    found = read(ctx)
    original = json.loads(whole)["processed_files"]
    if bytes(damaged) == whole:
        assert found.state == "ours"
        return
    assert found.added == ()
    # a doubled slash is no other file
    entries = {os.path.normpath(key): value for key, value in entries.items()}
    for path, entry in original.items():
        if path not in entries:
            assert path in found.gone
        elif entries[path] == entry:
            assert path not in found.gone + found.altered
        else:
            assert path in found.altered or _says_the_same(ctx, path, entries[path])


def _says_the_same(ctx: Context, path: str, value: Any) -> bool:
    """Whether a value differs in spelling only: of its destination."""
    with reading(ctx.workspace.ledger) as connection:
        judge = Judge(ctx.workspace, ctx.settings, connection)
        found = judge._finder()(path)
    assert found is not None
    return isinstance(value, dict) and fold(value.get("dest_path", ""), str(ctx.workspace.root)) == found["dest"]


# --- telling -----------------------------------------------------------------------------------------------


def test_the_log_lines_name_every_entry(ctx: Context) -> None:
    document = state_of(ctx)
    del document["processed_files"][ONE]
    document["processed_files"][TWO]["checksum"] = "0" * 64
    document["processed_files"][raw("s0/theirs.json")] = new_file(ctx, "s0/theirs.json")
    document["processed_files"]["../out.json"] = {}
    put_state(ctx, document)
    found = read(ctx)
    lines = list(difference_lines(found, record(ctx, found)))
    assert {(level, file) for level, _, file, _ in lines} == {
        ("INFO", ONE),
        ("WARNING", TWO),
        ("INFO", raw("s0/theirs.json")),
        ("WARNING", "../out.json"),
    }
    (ctx.workspace.root / STATE).unlink()
    assert [line[1] for line in difference_lines(read(ctx), ())] == ["The state file was deleted"]
