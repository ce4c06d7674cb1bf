"""A procedure followed by keys at 80x24, by somebody who knows nothing but what the screen says.

Which step it is, what it asks, which buttons there are and which has the focus is read from the screen, and every wait
is for something to be seen there. The answers to what only a person knows come with the drill. Keys are counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from console.engine.context import open_context
from console.engine.procedures.load import find_procedure
from tests.drills.model import Answer, Broken, Drill
from tests.terminal.screen import Terminal

_HEAD = re.compile(r"^ \S.*? {2,}(?:step (\d+) of \d+|done|abandoned)(?:   |$)")
_BUTTON = re.compile(r"\[ (\S.*?)(?: \w)? \](?=\s|$)")  # without its key
_BUSY = re.compile(r"^ ▶ [^0-9 ].*…")
_DIALOG = "╭─"
_NOT_YET = re.compile(r"not looked at yet|▶ run \w{4} is in progress")
_TOLD = re.compile(r"^ ✗ (?:do it first|run \w{4} has not ended yet)", re.MULTILINE)
_STILL = 0.1  # seconds in which nothing came
_SPEAKS = re.compile(r"✓ (\d+) of \1 speak for it$")
_WORD = re.compile(r"Type the workspace's name, (\S+), if")
NOTE = "done and seen"


@dataclass(slots=True)
class Walk:
    """What it took. way: the steps by id, in order; cuts: how often the terminal was gone; pages: what was seen."""

    keys: int = 0
    seconds: float = 0.0
    way: list[str] = field(default_factory=list)
    cuts: int = 0
    pages: list[str] = field(default_factory=list)


def by_keys(drill: Drill, broken: Broken, *, cut: bool = False) -> Walk:
    """Follow its procedure from the list to its end. Of a choice without an answer the branch is taken that all its
    evidence speaks for, of an input what stands in the field. cut: at each step the terminal goes once, and another
    one goes on there.
    """
    operator = Operator(broken, drill.procedure, cut=cut)
    try:
        operator.begin(drill.procedure)
        operator.go()
    finally:
        operator.leave()
    return operator.walk


class Operator:
    """One person, at one terminal after the other."""

    def __init__(self, broken: Broken, procedure: str, *, cut: bool) -> None:
        self.root, self.answers, self.cut = broken.root, broken.answers, cut
        steps = find_procedure(open_context(self.root), procedure).steps
        self.names = {number: step.id for number, step in enumerate(steps, 1)}  # the answers know steps by their ids
        self.walk = Walk()
        self.began = time.monotonic()
        self.t = self.terminal()
        self.given: dict[str, str] = {}  # what stood in the fields to which the drill has no answer
        self._acted = 0

    # ── keys and eyes ─────────────────────────────────────────────────────────────────────────────────────────

    def terminal(self) -> Terminal:
        """NO_COLOR: what has the focus is reversed, as on a monochrome terminal."""
        t = Terminal(self.root, size=(80, 24), env={"NO_COLOR": "1"})
        t.wait("[ Migrate", 30)
        return t

    def leave(self) -> None:
        """The last terminal is closed."""
        self.t.__exit__(None, None, None)

    def press(self, *keys: str) -> None:
        self.walk.keys += len(keys)
        self.t.press(*keys)

    def wait(self, wanted: str | Callable[[], object]) -> None:
        self.t.wait(wanted, 30)

    def see(self, what: str) -> None:
        """Keep the page."""
        self.walk.pages.append(f"── {what} {'─' * (76 - len(what))}\n{self.t.page}")

    @property
    def here(self) -> int | None:
        """The current step, from 1; 0 where the session is over, None where none is in front."""
        found = _HEAD.match(self.t.lines[3])
        return int(found[1] or 0) if found else None

    def settle(self) -> None:
        """Until everything that the step asks was looked at, and the picture stands still."""
        self.wait(lambda: self.quiet and not self.t.pump(_STILL))

    @property
    def quiet(self) -> bool:
        """Whether nothing is being asked, nor a run waited for."""
        return not _NOT_YET.search(self.t.page) and not any(_BUSY.match(line) for line in self.t.lines)

    def buttons(self, line: str) -> list[str]:
        return [found[1] for found in _BUTTON.finditer(line)]

    @property
    def offered(self) -> list[str]:
        """The buttons of the session."""
        return [label for line in self.t.lines[4:-2] for label in self.buttons(line)]

    @property
    def focus(self) -> tuple[int, str]:
        """The line and the label of the button that has the keys; -1 and '' where none has. Of dialogs that lie one on
        the other the uppermost counts."""
        lines = self.t.lines
        top = max((y for y, line in enumerate(lines) if _DIALOG in line), default=0)
        end = next((y for y, line in enumerate(lines) if y > top and "╰" in line), len(lines))
        for y, line in list(enumerate(lines))[top:end]:
            for found in _BUTTON.finditer(line):
                if self.t.screen.buffer[y][found.start()].reverse:
                    return y, found[1]
        return -1, ""

    def to_button(self, label: str) -> None:
        """Tab by Tab."""
        for _ in range(12):
            now = self.focus
            if now[1] == label:
                return
            self.press("tab")
            self.wait(lambda now=now: self.focus not in (now, (-1, "")))  # type: ignore[misc]
        raise AssertionError(f"no way to [ {label} ]\n{self.t.page}")

    # ── beginning, going on ───────────────────────────────────────────────────────────────────────────────────

    def begin(self, name: str) -> None:
        """By the first word of its name, and the arrows."""
        self.press("7")
        self.wait("All procedures")
        self.press("/", *name.partition("-")[0])
        self.wait(lambda: re.search(r"All procedures  \d+ of \d+", self.t.page))
        self.press("enter")
        self.wait("▸")
        self.down_to(lambda: any(line.startswith(f" {name}  ") for line in self.t.lines))
        self.see("the list")
        self.press("enter")
        self.wait(lambda: self.here == 1)

    def down_to(self, there: Callable[[], bool]) -> None:
        for _ in range(40):
            if there():
                return
            before = self.marked
            self.press("down")
            self.wait(lambda before=before: self.marked != before and not self.t.pump(_STILL))  # type: ignore[misc]
        raise AssertionError(f"it is not in the list\n{self.t.page}")

    @property
    def marked(self) -> tuple[int, str]:
        """The row under the cursor."""
        return next(((y, line) for y, line in enumerate(self.t.lines) if line[:1] in ("▸", "●")), (-1, ""))

    def hang_up(self) -> None:
        """The terminal is gone; from another one it goes on at the same step."""
        here = next(number for number, name in self.names.items() if name == self.walk.way[-1])
        self.t.hang_up()
        assert self.t.ended(20) == 129, self.t.status
        self.walk.cuts += 1
        self.t = self.terminal()
        self.press("7")
        self.wait("On their way  1")
        self.down_to(lambda: self.marked[1].startswith("▸▶"))
        assert f"▶ {here}/" in self.marked[1]
        self.press("enter")
        self.wait(lambda: self.here is not None)
        assert self.here == here, self.t.page
        self.settle()
        self.see(f"step {here}, from another terminal")

    # ── step by step ──────────────────────────────────────────────────────────────────────────────────────────

    def go(self) -> None:
        """To the end, each step once."""
        while number := self.here:
            self.walk.way.append(self.names[number])
            assert len(self.walk.way) < 60, self.walk.way
            self.settle()
            self.see(f"step {number}")
            self.step(self.answers.get(self.names[number]))
            self.wait(lambda number=number: self.here not in (None, number))  # type: ignore[misc]
        self.see("the end")
        self.walk.seconds = time.monotonic() - self.began

    def step(self, answer: Answer | None) -> None:
        """What the buttons offer is what is to be done. What happens outside happens first."""
        offered = self.offered
        if callable(answer):
            answer(self.root)
        if "Take it" in offered:
            self.give(answer)
        elif "Note it" in offered or "Write it" in offered:
            self.write()
        elif "Do it" in offered:
            self.do()
        elif "Tick" in offered:
            if self.cut:
                self.hang_up()
            self.press("t")
        else:
            self.choose(answer)

    def choose(self, answer: Answer | None) -> None:
        """The branch that was decided on, or the one that all its evidence speaks for."""
        if self.cut:
            self.hang_up()
        first = self.marked[0]
        rows = []
        for line in self.t.lines[first:]:
            if self.buttons(line):
                break
            rows.append(line[1:])
        wanted = [
            at
            for at, row in enumerate(rows)
            if (row.startswith(answer) if isinstance(answer, str) else _SPEAKS.search(row))
        ]
        assert len(wanted) == 1, f"{answer}: {rows}\n{self.t.page}"
        self.down_to(lambda: self.marked[0] == first + wanted[0])
        self.press("enter")

    def give(self, answer: Answer | None) -> None:
        """An input: what stands in the field, one of the offers, or what is typed."""
        if self.cut:
            self.press(*"abc")
            self.wait(lambda: self.field.endswith("abc"))
            self.hang_up()
        self.wait(lambda: "looking what there is" not in self.t.page)
        if not isinstance(answer, str):
            self.given[self.walk.way[-1]] = self.field
        text = answer if isinstance(answer, str) else self.field
        assert text, f"nobody says what to give\n{self.t.page}"
        if self.field != text and any(line[1:].startswith(f"{text} ") for line in self.offers):
            self.down_to(lambda: self.marked[1][1:].startswith(f"{text} "))
        elif self.field != text:
            if self.field:
                self.press("\x15")
                self.wait(lambda: not self.field)
            self.press(*text)
            self.wait(lambda: self.field == text[-len(self.field) :] and self.field)
        self.press("enter")

    @property
    def field(self) -> str:
        """What is typed into the field of an input; its hint is no text."""
        line = self.t.lines[self._field_line]
        text = line.partition(":")[2].strip()
        return "" if text.endswith("Enter takes it") else text

    @property
    def _field_line(self) -> int:
        return next(y for y, line in enumerate(self.t.lines) if re.match(r"^ [a-z_]+: ", line) and y > 4)

    @property
    def offers(self) -> list[str]:
        rows = []
        for line in self.t.lines[self._field_line + 1 :]:
            if self.buttons(line):
                break
            rows.append(line)
        return rows

    def write(self) -> None:
        """A note: of what was done outside, or of what was seen."""
        if self.cut:
            self.press("d")
            self.wait("[ Keep it, go on ]")
            self.press(*NOTE[:4])
            self.wait(NOTE[:4])
            self.hang_up()
        self.press("d")
        self.wait("[ Keep it, go on ]")
        self.press(*NOTE)
        self.wait(NOTE)
        self.press("enter")
        self.wait(lambda: self.focus[1] == "Keep it, go on")
        self.see("a note")
        self.press("enter")

    # ── doing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def do(self) -> None:
        """An action or a command, and then its tick. Where the screen says that it is so already, only the tick."""
        self._acted += 1
        if self.cut:
            self.cut_while_doing()
        number = self.here
        for _ in range(5):  # what lies below the lower edge is told when it is ticked
            if self.to_do:
                self.start(self.open())
                self.wait(lambda: not self.to_do)
                self.settle()
                self.see("done")
            self.press("t")
            self.wait(lambda: self.here != number or (_TOLD.search(self.t.page) and not self.t.pump(_STILL)))
            if self.here != number:
                return
            self.settle()

    @property
    def to_do(self) -> bool:
        return any(each in self.t.page for each in ("! do it first", "! run the command first"))

    def cut_while_doing(self) -> None:
        """By turns: before the button, right behind it, when the dialog is gone."""
        if self.to_do:
            label = self.open()
            if self._acted % 3:
                self.start(label, wait=self._acted % 3 == 1)
        self.hang_up()

    def open(self) -> str:
        """The dialog of the step, its plan made: the label of the button that starts it."""
        self.press("d")
        self.wait(lambda: self.focus[1] == "Cancel")
        label = ""

        def ready() -> bool:
            nonlocal label
            first = self.focus[0]
            box = self.t.lines[first : 1 + next(y for y, line in enumerate(self.t.lines) if y > first and "╰" in line)]
            label = [each for line in box for each in self.buttons(line)][-1]
            plan = any(f"{_DIALOG} " in line and ": plan ─" in line for line in self.t.lines)
            return not plan or bool(re.search(r" (\d[\d,]* files?|all the same)$", label))

        self.wait(ready)
        self.see("a dialog")
        return label

    def start(self, label: str, *, wait: bool = True) -> None:
        """Press it; the word that is asked is typed. wait: until the dialog is gone."""
        self.to_button(label)
        word = " --confirm " in self.t.page
        self.press("enter")
        if label == "Run it":
            if wait:
                self.wait("exit status")
                self.see("a command")
                self.wait(lambda: self.focus[1] == "Close")
                self.press("enter")
        elif word:
            self.wait(lambda: _WORD.search(self.t.page))
            asked = _WORD.search(self.t.page)
            assert asked is not None
            self.press(*asked[1], "enter")
            self.wait(lambda: self.focus[1] == label)
            self.see("a word")
            self.press("enter")
        if wait:
            self.wait(lambda: _DIALOG not in self.t.page)
