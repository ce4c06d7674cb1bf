"""Entries that nobody could adopt: our state file carries them on until somebody takes them out."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.context import Context
from console.engine.ledger.mirror import MirrorDifference, honour_difference, read_mirror, write_mirror
from console.engine.ledger.mirror_adopt import keep_foreign
from console.engine.ledger.store import transaction
from tests.engine.ledger.filled import (
    STATE,
    add_file,
    add_run,
    adopted_workspace,
    opened,
    put_state,
    raw,
    state_of,
    vanished_entry,
)
from tests.support import valid_record, write_raw

ONE = raw("s0/dumps/2024-01-01_000000/data.json")
FOREIGN: dict[str, Any] = {
    raw("old/1.json"): vanished_entry(1),
    "../outside.json": vanished_entry(2),
    "/srv/elsewhere//3.json": vanished_entry(3),
    raw("nonsense.json"): ["what", {"a": 1.5, "b": None, "c": 10**30}],
    raw("nan.json"): float("nan"),
    "\ud800\x1b[2J": {"x": "\ud800"},
    '"quoted"': "",
    "": {},
}


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return adopted_workspace(tmp_path / "ws", FOREIGN)


def run(ctx: Context, seq: int) -> tuple[bool, MirrorDifference]:
    """What run `seq` does with the state file when it has nothing to publish: whether it wrote, what it found."""
    with opened(ctx) as connection:
        if not connection.execute("SELECT 1 FROM runs WHERE seq = ?", [seq]).fetchone():
            add_run(connection, seq)
        found = read_mirror(ctx, connection)
        honour_difference(ctx, connection, found, seq)
        return write_mirror(ctx, connection, seq), found


def publish(ctx: Context, seq: int, name: str) -> None:
    """Run `seq` has published a file."""
    write_raw(ctx.workspace.root, name, [valid_record(seq)])
    write_raw(ctx.workspace.root, f"../../transformed/validated/{name}", [valid_record(seq)])
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, seq)
        add_file(ctx, connection, name, run=seq, judged_run=seq)


def kept(ctx: Context) -> dict[str, Any]:
    """The entries of the state file that are not the ledger's."""
    with opened(ctx) as connection:
        ours = {row[0] for row in connection.execute("SELECT path FROM files")}
    return {key: value for key, value in state_of(ctx)["processed_files"].items() if key not in ours}


def same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)  # NaN is not equal to itself


def test_what_we_write_carries_them_on_verbatim(ctx: Context) -> None:
    publish(ctx, 2, "s0/new.json")
    assert run(ctx, 2)[0]
    text = (ctx.workspace.root / STATE).read_text(encoding="ascii")
    document = json.loads(text)
    assert text == json.dumps(document, indent=2)
    assert same(dict(sorted(kept(ctx).items(), key=repr)), dict(sorted(FOREIGN.items(), key=repr)))
    assert len(document["processed_files"]) == 5 + len(FOREIGN)
    first = (ctx.workspace.root / STATE).read_bytes()
    document["processed_files"] = {**dict(reversed(document["processed_files"].items())), ONE: 0}
    put_state(ctx, document)
    assert run(ctx, 3)[0]
    assert (ctx.workspace.root / STATE).read_bytes() == first  # the same rows, the same file


def test_without_a_changed_entry_the_file_is_left_alone(ctx: Context) -> None:
    before = os.stat(ctx.workspace.root / STATE)
    assert not run(ctx, 2)[0]
    assert os.stat(ctx.workspace.root / STATE) == before
    publish(ctx, 3, "s0/new.json")
    assert run(ctx, 3)[0]
    before = os.stat(ctx.workspace.root / STATE)
    with opened(ctx) as connection, transaction(connection):
        add_run(connection, 4)
        connection.execute("UPDATE files SET judged_run = 4")
    assert not run(ctx, 4)[0]
    assert os.stat(ctx.workspace.root / STATE) == before


def test_they_are_known_however_the_file_was_written(ctx: Context) -> None:
    (ctx.workspace.root / STATE).write_text(json.dumps(state_of(ctx), sort_keys=True))
    found = run(ctx, 2)[1]
    assert found.state == "edited"
    assert found.empty
    assert not run(ctx, 3)[0]


def test_one_taken_out_by_hand_is_carried_on_no_longer(ctx: Context) -> None:
    for key in FOREIGN:
        document = state_of(ctx)
        del document["processed_files"][key]
        put_state(ctx, document)
        found = run(ctx, 2)[1]
        assert found.let_go == (key,)
        assert not (found.gone or found.added or found.altered or found.refused)
    publish(ctx, 3, "s0/new.json")
    run(ctx, 3)
    assert kept(ctx) == {}


