"""Any sequence of runs and edits of the state file, against a model of a hundred lines that shares no code with it."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import shutil
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from console.engine.context import Context
from console.engine.environment import Failpoints
from console.engine.errors import MirrorError
from console.engine.ledger.mirror import honour_difference, read_mirror, write_mirror
from console.engine.ledger.store import reading, transaction
from tests.engine.ledger.filled import STATE, add_file, add_run, filled_workspace, opened, raw
from tests.support import RAW, VALIDATED, valid_record, write_raw

SPELLINGS = ("{path}", "{root}/{path}", "{root}//{path}", "./{path}", "data/../{path}")


def pairs_of(data: bytes) -> list[tuple[str, Any]] | None:
    """The entries of a state file with every key of it, as the standard library reads it; None for what is none."""
    try:
        text = data.decode()
        document = json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs))
        top = document[1] if isinstance(document, tuple) else []
        found = [value for key, value in top if key == "processed_files"]
    except (ValueError, RecursionError, TypeError):
        return None
    if len(found) != 1 or not isinstance(found[0], tuple):
        return None
    return [(key, plain(value)) for key, value in found[0][1]]


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return {key: plain(item) for key, item in value[1]}
    return [plain(item) for item in value] if isinstance(value, list) else value


def well_formed(value: Any) -> bool:
    """Whether a value has all that an entry must have."""
    try:
        metadata, info = value["metadata"], value["validation_info"]
        datetime.fromisoformat(value["processed_at"])
        records, columns = info.get("record_count", 0), info.get("columns", [])
        right = type(metadata["size_bytes"]) is int and type(metadata["modified_timestamp"]) in (int, float)
        right = right and type(records) is int and records >= 0 and all(type(column) is str for column in columns)
        return bool(right and value["checksum"] == metadata["checksum"] and isinstance(value["dest_path"], str))
    except (TypeError, KeyError, AttributeError, ValueError):
        return False


class Mirror(RuleBasedStateMachine):
    """`entries`: what the last version of ours said; `out`: files whose entry was taken out; `ours`: our versions."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="opsconsole-mirror-")
        self.ctx: Context = filled_workspace(Path(self.folder) / "ws")
        self.path = self.ctx.workspace.root / STATE
        self.seq = 1
        self.taken_out: set[str] = set()  # by an edit while we wrote
        self.versions: list[bytes] = []
        self.judged: dict[bytes, int] = {}  # edited versions that said nothing wrong: they may come back
        self.expected: dict[str, tuple[str, bool]] = {}
        with opened(self.ctx) as connection:
            write_mirror(self.ctx, connection, 1)
        self.remember()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def remember(self) -> None:
        """What the ledger says, and the version of ours that stands there now."""
        self.expected = self.rows()
        data = self.path.read_bytes()
        self.versions.append(data)
        self.entries = dict(pairs_of(data) or [])
        with reading(self.ctx.workspace.ledger) as connection:
            assert connection is not None
            self.adopted = {row[0] for row in connection.execute("SELECT path FROM files WHERE status = 'adopted'")}

    def rows(self) -> dict[str, tuple[str, bool]]:
        with reading(self.ctx.workspace.ledger) as connection:
            assert connection is not None
            return {
                row["path"]: (row["sha256"], bool(row["mirrored"])) for row in connection.execute("SELECT * FROM files")
            }

    # --- edits -------------------------------------------------------------------------------------------

    def edited(self, pairs: list[tuple[str, Any]]) -> None:
        body = ",".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs)
        self.path.write_text(f'{{"processed_files": {{{body}}}, "last_updated": "2026-03-04T05:06:07.000000"}}')

    def pairs(self) -> list[tuple[str, Any]]:
        return (pairs_of(self.path.read_bytes()) if self.path.exists() else None) or []

    @rule(which=st.integers(0, 9))
    def remove(self, which: int) -> None:
        if pairs := self.pairs():
            del pairs[which % len(pairs)]
            self.edited(pairs)

    @rule(which=st.integers(0, 9), how=st.sampled_from(["checksum", "dest_path", "processed_at", "all", "size"]))
    def alter(self, which: int, how: str) -> None:
        if pairs := self.pairs():
            key, value = pairs[which % len(pairs)]
            if how == "all" or not isinstance(value, dict):
                value = ["nothing"]
            elif how == "size":
                value = {**value, "metadata": {**value.get("metadata", {}), "size_bytes": 1}}
            else:
                value = {**value, how: "0" * 64}
            pairs[which % len(pairs)] = (key, value)
            self.edited(pairs)

    @rule(which=st.integers(0, 9), spelling=st.sampled_from(SPELLINGS), twice=st.booleans(), spoilt=st.booleans())
    def respell(self, which: int, spelling: str, twice: bool, spoilt: bool) -> None:
        """Another spelling in its place, or a second entry of the same file, the same or another."""
        if pairs := self.pairs():
            key, value = pairs[which % len(pairs)]
            again = spelling.format(path=self.fold(key) or key, root=self.ctx.workspace.root)
            if spoilt and isinstance(value, dict):
                value = {**value, "checksum": "1" * 64}
            if twice:
                pairs.insert(which % (len(pairs) + 1), (again, value))
            else:
                pairs[which % len(pairs)] = (again, value)
            self.edited(pairs)

    @rule(number=st.integers(0, 3), how=st.sampled_from(["good", "source", "dest", "bytes", "place", "outside"]))
    def add(self, number: int, how: str) -> None:
        """Another program's entry, of a file that it published or says it did."""
        name = f"s2/{how}{number}.json"
        source = write_raw(self.ctx.workspace.root, name, [valid_record(number)])
        write_raw(self.ctx.workspace.root, f"../../transformed/validated/{name}", [valid_record(number)])
        checksum = hashlib.sha256(source.read_bytes()).hexdigest()
        size, dest, key = source.stat().st_size, f"{VALIDATED}/{name}", raw(name)
        if how in ("source", "dest"):
            os.unlink(self.ctx.workspace.path(key if how == "source" else dest))
        elif how == "bytes":
            self.ctx.workspace.path(dest).write_bytes(source.read_bytes().replace(b"G-", b"g-"))
        elif how == "place":
            dest = f"{VALIDATED}/s2/elsewhere.json"
        elif how == "outside":
            key = f"../../{name}"
        entry = {
            "checksum": checksum,
            "processed_at": "2026-03-02T09:00:00.000001",
            "dest_path": dest,
            "metadata": {"size_bytes": size, "modified_timestamp": 1.5, "checksum": checksum},
            "validation_info": {"format": "json", "record_count": 1},
        }
        self.edited([*self.pairs(), (key, entry)])

    @rule(which=st.integers(0, 20))
    def restore(self, which: int) -> None:
        self.path.write_bytes(self.versions[which % len(self.versions)])

    @rule(at=st.floats(0, 1), how=st.sampled_from(["flip", "cut", "drop", "zero"]), bit=st.integers(0, 7))
    def damage(self, at: float, how: str, bit: int) -> None:
        data = bytearray(self.path.read_bytes() if self.path.exists() else b"")
        place = max(0, int(at * (len(data) - 70)))  # last_updated stays: who changes that is a program
        if how == "cut" or not data:
            del data[place:]
        elif how == "drop":
            del data[place : place + 5]
        elif how == "zero":
            data[place : place + 8] = bytes(8)
        else:
            data[place] ^= 1 << bit
        self.path.write_bytes(data)

    @rule()
    def delete(self) -> None:
        self.path.unlink(missing_ok=True)

    # --- runs --------------------------------------------------------------------------------------------

    @rule(publish=st.booleans(), version=st.integers(0, 5))
    def run(self, publish: bool, version: int) -> None:
        self.go(publish, version, None)

    @rule(version=st.integers(0, 5), edit=st.sampled_from(["remove", "damage", "restore", "delete"]))
    def run_while_it_is_edited(self, version: int, edit: str) -> None:
        self.go(True, version, edit)

    def go(self, publish: bool, version: int, edit: str | None) -> None:
        """One run: honour the edits, publish or not, write."""
        data = self.path.read_bytes() if self.path.exists() else None
        pairs = [] if data is None else pairs_of(data)
        ctx, before = self.ctx, self.rows()
        with opened(ctx) as connection:
            if pairs is None:
                with pytest.raises(MirrorError):
                    read_mirror(ctx, connection)
                assert self.rows() == before
                assert self.path.read_bytes() == data
                self.path.rename(self.path.with_name("broken"))  # the repair that is offered
                pairs = []
            self.seq += 1
            add_run(connection, self.seq)
            want, altered = self.verdict(pairs, before, known=data in self.versions or data in self.judged)
            found = read_mirror(ctx, connection)
            assert set(found.altered) == altered
            assert set(found.gone) == {path for path in want if before.get(path, ("", False))[1] and not want[path][1]}
            honour_difference(ctx, connection, found, self.seq)
            if data is not None and found.state == "edited" and not (found.altered or found.refused):
                self.judged = dict([*self.judged.items(), (data, self.seq)][-20:])
            assert self.rows() == want
            self.expected = want
            if publish:
                self.publish(connection, version)
            rewritten = True
            try:
                rewritten = write_mirror(self.editing(edit) if edit else ctx, connection, self.seq)
            except MirrorError:
                assert edit == "damage"
                write = pairs_of(self.path.read_bytes())
                assert write is None, "an error for what can be read"
                self.path.unlink()
                write_mirror(ctx, connection, self.seq)
        after = self.rows()
        assert not [path for path in self.taken_out if after[path][1]], "an edit made meanwhile is lost"
        self.taken_out.clear()
        assert after.keys() == self.expected.keys()
        if edit is None:
            assert after == self.expected
        published = {path: sha256 for path, (sha256, mirrored) in after.items() if mirrored}
        written = pairs_of(self.path.read_bytes())
        assert written is not None
        said: dict[str, set[str]] = {}
        for key, value in written:
            said.setdefault(self.fold(key) or key, set()).add(value["checksum"])
        assert said.keys() == published.keys()
        assert all(sha256 in said[path] for path, sha256 in published.items())
        if rewritten:
            self.remember()
        self.expected = self.rows()

    def publish(self, connection: Any, version: int) -> None:
        name = f"s{version % 2}/new{version % 2}.json"
        write_raw(self.ctx.workspace.root, name, [valid_record(version + self.seq)])
        write_raw(self.ctx.workspace.root, f"../../transformed/validated/{name}", [valid_record(version + self.seq)])
        with transaction(connection):
            connection.execute("DELETE FROM files WHERE path = ?", [raw(name)])
            add_file(self.ctx, connection, name, run=self.seq, judged_run=self.seq)
        self.expected = self.rows()

    def editing(self, edit: str) -> Context:
        """The context in which somebody edits once while we write."""
        machine = self

        class Editing(Failpoints):
            done = False

            def reach(self, name: str) -> None:
                if name == "mirror.staged" and not self.done:
                    self.done = True
                    machine.edit_now(edit)

        return replace(self.ctx, env=replace(self.ctx.env, failpoints=Editing()))

    def edit_now(self, edit: str) -> None:
        before = {self.fold(key) for key, _ in self.pairs()}
        self.do_edit(edit)
        if edit in ("remove", "delete"):
            with reading(self.ctx.workspace.ledger) as connection:
                assert connection is not None
                old = {row[0] for row in connection.execute("SELECT path FROM files WHERE run < ?", [self.seq])}
            self.taken_out = (before - {self.fold(key) for key, _ in self.pairs()}) & old

    def do_edit(self, edit: str) -> None:
        if edit == "remove" and (pairs := self.pairs()):
            self.edited(pairs[1:])
        elif edit == "damage":
            self.path.write_bytes(self.path.read_bytes()[:-3] if self.path.exists() else b"{")
        elif edit == "restore":
            self.path.write_bytes(self.versions[0])
        elif edit == "delete":
            self.path.unlink(missing_ok=True)

    # --- the model ---------------------------------------------------------------------------------------

    def fold(self, key: str) -> str:
        """The file a key names, '' for none of this workspace."""
        path = posixpath.normpath(key) if key else ""
        path = path.replace("//", "/").removeprefix(f"{self.ctx.workspace.root}/")
        return path if path.startswith(f"{RAW}/") else ""

    def verdict(
        self, pairs: list[tuple[str, Any]], rows: dict[str, tuple[str, bool]], *, known: bool
    ) -> tuple[dict[str, tuple[str, bool]], set[str]]:
        """The ledger as it must be when these entries were honoured, and the files whose value was altered."""
        altered = set()
        values: dict[str, list[Any]] = {}
        for key, value in pairs:
            values.setdefault(self.fold(key), []).append(value)
        want = dict(rows)
        for path, (sha256, mirrored) in rows.items():
            if mirrored:
                same = any(self.says(path, value) for value in values.get(path, ()))
                if not same and path in values and not known:
                    altered.add(path)  # and written back
                want[path] = (sha256, same or path in altered)
        for path, found in values.items():
            if path and not rows.get(path, ("", False))[1] and (checksum := self.adoptable(path, found)):
                want[path] = (checksum, True)
        return want, altered

    def says(self, path: str, value: Any) -> bool:
        """Whether it is our entry of the file; of another program's, only place, checksum and time are its own."""
        ours = self.entries.get(path)
        if value == ours or not isinstance(value, dict) or not isinstance(ours, dict):
            return bool(value == ours)
        if path not in self.adopted or not well_formed(value):
            return False
        return all(value[name] == ours[name] for name in ("checksum", "dest_path", "processed_at"))

    def adoptable(self, path: str, found: list[Any]) -> str:
        """The checksum under which a file is adopted: of its newest entry that stat does not speak against."""
        dest = f"{VALIDATED}/{path[len(RAW) + 1 :]}"
        best = None
        for value in found:
            if not well_formed(value):
                continue
            try:
                sizes = {value["metadata"]["size_bytes"], *(os.stat(self.at(p)).st_size for p in (path, dest))}
            except OSError:
                continue
            right = len(sizes) == 1 and value["dest_path"] == dest
            if right and (best is None or best["processed_at"] < value["processed_at"]):
                best = value
        if best is None:
            return ""
        digests = {hashlib.sha256(self.at(p).read_bytes()).hexdigest() for p in (path, dest)}
        return str(best["checksum"]) if digests == {best["checksum"]} else ""

    def at(self, path: str) -> Path:
        return self.ctx.workspace.path(path)

    @invariant()
    def no_file_is_lost(self) -> None:
        if hasattr(self, "expected"):
            assert self.rows() == self.expected


Mirror.TestCase.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMirrorMachine = Mirror.TestCase


@pytest.mark.soak
def test_many_more_sequences() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Mirror,
        settings=settings(
            max_examples=600, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
