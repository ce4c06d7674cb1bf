"""Every action that changes data, in any order, with damage by hand and kills: what must hold whatever was done.

Beside test_machine.py, whose model says exactly what stands where for migrate, reprocess and rollback, this one has
all the others, and measures them by what the design promises: no byte is lost but what was pruned, each raw file is in
the raw zone or in the archive, an undo is the tree before, what is held stays held, verify finds every flipped bit and
repair mends what some place still holds.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from console.engine.actions.archive.model import ArchiveParams
from console.engine.actions.archive.model import RestoreParams as Bring
from console.engine.actions.migrate import execute
from console.engine.actions.prune.model import PruneParams
from console.engine.actions.repair.model import RepairParams
from console.engine.actions.rollback.model import RollbackParams
from console.engine.actions.state.model import ClearParams
from console.engine.actions.verify.model import VerifyParams
from console.engine.model import ActionParams, MigrateParams, ReprocessParams
from tests.faults import checker
from tests.faults.checker import ARCHIVE, BACKUPS, RAW, VALIDATED, differences, sha256_of
from tests.faults.damage import flip
from tests.faults.inside import Inside, Ran
from tests.faults.test_machine import OVERRIDES, content, profile
from tests.faults.world import Hands, entry_free_picture, files_of, held_bytes, kept_files, misread, name_of
from tests.support import make_workspace

SIDECAR = "alpha/deep/_metadata.json"
NAMES = ("alpha/a.json", "alpha/deep/b.jsonl", "beta/c.csv", "beta/d d.json", SIDECAR)
GLOBS = ("", "**/*.json", "alpha/**", "beta/c.csv")
_OLD = 1_700_000_000_000_000_000
_RUN = ("run.locked", "run.registered", "run.planned", "mirror.staged", "mirror.backed-up", "mirror.renamed")
_RUN += ("mirror.recorded", "log.written", "report.written", "run.recorded")
_BATCH = ("batch.staged", "batch.flushed", "batch.intended", "backup.linked", "publish.renamed", "batch.renamed")
_BATCH += ("batch.durable", "batch.recorded")
_CHANGE = ("change.staged", "change.intended", "change.put", "change.taken", "change.done", "change.recorded")
_MOVED = ("archive.moved", "archive.summed", "archive.listed")
_RECOVER = ("recover.item", "recover.recorded")
# Where a run of each action may be killed; every action that is not named goes through _CHANGE.
KILLS = {
    "migrate": (*_BATCH, *_MOVED, *_RUN),
    "reprocess": (*_BATCH, *_CHANGE, *_RUN),
    "archive": (*_CHANGE, "archive.summed", "archive.listed", *_RUN),
    "backups prune": ("prune.intended", "prune.unlinked", "prune.recorded", *_RUN),
    "verify": _RUN,
}
UNDONE = ("migrate", "reprocess", "archive", "archive restore", "repair", "state clear")
ACTIONS = (*UNDONE, "verify", "backups prune", "rollback", "rollback")

Asked = tuple[str, ActionParams]


def params_of(action: str, draw: Any) -> ActionParams:
    """Some parameters of an action that needs none of what a workspace has."""
    if action == "migrate":
        return MigrateParams(checksum=draw(st.booleans()), operation=draw(st.sampled_from(["", "", "move"])))
    if action == "reprocess":
        return ReprocessParams(all=True, withdraw=draw(st.booleans()))
    if action == "archive":
        match, source = draw(st.sampled_from([("**", ""), ("", "alpha"), ("**/*.json", ""), ("beta/*", "")]))
        label = draw(st.sampled_from(["old", "older"]))
        return ArchiveParams(match, source, label=label, reason="a test", withdraw=draw(st.booleans()))
    if action == "state clear":
        source = draw(st.sampled_from(["", "alpha", "beta"]))
        return ClearParams(source=source, all=not source, reason="a test")
    if action == "backups prune":
        return PruneParams(keep_last=draw(st.integers(1, 4)))
    return RepairParams() if action == "repair" else VerifyParams()


class All(RuleBasedStateMachine):
    """Every rule leaves a workspace at rest; the invariants look at it."""

    steps = 0  # of all examples: what a soak has done
    done: dict[str, int] = {}  # noqa: RUF012 - how often each action ended with which status
    holds_met = 0  # held files that a migrate or reprocess had before it

    @initialize()
    def make(self) -> None:
        shm = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir=shm if os.access(shm, os.W_OK) else None))
        self.root = make_workspace(self.folder / "ws", {}, {"workers": 1})
        self.inside, self.hands = Inside(self.root), Hands()
        self.kept_reserve, execute.make_reserve = execute.make_reserve, lambda ctx: None
        self.writings = self.edits = self.schemas = 0
        self.rule_ids: dict[int, int] = {}  # which of the ledger's rules the n-th schema is, once something was judged
        for source in ("alpha", "beta"):
            (self.root / RAW / source).mkdir()
        for number, name in enumerate((NAMES[0], NAMES[1], NAMES[2], SIDECAR), 1):
            self.write(name, number)
        self.act("migrate", MigrateParams())

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            execute.make_reserve = self.kept_reserve
            shutil.rmtree(self.folder)

    # --- hands ------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), version=st.integers(1, 7))
    def write(self, name: str, version: int) -> None:
        """Add or replace a raw file; the same version again has another inode and time."""
        self.writings += 1
        path = self.root / RAW / name
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(".part-of-a-scraper")
        part.write_bytes(content(name, version))
        os.utime(part, ns=(_OLD, _OLD + self.writings * 1_000_000_007))
        os.replace(part, path)
        self.hands.learn(name, sha256_of(path))

    @precondition(lambda self: files_of(self.root, RAW))
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        (self.root / data.draw(st.sampled_from(files_of(self.root, RAW)))).unlink()

    @precondition(lambda self: files_of(self.root, VALIDATED))
    @rule(data=st.data(), how=st.sampled_from(["edit", "delete", "truncate"]))
    def touch(self, data: st.DataObject, how: str) -> None:
        """Somebody edits, truncates or deletes a published copy."""
        name = data.draw(st.sampled_from(files_of(self.root, VALIDATED)))
        path = self.root / name
        self.edits += 1
        rest = path.read_bytes()[: path.stat().st_size // 2] if how == "truncate" else f"[{self.edits}]".encode()
        path.unlink()
        if how == "delete":
            self.hands.gone.add(name)
            return
        path.write_bytes(rest)
        self.hands.learn(name_of(name), sha256_of(path), odd=True)

    @precondition(lambda self: files_of(self.root, RAW, VALIDATED, BACKUPS, ARCHIVE))
    @rule(data=st.data(), seed=st.integers(0, 1 << 20), zone=st.sampled_from([RAW, VALIDATED, BACKUPS, ARCHIVE]))
    def flip(self, data: st.DataObject, seed: int, zone: str) -> None:
        """One bit of one file flips; size, time and inode stay."""
        names = files_of(self.root, zone)
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        flip(self.root / name, random.Random(seed))
        self.hands.learn(name_of(name), sha256_of(self.root / name), odd=True)

    @rule()
    def other_rule(self) -> None:
        """Another schema with the same verdicts."""
        self.schemas += 1
        path = self.root / "config/schemas/small.json"
        document = json.loads(path.read_bytes())
        path.write_text(json.dumps({**document, "title": f"rule {self.schemas}"}))

    # --- runs -------------------------------------------------------------------------------------------

    def ask(self, data: st.DataObject, action: str) -> Asked | None:
        """None where there is nothing that it could be about."""
        if action == "rollback":
            ids = [run.id for run in self.inside.runs() if run.action not in ("verify", "backups prune")]
            return action, RollbackParams(data.draw(st.sampled_from(ids)), data.draw(st.booleans()))
        if action == "archive restore":
            labels = [label for (label,) in self.inside.ledger("SELECT DISTINCT label FROM archived ORDER BY label")]
            if not labels:
                return None
            return action, Bring(data.draw(st.sampled_from(labels)), data.draw(st.sampled_from(GLOBS)))
        return action, params_of(action, data.draw)

    def mends(self, action: str, params: ActionParams) -> bool:
        """Whether other bytes come where raw and archived files lie: a repair, what takes one back, or such a run that
        died and is settled."""
        runs = self.inside.runs() if (self.root / checker.LEDGER).exists() else []
        actions = {run.id: (run.action, run.params.get("run", "")) for run in runs}
        found = []
        for name, target in [(action, getattr(params, "run", "")), *(actions[r.id] for r in runs if not r.ended_at)]:
            while name == "rollback" and target in actions:
                name, target = actions[target]
            found.append(name)
        return "repair" in found

    def act(self, action: str, params: ActionParams) -> Ran:
        """One run; what has to hold of every one."""
        before, kept = held_bytes(self.root), kept_files(self.root)
        more = OVERRIDES if action in ("migrate", "reprocess") else {}
        held, mends = self.held(), self.mends(action, params)
        ran = self.inside.run(action, params, **more)
        All.done[f"{action} {ran.status}"] = All.done.get(f"{action} {ran.status}", 0) + 1
        self.nothing_lost(before)
        if not mends:
            self.same_raw(kept, kept_files(self.root))
        if ran.status == 5:  # what a dead run was about to replace was damaged: somebody has to look at it
            assert self.hands.standing(self.root), ran.text
            self.inside.run("migrate", MigrateParams(), recovery="a test", **OVERRIDES)
        assert ran.status in (0, 1, 4, 5), f"{action} {params}: exit {ran.status}, {ran.text}"
        if ran.row is not None and ran.status < 4 and action not in ("migrate", "reprocess", "verify"):
            left = ran.row.counts.left_alone + ran.row.counts.failed
            assert (ran.status == 0) == (left == 0), f"{action}: exit {ran.status}, {left} left: {ran.text}"
        if action in ("migrate", "reprocess"):
            self.held_is_held(held, ran)
        return ran

    def nothing_lost(self, before: set[str]) -> None:
        lost = before - held_bytes(self.root)
        assert not lost, f"{len(lost)} files' bytes are nowhere any more"

    @staticmethod
    def same_raw(before: Any, after: Any) -> None:
        assert before == after, f"raw and archive: gone {before - after}, new {after - before}"

    def held(self) -> set[str]:
        """Data files that lie in the raw zone as they were taken back, their rule the same; none while a dead run has
        to be settled first, which may have more to say."""
        if not (self.root / checker.LEDGER).exists() or any(not run.ended_at for run in self.inside.runs()):
            return set()
        found = set()
        for path, *identity in self.inside.ledger(
            f"SELECT path, size, mtime_ns, inode FROM holds WHERE rule = {self.rule_ids.get(self.schemas, -1)}"
        ):
            full = self.root / path
            if full.is_file():
                facts = full.stat()
                if [facts.st_size, facts.st_mtime_ns, facts.st_ino] == identity:
                    found.add(path)
        return found

    def held_is_held(self, held: set[str], ran: Ran) -> None:
        """No migrate and no reprocess publishes it."""
        if ran.row is None:
            return
        for (rule_id,) in self.inside.ledger(f"SELECT rule FROM files WHERE judged_run = {ran.row.seq} AND rule > 0"):
            self.rule_ids[self.schemas] = rule_id
        published = {
            path
            for (path,) in self.inside.ledger(
                f"SELECT path FROM outcomes WHERE run = {ran.row.seq} AND outcome IN ('published', 'replaced')"
            )
        }
        All.holds_met += len(held)
        assert not held & published, f"held, and published all the same: {held & published}"

    @rule(data=st.data(), action=st.sampled_from(ACTIONS))
    def run(self, data: st.DataObject, action: str) -> None:
        asked = self.ask(data, action)
        if action == "backups prune":
            self.prune(data.draw(st.integers(1, 3)))
        elif action == "verify":
            self.verify()
        elif asked is not None:
            self.act(*asked)

    def prune(self, keep: int) -> None:
        """What is pruned may be lost, nothing else."""
        before = held_bytes(self.root)
        in_backups = {name: sha256_of(self.root / name) for name in files_of(self.root, BACKUPS)}
        ran = self.inside.run("backups prune", PruneParams(keep_last=keep))
        assert ran.status in (0, 4), ran.text
        All.done[f"prune {ran.status}"] = All.done.get(f"prune {ran.status}", 0) + 1
        self.pruned_alone(before, in_backups)

    def pruned_alone(self, before: set[str], in_backups: dict[str, str]) -> None:
        pruned = {run for (run,) in self.inside.ledger("SELECT id FROM runs JOIN pruned ON pruned.run = runs.seq")}
        may_go = {sha for name, sha in in_backups.items() if name.split("/")[2] in pruned}
        gone = [name for name in in_backups if not (self.root / name).exists()]
        assert all(name.split("/")[2] in pruned for name in gone), gone
        lost = before - held_bytes(self.root) - may_go
        assert not lost, f"{len(lost)} files' bytes are nowhere any more"

    def verify(self) -> None:
        """Every file that differs from the ledger is found, and nothing else is said."""
        ran = self.act("verify", VerifyParams())
        wrong = misread(self.inside, self.root)  # behind it: it has settled what a dead run left
        found = {path for (path,) in self.inside.ledger("SELECT path FROM verified WHERE state = 'damaged'")}
        assert set(wrong) <= found, f"verify overlooks {set(wrong) - found}"
        assert found <= self.hands.standing(self.root), f"verify calls damaged {found - self.hands.standing(self.root)}"
        bad = self.inside.ledger("SELECT path, state FROM verified WHERE state IN ('damaged', 'missing', 'unreadable')")
        assert (ran.status == 1) == bool(bad), f"exit {ran.status} for {bad}: {ran.text}"

    @rule()
    def verify_and_repair(self) -> None:
        """What is left bad afterwards has its bytes in no file about the same raw file; nobody vouches for others."""
        self.verify()
        ran = self.act("repair", RepairParams())
        there = {(name_of(n), sha256_of(self.root / n)) for n in files_of(self.root, RAW, VALIDATED, BACKUPS, ARCHIVE)}
        for path, expected, good in self.inside.ledger(
            "SELECT path, expected, good FROM verified WHERE state IN ('damaged', 'missing', 'unreadable')"
        ):
            assert not good, f"{path} was not mended, a good copy is {good}: {ran.text}"
            assert (name_of(path), expected) not in there, (
                f"{path} was not mended, and its bytes are somewhere: {ran.text}"
            )

    @rule(data=st.data(), action=st.sampled_from(UNDONE))
    def there_and_back(self, data: st.DataObject, action: str) -> None:
        """Undo right after a run is the tree before, and doing it again the tree after."""
        asked = self.ask(data, action)
        if asked is None:
            return
        before = entry_free_picture(self.root)
        ran = self.act(*asked)
        if ran.row is None or ran.status > 1:
            return
        after = entry_free_picture(self.root)
        self.back(ran.id, before)
        self.back(self.inside.runs()[-1].id, after)

    def back(self, run: str, picture: dict[str, object]) -> None:
        odd = self.hands.standing(self.root)
        ran = self.act("rollback", RollbackParams(run))
        if not odd:
            assert ran.status == 0, f"nobody touched it, and its undo says {ran.text}"
        if ran.status == 0:
            assert differences(picture, entry_free_picture(self.root)) == []

    # --- kills ------------------------------------------------------------------------------------------

    @rule(data=st.data(), action=st.sampled_from(ACTIONS), then=st.sampled_from(ACTIONS), n=st.integers(1, 3))
    def crash(self, data: st.DataObject, action: str, then: str, n: int) -> None:
        """A run dies anywhere, perhaps the one that settles it as well; the next one goes on."""
        asked = self.ask(data, action)
        if asked is None:
            return
        self.kill(data, asked, n)
        if data.draw(st.booleans()):
            self.kill(data, ("migrate", MigrateParams()), n, points=_RECOVER)
        self.run(data=data, action=then) if then != "archive restore" else self.act("migrate", MigrateParams())
        self.settle()

    def kill(self, data: st.DataObject, asked: Asked, n: int, points: tuple[str, ...] = ()) -> None:
        action, params = asked
        failpoint = data.draw(st.sampled_from(points or KILLS.get(action, (*_CHANGE, *_RUN))))
        before, kept = held_bytes(self.root), kept_files(self.root)
        in_backups = {name: sha256_of(self.root / name) for name in files_of(self.root, BACKUPS)}
        mends = self.mends(action, params)  # asked before: a repair that died may be settled by then
        more = OVERRIDES if action in ("migrate", "reprocess") else {}
        self.inside.killed(action, params, f"{failpoint}:{n}", **more)
        if action == "backups prune":
            self.pruned_alone(before, in_backups)
        else:
            self.nothing_lost(before)
        if not mends:
            now = kept_files(self.root)
            assert set(now) == set(kept), (
                f"in neither raw nor archive: {set(kept) - set(now)}, new {set(now) - set(kept)}"
            )

    def settle(self) -> None:
        """The state file follows with the next run that writes it: not one that was refused or only looks."""
        last = self.inside.runs()[-1]
        if last.status in ("running", "refused") or last.action in ("verify", "backups prune"):
            ran = self.act("migrate", MigrateParams())
            assert ran.status in (0, 1), ran.text

    @rule(data=st.data(), action=st.sampled_from((*UNDONE, "rollback")), n=st.integers(1, 3))
    def crash_and_back(self, data: st.DataObject, action: str, n: int) -> None:
        """A run that died is taken back as any other: the tree before it."""
        asked = self.ask(data, action)
        if asked is None:
            return
        before, known = entry_free_picture(self.root), {run.id for run in self.inside.runs()}
        odd = self.hands.standing(self.root)
        self.kill(data, asked, n)
        dead = [run for run in self.inside.runs() if run.id not in known]
        if not dead or dead[0].status == "refused":
            self.settle()
            return
        ran = self.act("rollback", RollbackParams(dead[0].id))
        self.settle()
        if not odd:
            assert ran.status == 0, f"its undo says {ran.text}"
            assert differences(before, entry_free_picture(self.root)) == []

    # --- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def the_checker_finds_nothing(self) -> None:
        if not hasattr(self, "hands"):
            return
        All.steps += 1
        folders = frozenset({VALIDATED, ARCHIVE, *(f"{VALIDATED}/{n.rpartition('/')[0]}" for n in NAMES)})
        # of a backup whose prune was killed the next prune removes the rest
        pruned = {run for (run,) in self.inside.ledger("SELECT id FROM runs JOIN pruned ON pruned.run = runs.seq")}
        kept = {path.as_posix() for run in pruned for path in (self.root / BACKUPS / run).rglob("*") if path.is_dir()}
        folders |= {os.path.relpath(path, self.root) for path in kept} | {f"{BACKUPS}/{run}" for run in pruned}
        found = self.hands.unexplained(self.root, folders)
        assert not found, "\n".join(found)


def play(examples: int, steps: int, *, same: bool) -> None:
    run_state_machine_as_test(All, settings=profile(examples, steps, same=same))


def test_short() -> None:
    play(8, 20, same=True)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_ten_thousand_steps() -> None:
    before = All.steps
    while All.steps - before < 10_000:
        play(50, 60, same=False)
    print(f"{All.steps - before} steps: {All.holds_met} holds met, {dict(sorted(All.done.items()))}")