def test_the_file_deleted_takes_them_all_out(ctx: Context) -> None:
    (ctx.workspace.root / STATE).unlink()
    written, found = run(ctx, 2)
    assert written
    assert len(found.let_go) == len(FOREIGN)
    assert kept(ctx) == {}


def test_one_changed_to_what_can_be_adopted_is_adopted(ctx: Context) -> None:
    name = "old/1.json"
    source = write_raw(ctx.workspace.root, name, [valid_record(70)])
    write_raw(ctx.workspace.root, f"../../transformed/validated/{name}", [valid_record(70)])
    checksum = hashlib.sha256(source.read_bytes()).hexdigest()
    document = state_of(ctx)
    entry = vanished_entry(1)
    entry["checksum"] = entry["metadata"]["checksum"] = checksum
    entry["metadata"]["size_bytes"] = source.stat().st_size
    document["processed_files"][raw(name)] = entry
    put_state(ctx, document)
    found = run(ctx, 2)[1]
    assert [one.path for one in found.added] == [raw(name)]
    assert found.let_go == ()
    with opened(ctx) as connection:
        assert connection.execute("SELECT status FROM files WHERE path = ?", [raw(name)]).fetchone()[0] == "adopted"
        assert connection.execute("SELECT 1 FROM foreign_entries WHERE path = ?", [raw(name)]).fetchone() is None
    assert state_of(ctx)["processed_files"][raw(name)]["checksum"] == checksum
    assert len(kept(ctx)) == len(FOREIGN) - 1


def test_one_changed_to_what_cannot_be_is_reported_and_written_back(ctx: Context) -> None:
    document = state_of(ctx)
    document["processed_files"][raw("old/1.json")]["checksum"] = "0" * 64
    document["processed_files"]["../outside.json"] = 7
    put_state(ctx, document)
    written, found = run(ctx, 2)
    assert {key for key, _ in found.refused} == {raw("old/1.json"), "../outside.json"}
    assert (found.let_go, found.gone, found.added) == ((), (), ())
    assert written
    assert same(kept(ctx)[raw("old/1.json")], FOREIGN[raw("old/1.json")])
    assert same(kept(ctx)["../outside.json"], FOREIGN["../outside.json"])


@pytest.mark.parametrize("spell", ["{path}", "{root}/{path}", "{root}//{path}", "data/x/../../{path}", "./{path}"])
def test_one_whose_file_the_ledger_publishes_goes(ctx: Context, spell: str) -> None:
    key = spell.format(path=raw("s0/new.json"), root=ctx.workspace.root)
    document = state_of(ctx)
    document["processed_files"][key] = vanished_entry(9)
    put_state(ctx, document)
    with opened(ctx) as connection, transaction(connection):
        keep_foreign(connection, [(key, vanished_entry(9), "its source is gone")])
    publish(ctx, 2, "s0/new.json")
    written, found = run(ctx, 2)
    assert written
    assert (found.pending, found.let_go, found.refused) == (1, (), ())
    entries = state_of(ctx)["processed_files"]
    assert entries[raw("s0/new.json")]["checksum"] != vanished_entry(9)["checksum"]
    assert key == raw("s0/new.json") or key not in entries
    assert len(kept(ctx)) == len(FOREIGN)
    assert not run(ctx, 3)[0]


def test_many_are_written_and_judged_in_constant_memory(tmp_path: Path) -> None:
    ctx = adopted_workspace(tmp_path / "ws", {raw(f"old/{n}.json"): vanished_entry(n) for n in range(20_000)})
    publish(ctx, 2, "s0/new.json")
    tracemalloc.start()
    try:
        assert run(ctx, 2)[0]
        (ctx.workspace.root / STATE).touch()
        os.utime(ctx.workspace.root / STATE, ns=(1, 1))
        document = (ctx.workspace.root / STATE).read_text().replace('"last_updated"', ' "last_updated"')
        (ctx.workspace.root / STATE).write_text(document)
        del document
        tracemalloc.reset_peak()
        assert run(ctx, 3)[1].empty
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000 < (ctx.workspace.root / STATE).stat().st_size


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.text(st.characters(exclude_categories=[]), max_size=12), JSON, max_size=4))
def test_whatever_they_are_they_come_through(tmp_path_factory: pytest.TempPathFactory, foreign: dict[str, Any]) -> None:
    ctx = adopted_workspace(tmp_path_factory.mktemp("foreign") / "ws", foreign)
    assert not run(ctx, 2)[0]
    publish(ctx, 3, "s0/new.json")
    assert run(ctx, 3)[0]
    mine, theirs = kept(ctx), json.loads(json.dumps(foreign))
    assert mine.keys() == theirs.keys()
    assert all(same(mine[key], theirs[key]) for key in mine)
    (ctx.workspace.root / STATE).write_text(json.dumps(state_of(ctx)))
    assert run(ctx, 4)[1].empty
