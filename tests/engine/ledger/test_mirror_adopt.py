"""What adoption reads of the state file, and that the ledger knows the adopted version by stat alone."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from console.engine.context import Context, open_context
from console.engine.errors import MirrorError
from console.engine.ledger.mirror import read_mirror, write_mirror
from console.engine.ledger.mirror_adopt import iter_entries, needs_adoption
from console.engine.ledger.mirror_foreign import spelled_key, stored_key
from console.engine.ledger.mirror_memory import expected_identity, identity_of
from console.engine.ledger.store import reading
from tests.engine.ledger.filled import (
    STATE,
    adopted_workspace,
    filled_workspace,
    opened,
    put_state,
    raw,
    state_of,
    vanished_entry,
)
from tests.support import fixed_environment, make_workspace

ONE = raw("s0/dumps/2024-01-01_000000/data.json")


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    """A workspace of the incumbent: a state file, no ledger."""
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
    for path in (ctx.workspace.root / ".opsconsole").iterdir():
        path.unlink()
    return open_context(ctx.workspace.root, env=ctx.env)


def test_every_entry_comes_with_its_spelling_its_path_and_what_is_wrong(ctx: Context) -> None:
    document = state_of(ctx)
    entries = document["processed_files"]
    good = entries.pop(ONE)
    given = {f"{ctx.workspace.root}//{ONE}": good, "../out.json": good, raw("no.json"): ["what"], "\ud800": 5}
    document["processed_files"] = {**given, **entries}
    put_state(ctx, document)
    found = iter_entries(ctx)
    got = list(found)
    assert [(e.key, e.path, e.reason) for e in got[:4]] == [
        (f"{ctx.workspace.root}//{ONE}", ONE, ""),
        ("../out.json", "", "leads out of the workspace"),
        (raw("no.json"), raw("no.json"), "is not an object"),
        ("\ud800", "", "is not a path"),
    ]
    assert got[0].entry is not None and got[0].entry.checksum == good["checksum"]
    assert [e.value for e in got] == list(document["processed_files"].values())
    data = (ctx.workspace.root / STATE).read_bytes()
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.identity == identity_of(os.stat(ctx.workspace.root / STATE))
    assert found.last_updated == document["last_updated"]


def test_a_missing_file_has_no_entries(ctx: Context) -> None:
    (ctx.workspace.root / STATE).unlink()
    found = iter_entries(ctx)
    assert list(found) == []
    assert (found.identity, found.sha256) == (None, "")


def test_what_does_not_parse_is_an_error_with_its_place_and_repairs(ctx: Context) -> None:
    whole = (ctx.workspace.root / STATE).read_bytes()
    (ctx.workspace.root / STATE).write_bytes(whole[:1500])
    found = iter_entries(ctx)
    with pytest.raises(MirrorError) as caught:
        list(found)
    assert (caught.value.line, caught.value.column) > (1, 0)
    assert "mv " in caught.value.next_step
    assert found.identity is None


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_changed_while_it_is_read_it_comes_again_or_is_an_error(ctx: Context, how: str) -> None:
    path = ctx.workspace.root / STATE
    document = state_of(ctx)
    del document["processed_files"][ONE]

    def change() -> None:
        target = path if how == "in place" else path.with_name("new")
        target.write_text(json.dumps(document, indent=2))
        os.replace(target, path)

    before = path.read_bytes()
    for forgetting in (True, False):
        path.write_bytes(before)
        took: list[str] = []
        found = iter_entries(ctx, took.clear if forgetting else None)
        entries = iter(found)
        took.append(next(entries).key)
        change()
        if forgetting:
            took.extend(e.key for e in entries)
            assert took == list(document["processed_files"])
            assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            with pytest.raises(MirrorError, match="another program"):
                took.extend(e.key for e in entries)
            assert found.identity is None


def test_half_written_it_is_waited_for(ctx: Context) -> None:
    path = ctx.workspace.root / STATE
    whole = path.read_bytes()
    path.write_bytes(whole[:10])
    looks: list[float] = []

    def monotonic() -> float:
        looks.append(len(looks) * 0.3)
        if len(looks) == 3:
            path.write_bytes(whole)
        return looks[-1]

    env = replace(ctx.env, monotonic=monotonic)
    env = replace(env, now=lambda: ctx.env.now().fromtimestamp(path.stat().st_mtime, ctx.env.now().tzinfo))
    assert len(list(iter_entries(replace(ctx, env=env)))) == 4


def test_a_large_file_is_read_in_constant_memory(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws")
    ctx = open_context(root, env=fixed_environment())
    with (root / STATE).open("w") as file:
        file.write('{"processed_files": {')
        file.write(",".join(f'"{raw(f"old/{n}.json")}": {json.dumps(vanished_entry(n))}' for n in range(20_000)))
        file.write('}, "last_updated": "2024-01-01T00:00:00"}')
    tracemalloc.start()
    try:
        assert sum(1 for _ in iter_entries(ctx)) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000 < (root / STATE).stat().st_size


# --- settled -----------------------------------------------------------------------------------------------


def test_the_adopted_version_is_ours_by_stat_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = adopted_workspace(tmp_path / "ws", {})

    def no(*_: object) -> None:
        raise AssertionError("it was read")

    before = os.stat(ctx.workspace.root / STATE)
    with opened(ctx) as connection:
        monkeypatch.setattr("os.read", no)
        assert read_mirror(ctx, connection).state == "ours"
        assert expected_identity(connection) == identity_of(before)
        assert needs_adoption(ctx, connection) == 0
        assert not write_mirror(ctx, connection, 2)
    assert os.stat(ctx.workspace.root / STATE) == before


def test_keys_that_are_no_text_are_kept_and_come_back() -> None:
    for key in ("a", "", '"', '"a"', "\ud800", '"\ud800"', "a\0b", "\x1b[2J"):
        stored = stored_key(key)
        stored.encode()
        assert spelled_key(stored) == key


# --- whether there is something to adopt ---------------------------------------------------------------------


def test_a_state_file_without_a_ledger_needs_adoption(ctx: Context) -> None:
    with reading(ctx.workspace.ledger) as connection:
        assert connection is None
        assert needs_adoption(ctx, connection) == 4


def test_a_ledger_that_never_saw_it_does_not_count(ctx: Context) -> None:
    with opened(ctx) as connection:
        assert needs_adoption(ctx, connection) == 4


@pytest.mark.parametrize("content", ["", "{", '{"processed_files": {}}', "[]", '{"processed_files": {"a'])
def test_nothing_to_adopt(ctx: Context, content: str) -> None:
    (ctx.workspace.root / STATE).write_text(content)
    assert needs_adoption(ctx, None) == 0
    (ctx.workspace.root / STATE).unlink()
    assert needs_adoption(ctx, None) == 0


def test_what_we_wrote_judged_or_saw_deleted_needs_none(tmp_path: Path) -> None:
    ctx = filled_workspace(tmp_path / "ws")
    with opened(ctx) as connection:
        write_mirror(ctx, connection, 1)
        assert needs_adoption(ctx, connection) == 0


def test_of_a_large_one_only_the_first_window_is_read(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    with (ctx.workspace.root / STATE).open("w") as file:
        json.dump({"processed_files": {raw(f"old/{n}.json"): vanished_entry(n) for n in range(10_000)}}, file)
    sizes: list[int] = []
    inner = os.read

    def counted(descriptor: int, size: int) -> bytes:
        sizes.append(size)
        return inner(descriptor, size)

    monkeypatch.setattr("os.read", counted)
    assert 9_000 < needs_adoption(ctx, None) < 11_000
    assert len(sizes) == 1
