"""Any sequence of edits, runs, rollbacks and crashes: the model says what stands, the checker that it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from console.engine.actions.migrate import execute
from console.engine.actions.rollback.model import RollbackParams
from console.engine.environment import FAILPOINTS
from console.engine.model import ActionParams, MigrateParams, ReprocessParams
from tests.faults import checker
from tests.faults.checker import RAW, STATE, VALIDATED, Expected, differences, examine, picture
from tests.faults.inside import Inside, Ran
from tests.faults.machine_model import Model, Raw, Run
from tests.support import invalid_record, make_workspace, valid_record
from tests.support.workspace import encode

NAMES = ("alpha/a.json", "alpha/deep/b.jsonl", "beta/c.csv", "beta/d d.json")
OVERRIDES = dict.fromkeys(("missing", "failures", "source_empty"), "a test")
# Places where a run may be killed; a worker's own are the business of test_kill.
KILLS = [name for name in FAILPOINTS if not name.startswith(("stage.", "adopt.", "leave.", "archive.", "recover."))]
_OLD = 1_700_000_000_000_000_000

names = st.sampled_from(NAMES)


def content(name: str, version: int) -> bytes:
    records = [valid_record(version), invalid_record(3) if version % 5 == 0 else valid_record(version + 1)]
    return encode(name, records)


class Machine(RuleBasedStateMachine):
    """Every rule brings workspace and model to the next state; the invariants compare them.

    A new action is one more rule: run it by `self.act`, and say in the model what it does, file by file.
    """

    steps = 0  # of all examples: what a soak has done

    @initialize()
    def make(self) -> None:
        shm = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir=shm if os.access(shm, os.W_OK) else None))
        self.root = make_workspace(self.folder / "ws", {}, {"workers": 1})
        for source in ("alpha", "beta"):
            (self.root / RAW / source).mkdir()
        self.inside, self.model = Inside(self.root), Model()
        self.kept, execute.make_reserve = (
            execute.make_reserve,
            lambda ctx: None,
        )  # 64 MiB an example, and nothing is full
        self.writings = self.hands = 0
        self.bytes: dict[str, bytes] = {}
        self.versions: dict[str, set[str]] = {name: set() for name in NAMES}
        for number, name in enumerate(NAMES[:3], 1):
            self.write(name, number)
        self.migrate(False)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            execute.make_reserve = self.kept
            shutil.rmtree(self.folder)

    # --- hands ------------------------------------------------------------------------------------------

    @rule(writes=st.lists(st.tuples(names, st.integers(1, 7)), min_size=1, max_size=3), checksum=st.booleans())
    def write_and_migrate(self, writes: list[tuple[str, int]], checksum: bool) -> None:
        for name, version in writes:
            self.write(name, version)
        self.migrate(checksum)

    @rule(name=names, version=st.integers(1, 7))
    def write(self, name: str, version: int) -> None:
        """Add or replace a raw file; the same version again has another inode and time."""
        self.writings += 1
        path = self.root / RAW / name
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(".part-of-a-scraper")
        part.write_bytes(content(name, version))
        os.utime(part, ns=(_OLD, _OLD + self.writings * 1_000_000_007))
        os.replace(part, path)
        self.model.raw[name] = Raw(self.writings, version)
        self.known(name, f"v{version}", content(name, version))

    def known(self, name: str, word: str, data: bytes) -> None:
        self.bytes[f"{name} {word}"] = data
        self.versions[name].add(hashlib.sha256(data).hexdigest())

    @precondition(lambda self: self.model.raw)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.raw)))
        (self.root / RAW / name).unlink()
        del self.model.raw[name]

    @precondition(lambda self: self.model.published)
    @rule(data=st.data(), how=st.sampled_from(["edit", "delete"]))
    def touch(self, data: st.DataObject, how: str) -> None:
        """Somebody edits or deletes a published copy."""
        name = data.draw(st.sampled_from(sorted(self.model.published)))
        path = self.root / VALIDATED / name
        path.unlink()
        if how == "delete":
            del self.model.published[name]
            return
        self.hands += 1
        word = f"h{self.hands}"
        path.write_bytes(f"[{self.hands}]".encode())
        self.known(name, word, path.read_bytes())
        self.model.published[name] = word

    @precondition(lambda self: self.model.entries - self.model.cleared)
    @rule(data=st.data())
    def clear(self, data: st.DataObject) -> None:
        """Somebody takes an entry out of the state file, as the runbook has it."""
        name = data.draw(st.sampled_from(sorted(self.model.entries - self.model.cleared)))
        path = self.root / STATE
        document = json.loads(path.read_bytes())
        del document["processed_files"][f"{RAW}/{name}"]
        path.write_text(json.dumps(document, indent=2))
        self.model.cleared.add(name)

    @rule()
    def other_rule(self) -> None:
        """Another schema with the same verdicts: everything is stale, nothing that is held stays so."""
        self.model.rule += 1
        path = self.root / "config/schemas/small.json"
        document = json.loads(path.read_bytes())
        path.write_text(json.dumps({**document, "title": f"rule {self.model.rule}"}))

    # --- runs -------------------------------------------------------------------------------------------

    def act(self, action: str, params: ActionParams) -> Ran:
        """One run of the program; no byte that was there is nowhere afterwards."""
        before = checker.everything(self.root)
        more = OVERRIDES if action in ("migrate", "reprocess") else {}
        ran = self.inside.run(action, params, **more)
        self.nothing_lost(before)
        return ran

    def nothing_lost(self, before: set[str]) -> None:
        lost = before - checker.everything(self.root)
        assert not lost, f"{len(lost)} files' bytes are nowhere any more"

    def judged(self, run: Run, only: set[str] | None = None, **how: Any) -> list[str]:
        return [self.model.judge(run, name, **how) for name in NAMES if only is None or name in only]

    def expect(self, ran: Ran, words: list[str]) -> None:
        counts = ran.counts
        for word, count in (("processed", "processed"), ("revalidated", "revalidated"), ("held", "held")):
            assert counts.get(count, 0) == words.count(word), f"{count}: {counts} for {words}"
        failing = "failed" in words or "known-failed" in words
        assert ran.status == int(failing), f"exit {ran.status} for {words}: {ran.text}"

    @rule(checksum=st.booleans())
    def migrate(self, checksum: bool) -> None:
        ran = self.act("migrate", MigrateParams(checksum=checksum))
        self.model.honour()
        self.expect(ran, self.judged(self.model.begin(ran.id, "migrate"), checksum=checksum))

    @rule()
    def reprocess(self) -> None:
        ran = self.act("reprocess", ReprocessParams(all=True))
        self.model.honour()
        self.expect(ran, self.judged(self.model.begin(ran.id, "reprocess"), again=True))

    @precondition(lambda self: self.model.runs)
    @rule()
    def rollback_newest(self) -> None:
        self.take_back(self.targets()[-1], all_or_nothing=False)

    def targets(self) -> list[str]:
        return [run.id for run in self.model.runs.values()]

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data(), all_or_nothing=st.booleans())
    def rollback(self, data: st.DataObject, all_or_nothing: bool) -> None:
        """Of any run: newest first, oldest first, a rollback, one that is taken back already."""
        target = data.draw(st.sampled_from(self.targets()))
        self.take_back(target, all_or_nothing=all_or_nothing)

    def take_back(self, target: str, *, all_or_nothing: bool) -> None:
        ran = self.act("rollback", RollbackParams(target, all_or_nothing))
        self.model.honour()
        verdicts = [(op, self.model.undoable(op)) for op in reversed(self.model.runs[target].ops)]
        left = sum(verdict == "left" for _, verdict in verdicts)
        if self.model.undone_by(target) or (all_or_nothing and left):
            assert ran.status == 4, f"not refused: {ran.text}"
            return
        assert ran.status == int(bool(left)), f"exit {ran.status}, {left} left: {ran.text}"
        run = self.model.begin(ran.id, "rollback", target)
        for op, verdict in verdicts:
            if verdict == "go":
                self.model.undo(run, op)
        self.model.undone.append((target, ran.id, not left))

    @rule(checksum=st.booleans())
    def there_and_back(self, checksum: bool) -> None:
        """Undo right after a run is the tree before, and doing it again the tree after: modes, times, entries too."""
        before = self.picture()
        self.migrate(checksum)
        run = self.targets()[-1]
        after = self.picture()
        self.take_back(run, all_or_nothing=True)
        assert differences(before, self.picture()) == []
        self.take_back(self.targets()[-1], all_or_nothing=True)
        assert differences(after, self.picture()) == []

    def picture(self) -> dict[str, object]:
        """An entry's time of the raw file left out: a file that was touched and is the same is no change of the run."""
        found: dict[str, object] = {**picture(self.root)}
        for name, value in found.items():
            if isinstance(value, str):
                entry = json.loads(value)
                del entry["metadata"]["modified_timestamp"]
                found[name] = json.dumps(entry)
        return found

    @rule(
        data=st.data(),
        action=st.sampled_from(["migrate", "reprocess", "rollback", "rollback"]),
        failpoint=st.sampled_from(KILLS),
        n=st.integers(1, 4),
    )
    def crash(self, data: st.DataObject, action: str, failpoint: str, n: int) -> None:
        """A run dies anywhere, and the one after it (a migrate) settles what it left."""
        target = ""
        params: ActionParams = MigrateParams()
        if action == "reprocess":
            params = ReprocessParams(all=True)
        elif action == "rollback":
            if not self.model.runs:
                return
            target = data.draw(st.sampled_from(self.targets()))
            params = RollbackParams(target)
        before = checker.everything(self.root)
        known = {row.id for row in self.inside.runs()} if (self.root / checker.LEDGER).exists() else set()
        more = OVERRIDES if action != "rollback" else {}
        self.inside.killed(action, params, f"{failpoint}:{n}", **more)
        self.nothing_lost(before)
        ran = self.act("migrate", MigrateParams())
        self.model.honour()
        dead = [row for row in self.inside.runs() if row.id not in known and row.id != ran.id]
        assert len(dead) < 2
        for row in dead:
            if row.status != "refused":
                self.take_over(row.id, row.seq, action, target)
        words = self.judged(self.model.begin(ran.id, "migrate"))
        failing = "failed" in words or "known-failed" in words
        assert ran.status == int(failing), f"exit {ran.status} for {words}: {ran.text}"

    def take_over(self, run_id: str, seq: int, action: str, target: str) -> None:
        """How far a run came that died: the ledger says which files it did; what that means the model says."""
        cut = len(RAW) + 1
        did = {
            path[cut:]
            for (path,) in self.inside.ledger(
                f"SELECT path FROM outcomes WHERE run = {seq} AND outcome NOT IN ('left-alone', 'not-tried')"
            )
        }
        run = self.model.begin(run_id, action, target)
        if action != "rollback":
            self.judged(run, did, again=action == "reprocess")
            return
        for op in list(reversed(self.model.runs[target].ops)):
            if op.name in did and self.model.undoable(op) == "go":
                self.model.undo(run, op)
        for (whole,) in self.inside.ledger(f"SELECT whole FROM undone WHERE by = {seq}"):
            self.model.undone.append((target, run_id, bool(whole)))

    # --- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def bytes_stand_where_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        Machine.steps += 1
        standing = {
            path.relative_to(self.root / VALIDATED).as_posix(): path.read_bytes()
            for path in checker.walk_files(self.root / VALIDATED)
        }
        words = {data: word for word, data in self.bytes.items()}
        found = {name: words.get(data, "unknown").rpartition(" ")[2] for name, data in standing.items()}
        assert found == self.model.published, f"{found} stand, the model says {self.model.published}"

    @invariant()
    def what_is_held_is_what_the_model_says(self) -> None:
        if not hasattr(self, "model") or not self.model.runs:
            return
        cut = len(RAW) + 1
        held = {path[cut:] for (path,) in self.inside.ledger("SELECT path FROM holds")}
        assert held == set(self.model.holds)
        entries = (
            {key[cut:] for key in json.loads((self.root / STATE).read_bytes())["processed_files"]}
            if (self.root / STATE).exists()
            else set()
        )
        assert entries == self.model.entries - self.model.cleared

    @invariant()
    def the_checker_finds_nothing(self) -> None:
        """But what the hands did: it is not told of that."""
        if not hasattr(self, "model"):
            return
        known = {f"{VALIDATED}/{name}": frozenset(shas) for name, shas in self.versions.items()}
        folders = frozenset({f"{VALIDATED}", *(f"{VALIDATED}/{n.rpartition('/')[0]}" for n in NAMES)})
        found = examine(self.root, Expected(known, checker.snapshot_raw(self.root), folders))
        by_hand = {f"{VALIDATED}/{name}" for name in NAMES if not self.as_recorded(name)}
        cleared = {f"{RAW}/{name}" for name in self.model.cleared}
        wrong = [f for f in found if f.path not in by_hand and not (f.kind == "mirror-lacks" and f.path in cleared)]
        assert [str(finding) for finding in wrong] == []

    def as_recorded(self, name: str) -> bool:
        row = self.model.rows.get(name)
        word = self.model.published.get(name)
        return (word is None and row is None) or (row is not None and word == f"v{row.version}")


def profile(examples: int, steps: int, *, same: bool) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=same,
        print_blob=True,
        phases=[Phase.generate],  # a failure is told as it was found: shrinking it takes minutes
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def play(examples: int, steps: int, *, same: bool) -> None:
    """same: the same examples every time."""
    run_state_machine_as_test(Machine, settings=profile(examples, steps, same=same))


def test_short() -> None:
    play(10, 20, same=True)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_ten_thousand_steps() -> None:
    before = Machine.steps
    while Machine.steps - before < 10_000:
        play(50, 60, same=False)
    print(f"{Machine.steps - before} steps")
