"""What must stand where after any sequence of runs and of hands: a pure model that shares no code with the program.

A file has a pile of changes; a rollback takes the top of it away, and a rollback of that rollback puts it there
again. So where a file stands is a node of a tree: a publication leads to a new node, undoing it back to its parent.
A change of a run can be undone where the file stands at the node that the change led to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Raw:
    """A raw file as it lies there: which writing of it, its version. A version divisible by five is invalid."""

    writing: int
    version: int

    @property
    def valid(self) -> bool:
        return self.version % 5 != 0


@dataclass(frozen=True)
class Row:
    """What the ledger says of a published file."""

    version: int
    writing: int
    rule: int
    judged: str
    mirrored: bool = True


@dataclass
class Op:
    """What a run did to one file. kind: publish (bytes change) or note (only what the ledger says)."""

    run: str
    name: str
    kind: str
    before: str  # what stood there, '' nothing
    after: str
    at: object  # node before
    to: object  # node after
    row: Row | None  # before
    hold: tuple[int, int] | None  # before
    stands: bool = True
    undoes: Op | None = None
    held: tuple[int, int] | None = None  # after


@dataclass
class Run:
    id: str
    action: str
    ops: list[Op] = field(default_factory=list)
    target: str = ""


@dataclass
class Model:
    """names: of raw files. Bytes are named by text: `v7` a version, `h3` somebody's own."""

    raw: dict[str, Raw] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    holds: dict[str, tuple[int, int]] = field(default_factory=dict)  # writing, rule
    failed: dict[str, tuple[int, int]] = field(default_factory=dict)
    nodes: dict[str, object] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    runs: dict[str, Run] = field(default_factory=dict)
    undone: list[tuple[str, str, bool]] = field(default_factory=list)  # run, by, whole; in order
    rule: int = 1

    # --- runs -------------------------------------------------------------------------------------------

    def honour(self) -> None:
        """What was taken out of the state file by hand counts as not processed."""
        for name in self.cleared & self.rows.keys():
            self.rows[name] = replace(self.rows[name], mirrored=False)
        self.cleared.clear()

    def begin(self, run: str, action: str, target: str = "") -> Run:
        self.runs[run] = Run(run, action, [], target)
        return self.runs[run]

    def judge(self, run: Run, name: str, *, checksum: bool = False, again: bool = False) -> str:
        """What a migrate (again: a reprocess of everything) does with one raw file, done; in one word."""
        raw, row = self.raw.get(name), self.rows.get(name)
        if raw is None:
            return "vanished"
        if self.holds.get(name) == (raw.writing, self.rule):
            return "held"
        known_failed = self.failed.get(name) == (raw.writing, self.rule)
        if known_failed and not checksum and not again:
            return "known-failed"
        standing = self.published.get(name, "")
        if row is None:
            if again and name not in self.failed:
                return "waiting"
        elif row.mirrored and standing:
            if row.writing != raw.writing or checksum:
                if row.version == raw.version and not again:  # asked for, it is judged all the same
                    self.rows[name] = replace(row, writing=raw.writing)
                    self.failed.pop(name, None)
                    return "unchanged"
            elif not again:
                return "unchanged"
        if not raw.valid:
            self.failed[name] = (raw.writing, self.rule)
            return "failed"
        self.failed.pop(name, None)
        bytes_, kind = f"v{raw.version}", "publish"
        at: object = self.nodes.get(name)
        to: object = object()
        if standing == bytes_:
            kind, to = "note", at
        run.ops.append(Op(run.id, name, kind, standing, bytes_, at, to, row, self.holds.get(name)))
        self.rows[name] = Row(raw.version, raw.writing, self.rule, run.id)
        self.holds.pop(name, None)
        self.published[name] = bytes_
        self.nodes[name] = to
        return "processed" if kind == "publish" else "revalidated"

    # --- rollback ---------------------------------------------------------------------------------------

    def undone_by(self, run: str) -> str:
        rows = [(by, whole) for target, by, whole in self.undone if target == run]
        place = {name: number for number, name in enumerate(self.runs)}
        again = {by: self.undone_by(by) for by, _ in rows}
        for by, whole in reversed(rows):
            later = any(
                taken and place[taken] > place[by] for other, taken in again.items() if place[other] < place[by]
            )
            if whole and not again[by] and not later:
                return by
        return ""

    def undoable(self, op: Op) -> str:
        """'' (nothing to do), 'left' or 'go'."""
        name = op.name
        row = self.rows.get(name)
        if op.kind == "note":
            expected = op.run
            if op.undoes is not None:
                expected = op.undoes.row.judged if op.undoes.row else ""
            return "go" if (row.judged if row else "") == expected else ""
        if not op.stands:
            return ""
        if self.nodes.get(name) is not op.to or self._changed_since(op):
            return "left"
        return "go" if self.published.get(name, "") == op.after else "left"

    def _changed_since(self, op: Op) -> bool:
        """Whether a later run changed it and was not taken back, be it to the same state: what took back a change that
        is itself later than `op` is none."""
        every = [each for run in self.runs.values() for each in run.ops if each.name == op.name and each.kind != "note"]
        later = every[next(at for at, each in enumerate(every) if each is op) + 1 :]
        own = {id(each) for each in later}
        return any(each.stands and id(each.undoes) not in own for each in later)

    def undo(self, run: Run, op: Op) -> None:
        """Take one change back."""
        name = op.name
        row = self.rows.get(name)
        back = Op(run.id, name, op.kind, op.after, op.before, op.to, op.at, row, self.holds.get(name), undoes=op)
        run.ops.append(back)
        self._put(self.rows, name, op.row)
        if op.kind == "note":
            now = self.holds.get(name)
            if op.hold != op.held and now == op.held:  # no later rollback has put one of its own there
                self._put(self.holds, name, op.hold)
            back.held = self.holds.get(name)
            return
        link: Op | None = op
        stands = False
        while link is not None:  # what is taken back, what that had taken back, and so on
            link.stands, link, stands = stands, link.undoes, not stands
        if op.undoes is not None:
            self._put(self.holds, name, op.hold)
        else:
            assert row is not None
            raw, held = self.raw.get(name), self.holds.get(name)
            if held is None or (raw is not None and raw.writing == row.writing):
                self.holds[name] = (row.writing, row.rule)
        self._put(self.published, name, op.before or None)
        self.nodes[name] = op.at

    @staticmethod
    def _put(table: dict[str, Any], name: str, value: Any) -> None:
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value

    @property
    def entries(self) -> set[str]:
        """Names that the state file has, once a run has written it."""
        return {name for name, row in self.rows.items() if row.mirrored}
