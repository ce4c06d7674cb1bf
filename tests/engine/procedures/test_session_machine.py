"""A session that two operators take on, each with what they saw last, against a model of a few lines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from console.engine.errors import EngineError, RefusedError, UsageError
from console.engine.procedures import guide, journal
from console.engine.procedures.journal import MovedOnError
from tests.engine.procedures.support import operator, step, workspace

# step -> kind, and where it leads; the choice has two ways, one of which leaves a step out
STEPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "read": ("explain", ("say",)),
    "say": ("input", ("write",)),
    "write": ("record", ("which",)),
    "which": ("choose", ("hold", "over")),
    "hold": ("probe", ("over",)),
    "over": ("manual", ("end",)),
}
# the probe of `hold` wants the schema: the machine takes it away and puts it back
TEXTS = (
    step("read", "explain", 'text = "x"'),
    step("say", "input", 'value = "word"'),
    step("write", "record", 'text = "x"'),
    step("which", "choose"),
    "[[step.branch]]\nlabel='long'\nto='hold'\n[[step.branch]]\nlabel='short'\nto='over'\n",
    step("hold", "probe", "checks = [{ probe = 'schemas' }]"),
    step("over", "manual", 'text = "x"'),
)
words = st.sampled_from(["", "ab", "abc", "a'b\"c $(x)", "zwei Wörter", "\udcff bytes", "line\nline", "  abc  "])
who = st.sampled_from(["ana", "bob"])
fresh = st.sampled_from([True, True, True, False])  # whether they look where it is before they do something


class Machine(RuleBasedStateMachine):
    @initialize(at=st.integers(0, 5))
    def begin(self, at: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = workspace(Path(self.folder.name) / "ws", *TEXTS)
        self.schema = self.root / "config/schemas/small.json"
        self.good = self.schema.read_bytes()
        self.ctx = {"ana": operator(self.root), "bob": operator(self.root, "bob", "/dev/pts/8")}
        made = guide.start(self.ctx["ana"], "try")
        self.seen = {"ana": made, "bob": made}
        # the model
        self.step = "read"
        self.way = ["read"]
        self.states: dict[str, str] = {}
        self.word: str | None = None
        self.status = "open"
        self.noted = False
        self.version = 1  # of what matters
        self.knows = {"ana": 1, "bob": 1}
        for _ in range(at):
            if self.step == "which":
                self.choose("ana", "long", True)
            else:
                self.past("ana", "to begin here", "skip", True)

    def teardown(self) -> None:
        self.folder.cleanup()

    def _do(self, name: str, wanted: type[EngineError] | None, what: Any, *given: Any) -> bool:
        """Call the guide; whether it was to go well. Who is behind is told so, in whatever they try to write."""
        session = self.seen[name]
        if session.status == "open" and wanted is None and self.knows[name] < self.version:
            wanted = MovedOnError
        try:
            self.seen[name] = what(self.ctx[name], session, *given)
        except EngineError as error:
            assert wanted is not None and isinstance(error, wanted), (error, wanted)
            return False
        assert wanted is None, wanted
        self.version += 1
        self.knows[name] = self.version
        return True

    def _enter(self, target: str, state: str) -> None:
        self.states[self.step] = state
        self.noted = False
        if target == "end":
            self.status = "done"
            return
        self.step = target
        self.way.append(target)

    def _mine(self, name: str) -> tuple[str, str]:
        """Step and kind as this operator sees them."""
        at = self.seen[name].step
        return (at.id, at.kind) if at else ("", "")

    def _over(self, name: str) -> bool:
        return self.seen[name].step is None

    def _ready(self, name: str, fresh: bool) -> bool:
        """Whether there is something to take on, looked at anew where that is wanted."""
        if fresh:
            self.reload(name)
        return not self._over(name)

    def _behind(self, name: str) -> bool:
        return self.knows[name] < self.version

    @rule(name=who)
    def reload(self, name: str) -> None:
        self.seen[name] = guide.reload(self.ctx[name], self.seen[name])
        self.knows[name] = self.version

    @rule(name=who)
    def resume(self, name: str) -> None:
        try:
            self.seen[name] = guide.resume(self.ctx[name], self.seen[name].id)
        except MovedOnError:
            raise AssertionError("nothing was in the way") from None
        self.knows[name] = self.version

    @rule(name=who)
    @precondition(lambda self: not self._over("ana") and not self._over("bob"))
    def look(self, name: str) -> None:
        """Looking takes nothing from anybody; who is behind is told, where there was something to keep."""
        try:
            self.seen[name] = guide.look(self.ctx[name], self.seen[name])
        except MovedOnError:
            assert self._behind(name)

    @rule(name=who, text=words, what=st.sampled_from([guide.note, guide.note, guide.hand_over]), fresh=fresh)
    def note(self, name: str, text: str, what: Any, fresh: bool) -> None:
        if not self._ready(name, fresh):
            return
        if self._do(name, UsageError if len(text.strip()) < 3 else None, what, text):
            self.noted = self.noted or what is guide.note

    @rule(name=who, text=words, fresh=fresh)
    def value(self, name: str, text: str, fresh: bool) -> None:
        if not self._ready(name, fresh):
            return
        wrong = self._mine(name)[1] != "input" or not text.strip() or "\n" in text
        if self._do(name, UsageError if wrong else None, guide.set_value, text):
            self.word = text.strip().replace("\udcff", "\\xff")

    @rule(name=who, fresh=fresh)
    def tick(self, name: str, fresh: bool) -> None:
        if not self._ready(name, fresh):
            return
        at, kind = self._mine(name)
        session = self.seen[name]
        lacks = (
            kind == "choose"
            or (kind == "input" and not session.values.get("word"))
            or (kind in ("record", "manual") and not any(e.event == "note" for e in session.here()))
            or (kind == "probe" and not self._whole())
        )
        if self._do(name, RefusedError if lacks else None, guide.tick):
            self._enter(STEPS[at][1][0], "done")

    def _whole(self) -> bool:
        return self.schema.exists()

    @rule(name=who, label=st.sampled_from(["long", "short", "none"]), fresh=fresh)
    def choose(self, name: str, label: str, fresh: bool) -> None:
        if not self._ready(name, fresh):
            return
        right = self._mine(name)[1] == "choose" and label != "none"
        if self._do(name, None if right else UsageError, guide.choose, label):
            self._enter("hold" if label == "long" else "over", "done")

    @rule(name=who, reason=words, how=st.sampled_from(["override", "skip"]), fresh=fresh)
    def past(self, name: str, reason: str, how: str, fresh: bool) -> None:
        if not self._ready(name, fresh):
            return
        at, kind = self._mine(name)
        wrong = kind == "choose" or len(reason.strip()) < 3
        if self._do(name, UsageError if wrong else None, getattr(guide, how), reason):
            self._enter(STEPS[at][1][0], "overridden" if how == "override" else "skipped")

    @rule(name=who, fresh=fresh)
    def back(self, name: str, fresh: bool) -> None:
        if not self._ready(name, fresh):
            return
        first = len(self.seen[name].way) < 2
        if self._do(name, UsageError if first else None, guide.back):
            self.states.pop(self.way.pop(), None)
            self.step = self.way[-1]
            self.states.pop(self.step, None)
            self.noted = False

    @rule(name=who, text=words, fresh=fresh)
    @precondition(lambda self: self.version > 12)
    def abandon(self, name: str, text: str, fresh: bool) -> None:
        if not self._ready(name, fresh):
            return
        if self._do(name, UsageError if len(text.strip()) < 3 else None, guide.abandon, text):
            self.status = "abandoned"

    @rule()
    def torn(self) -> None:
        """A writer died in the middle of a line: nobody was told that it is kept, and nobody is kept from going on."""
        path = journal._place(self.ctx["ana"], self.seen["ana"].id)
        with open(path, "ab") as file:
            file.write(b'{"n": 99, "at": "2026-')

    @rule()
    def break_or_mend(self) -> None:
        if self.schema.exists():
            self.schema.unlink()
        else:
            self.schema.write_bytes(self.good)

    @rule(name=who)
    @precondition(lambda self: self.status != "open")
    def nothing_after_the_end(self, name: str) -> None:
        self.reload(name)
        for what in (guide.tick, guide.back, guide.look):
            with pytest.raises(UsageError, match="is over"):
                what(self.ctx[name], self.seen[name])

    @invariant()
    def as_in_the_model(self) -> None:
        if not hasattr(self, "step"):
            return
        found = guide.reload(self.ctx["bob"], self.seen["bob"])
        assert found.status == self.status
        assert (found.step.id if found.step else None) == (self.step if self.status == "open" else None)
        assert found.way == self.way
        assert found.states == self.states
        assert found.values.get("word") == self.word
        assert [entry.n for entry in found.entries] == list(range(1, found.seq + 1))
        assert any(e.event == "note" for e in found.here()) == self.noted or self.status != "open"
        assert found.trouble == ""


Machine.TestCase.settings = settings(max_examples=10, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase


@pytest.mark.soak
def test_for_long() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=300, stateful_step_count=60, deadline=None))  # type: ignore[no-untyped-call]
