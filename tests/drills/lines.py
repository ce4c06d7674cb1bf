"""A drill walked by lines: `opsconsole procedure` on a pty, answered from what it shows and nothing else."""

from __future__ import annotations

import re
import time
import tomllib
from dataclasses import dataclass, field
from typing import Any

import pexpect

from console.engine.workspace.sample import shipped
from tests.cli.harness import LIMIT
from tests.cli.test_procedure_talk import Talk
from tests.drills.model import Broken, Drill

_NOTE = "done and seen"
_STEP = re.compile(r"^step (\d+) of (\d+): (.*)$", re.M)
_BRANCH = re.compile(r"^  (\d+)  (\S.*)$", re.M)
# What one can be asked: the next answer; a yes; a word typed in full; a sentence.
_QUESTIONS = [
    r"What now\?",
    r"\[y/N\]",
    r"Type (\S+) to go on:",
    r"\(Enter: nothing\):",
    r"leave it refused:",
    pexpect.EOF,
]
_NOW, _YES, _TYPE, _SAY, _REFUSED, _END = range(len(_QUESTIONS))
_PATIENCE = 4 * LIMIT  # seconds: it reads everything, on a busy machine


@dataclass(slots=True)
class Walk:
    """How a drill went. way: ids of steps. seconds: from the first command line to the end. lost: bytes."""

    way: list[str] = field(default_factory=list)
    steps: int = 0
    keys: int = 0
    seconds: float = 0.0
    cuts: int = 0
    lost: int = 0


def by_lines(drill: Drill, broken: Broken, *, cut: bool = False, pair: bool = False) -> Walk:
    """Go through a drill's procedure to its end, and judge what came of it. Raises AssertionError with the page.

    cut: the line drops once at every step, before its answer is given, with half an answer typed; it goes on from
    another terminal, which must show the same step. pair: two terminals are in the session from its first step to
    its last, and take turns.
    """
    walker = Walker(drill, broken)
    began = time.monotonic()
    try:
        walker.to_its_end(cut=cut, pair=pair)
    finally:
        walker.hang_up()
    walk = walker.walk
    walk.seconds = time.monotonic() - began
    walk.lost = sum(broken.lost().values())
    walk.steps = len(walk.way)
    drill.check_way(walk.way)
    broken.whole()
    return walk


class Walker:
    """Who sits at the terminal: reads a page, does what it says, types."""

    def __init__(self, drill: Drill, broken: Broken) -> None:
        self.drill, self.broken, self.walk = drill, broken, Walk()
        file = shipped() / f"config/procedures/{drill.procedure}.toml"
        self._steps: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["step"]
        self._talks: list[Talk] = []
        self._page = ""

    def _open(self, *words: str) -> Talk:
        self.walk.keys += len(f"opsconsole procedure {' '.join(words)}\n")
        talk = Talk(self.broken.root, *words)
        self._talks.append(talk)
        assert self._read(talk) == _NOW, self._page
        return talk

    def hang_up(self) -> None:
        for talk in self._talks:
            talk.hang_up()

    # ── reading and typing ───────────────────────────────────────────────────────────────────────────────────────

    def _read(self, talk: Talk) -> int:
        """What is asked next; the page is what was shown before that."""
        asked = talk.child.expect(_QUESTIONS, timeout=_PATIENCE)
        self._page = str(talk.child.before).replace("\r\n", "\n")
        assert "\x1b" not in self._page and "\r" not in self._page and "Traceback" not in self._page, self._page
        return int(asked)

    def _say(self, talk: Talk, text: str) -> int:
        self.walk.keys += len(text) + 1
        talk.type(text)
        return self._read(talk)

    def _place(self) -> tuple[int, str]:
        """The number of the step that was shown last, and its line; 0 where none was."""
        found = list(_STEP.finditer(self._page))
        return (int(found[-1][1]), found[-1][0]) if found else (0, "")

    # ── walking ──────────────────────────────────────────────────────────────────────────────────────────────────

    def to_its_end(self, *, cut: bool, pair: bool) -> None:
        talk = self._open("start", self.drill.procedure)
        other = self._open("resume") if pair else talk
        number, line = self._place()
        asked = _NOW
        while asked != _END:
            step = self._steps[number - 1]["id"]
            self.walk.way.append(step)
            assert len(self.walk.way) < 60, self.walk.way
            if cut:
                talk = self._cut(talk, line)
            answer = self.broken.answers.get(step, "")
            if callable(answer):
                answer(self.broken.root)
                answer = ""
            if pair:
                talk, other = other, talk
                assert self._say(talk, "l") == _NOW
            before, page = line, self._page
            asked = self._answer(talk, step, page, answer)
            if asked != _END:
                number, line = self._place()
                assert asked == _NOW and number and line != before, f"{self.drill.name}, {before}:\n{self._page}"
        status, rest = talk.end()
        assert status == 0 and "It is done" in self._page + rest, self._page + rest
        if pair:
            self._ends_too(other)

    def _ends_too(self, other: Talk) -> None:
        """The other terminal is told, and lets go."""
        assert self._say(other, "l") == _END, self._page
        assert "It is done" in self._page and other.end()[0] == 0

    def _cut(self, talk: Talk, line: str) -> Talk:
        """The line drops with half an answer typed; the page of the other terminal, at the same step."""
        talk.child.send("t half an ans")
        talk.hang_up()
        self._talks.remove(talk)
        self.walk.cuts += 1
        again = self._open("resume")
        assert self._place()[1] == line, f"{self.drill.name}: {line}, then\n{self._page}"
        return again

    def _answer(self, talk: Talk, step: str, page: str, answer: str) -> int:
        """Do what the page asks for, until it asks about another step."""
        choices = page[-300:]
        if re.search(r"1 to \d+: choose", choices):
            return self._say(talk, str(self._branch(step, page, answer)))
        if "a number or a " in choices:
            return self._say(talk, answer)
        if "[d]o it" in choices and "to be done:" in page and "can be ticked" not in page:
            assert self._do(talk) == _NOW, self._page
        elif "to be done: write down" in page or "to be done: a note" in page:
            assert self._say(talk, "n") == _SAY
            assert self._say(talk, _NOTE) == _NOW
        return self._say(talk, "t")

    def _do(self, talk: Talk) -> int:
        asked = self._say(talk, "d")
        while asked in (_YES, _TYPE):
            word = "y" if asked == _YES else str(talk.child.match.group(1))
            asked = self._say(talk, word)
        return asked

    def _branch(self, step: str, page: str, answer: str) -> int:
        """The number of the branch that is meant, or the one whose evidence is good."""
        shown = page[page.rindex("\nstep ") :] if "\nstep " in page else page
        parts = _BRANCH.split(shown)[1:]
        branches = {int(n): (label, said) for n, label, said in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}
        if answer:
            fits = [number for number, (label, _) in branches.items() if label.startswith(answer)]
        else:
            fits = []
            for number, (_, said) in branches.items():
                signs = re.findall(r"^    (\S.{7}) \S", said, re.M)
                if signs and all(sign == "for it  " for sign in signs):
                    fits.append(number)
        assert len(fits) == 1, f"{self.drill.name}, {step}: {fits} of\n{page}"
        return fits[0]
