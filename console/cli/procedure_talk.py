"""A session as a dialogue of plain lines: nothing is drawn, the cursor never moves, every question is one line."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from console.cli.ask import answer
from console.cli.output import note
from console.cli.procedure_do import do_step, same_as
from console.cli.procedure_view import (
    how_far,
    kept,
    show_check,
    show_choices,
    show_entry,
    show_handed_over,
    show_head,
    show_seen,
    show_text,
)
from console.cli.session import spoken_command
from console.cli.trouble import tell_engine_error
from console.engine.errors import EXIT_CANCELLED, EXIT_FAILURES, EXIT_OK, EngineError
from console.engine.procedures import guide
from console.engine.procedures.fill import fill
from console.engine.procedures.journal import MovedOnError
from console.engine.procedures.offers import Offer, offers
from console.engine.procedures.session import Event, is_good, lacking, waived
from console.engine.text import recordable
from console.engine.transfer.filesystem import in_words

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.procedures.session import Entry, Session

_OFFERED = 20
_FREE = ("text", "number", "date", "folder")  # values of which none is offered
# What can be said at every step, letter -> how it is shown; a step leaves out what makes no sense there.
_LETTERS = {
    "d": "[d]o it",
    "l": "[l]ook again",
    "n": "[n]ote",
    "t": "[t]ick and go on",
    "s": "[s]kip with a reason",
    "o": "[o]verride with a reason",
    "b": "[b]ack",
    "h": "[h]and over",
    "a": "[a]bandon",
    "q": "[q]uit",
}
_WORDS = {
    "do": "d", "do it": "d", "look": "l", "look again": "l", "note": "n", "tick": "t", "skip": "s", "override": "o",
    "back": "b", "hand over": "h", "hand-over": "h", "abandon": "a", "quit": "q", "exit": "q",
}  # fmt: skip


class Left(Exception):
    """Whoever sat here has left the session open."""


class Talk:
    """One operator going through one session."""

    def __init__(self, ctx: Context, session: Session) -> None:
        self.ctx = ctx
        self.session = session
        who = ctx.env.who
        self._me = (recordable(who.login or who.user), recordable(who.terminal), recordable(who.host))
        self._told = session.seq  # the newest entry that was shown, or is our own
        self._moved = False  # by somebody else: the step is shown as it is now
        self._offered: list[Offer] = []

    def to_its_end(self) -> int:
        """Until it is done, abandoned, or left open; the exit status."""
        stream = note()
        show_head(self.ctx, stream, self.session)
        for text in (self.session.kept_beside, self.session.trouble):
            if text:
                stream.line(("yellow", "note: "), text)
        show_handed_over(self.ctx, stream, self.session)
        try:
            while self.session.step is not None:
                self._attempt(self._look)
                self._moved = False
                self._show()
                self._stay()
        except Left:
            self._say_open()
            return EXIT_OK
        except KeyboardInterrupt:
            stream.line("")
            self._say_open()
            raise click.exceptions.Exit(EXIT_CANCELLED) from None
        return self._end()

    def _say_open(self) -> None:
        again = spoken_command("procedure", "resume", self.session.short)
        note().line(f"The session stays open at {how_far(self.session)}; {kept(self.session)}.")
        note().line(("bold", again), " goes on with it, from any terminal.")

    def _end(self) -> int:
        again = spoken_command("procedure", "report", self.session.short)
        how = "It is done" if self.session.status == "done" else "It is abandoned; what was done stays done"
        note().line("")
        note().line(f"{how}; {kept(self.session)}. ", ("bold", again), " tells all of it.")
        return EXIT_OK if self.session.status == "done" else EXIT_FAILURES

    # ── taking it on ─────────────────────────────────────────────────────────────────────────────────────────────

    def _attempt(self, what: Callable[[], Session]) -> bool:
        """Do something with the session; whether that went well. What others did meanwhile is told in any case."""
        try:
            self._take(what())
            return True
        except MovedOnError as error:
            tell_engine_error(error)
            self._moved = True
            self._take(guide.reload(self.ctx, self.session))
        except (EngineError, OSError, sqlite3.Error) as error:
            tell_engine_error(error if isinstance(error, EngineError) else EngineError(in_words(error)))
            try:  # what was kept before it went wrong counts
                self._take(guide.reload(self.ctx, self.session))
            except EngineError as unreadable:
                tell_engine_error(unreadable)
                raise Left from unreadable
        return False

    def _take(self, session: Session) -> None:
        self.session = session
        for entry in session.entries:
            if entry.n > self._told and not self._is_mine(entry):
                show_entry(self.ctx, note(), session, entry)
        self._told = session.seq

    def _is_mine(self, entry: Entry) -> bool:
        return (entry.by, entry.terminal, entry.host) == self._me

    def _look(self) -> Session:
        self._take(guide.reload(self.ctx, self.session))
        if self.session.unsettled:
            self._attempt(lambda: guide.settle_run(self.ctx, self.session))
        note().flush()
        return guide.look(self.ctx, self.session) if self.session.step else self.session

    def _stay(self) -> None:
        """Ask until the session is at another step, or somebody else has taken it on."""
        before = self._place()
        while self.session.step is not None and self._place() == before and not self._moved:
            show_choices(note(), self._choices())
            said = answer("What now?")
            if said is None:
                raise Left
            self._do(said)

    def _place(self) -> tuple[str, str, int]:
        """Which step, and since which entry it is the current one."""
        session = self.session
        entered = next((entry.n for entry in reversed(session.entries) if "to" in entry.data), 0)
        return session.step.id if session.step else "", session.entered, entered

    # ── showing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _show(self) -> None:
        session, stream = self.session, note()
        step = session.step
        if step is None:
            return
        stream.line("")
        stream.line(("bold", how_far(session)))
        show_text(stream, guide.text_of(session), "  ")
        self._show_state()
        if line := same_as(self.ctx, session):
            for at, part in enumerate(line.splitlines()):
                stream.line("  same as: " if at == 0 else "           ", ("bold", part))
        if step.kind == "choose":
            self._show_branches()
        elif step.kind == "input":
            self._show_offers("")

    def _show_state(self) -> None:
        """What the checks said, and what was done here already."""
        session, stream = self.session, note()
        show_seen(stream, session)
        for entry in session.here(Event.RAN, Event.DID, Event.COMMAND):
            show_entry(self.ctx, stream, session, entry)
            break
        if session.step and (lack := lacking(session)) and session.step.kind not in ("choose", "input"):
            so = waived(session.step) and not session.waiting_run and is_good(guide.last_seen(session, "after"))
            stream.line(f"  to be done: {lack}" + ("; but it is so already, and can be ticked" if so else ""))

    def _show_branches(self) -> None:
        assert self.session.step is not None
        for number, branch in enumerate(self.session.step.branches, 1):
            note().line(("bold", f"  {number}  {branch.label}"))
            for seen in guide.last_seen(self.session, branch.label):
                show_check(note(), seen, branch=True)

    def _show_offers(self, like: str) -> None:
        step = self.session.step
        assert step is not None
        found = offers(self.ctx, step.of, like=like)
        if like and not found:
            return
        self._offered = found
        standing = self.session.values.get(step.value)
        if standing:
            note().line(f"  {step.value} is {standing}")
        for number, (value, words) in enumerate(self._offered[:_OFFERED], 1):
            note().line(f"  {number:>3}  {value}" + (f"   {words}" if words else ""))
        if len(self._offered) > _OFFERED:
            note().line(f"       and {len(self._offered) - _OFFERED} more: part of a name shows those that have it")

    def _choices(self) -> list[str]:
        """What can be said here."""
        step = self.session.step
        assert step is not None
        first = []
        if step.kind == "choose":
            first = [f"1 to {len(step.branches)}: choose"]
        elif step.kind == "input":
            default = self._default()
            keeps = f", Enter: {default}" if default else ", Enter leaves it open" if step.optional else ""
            first = [f"a number or a {step.of}{keeps}"]
        words = {**_LETTERS, "d": "[d]: watch the run"} if self.session.waiting_run else _LETTERS
        return first + [words[letter] for letter in self._letters()]

    def _letters(self) -> str:
        step = self.session.step
        assert step is not None
        letters = "lnbhaq" if step.kind == "choose" else "lnsobhaq" if step.kind == "input" else "lntsobhaq"
        if step.kind in ("action", "command"):
            letters = "d" + letters
        return letters if len(self.session.way) > 1 else letters.replace("b", "")

    def _default(self) -> str:
        step = self.session.step
        assert step is not None
        return self.session.values.get(step.value) or fill(step.default, self.session.all_values)

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, said: str) -> None:
        step = self.session.step
        assert step is not None
        if step.kind == "input" and self._is_value(said):
            self._attempt(lambda: self._value(said))
            return
        if step.kind == "choose" and said.isascii() and said.isdigit():
            self._choose(int(said))
            return
        word = said.lower()
        letter = _WORDS.get(word, word)
        if letter not in _LETTERS or letter not in self._letters():
            also = f"; ={said} is the value {said}" if step.kind == "input" else ""
            note().line(f"Say one of the letters in brackets, or the word{also}." if said else "Nothing was said.")
            return
        getattr(self, f"_say_{letter}")()

    def _is_value(self, said: str) -> bool:
        """At an input all that is no letter or word of ours is a value; what is offered is one in any case."""
        word = said.lower()
        letter = _WORDS.get(word, word)
        return any(said == value for value, _ in self._offered) or letter not in _LETTERS

    def _value(self, said: str) -> Session:
        step = self.session.step
        assert step is not None
        value = said or self._default()
        if said.isascii() and said.isdigit() and 0 < int(said) <= len(self._offered):
            value = self._offered[int(said) - 1][0]
        elif said.startswith("="):
            value = said[1:]
        elif said and step.of not in _FREE and all(said != offered for offered, _ in self._offered):
            several = len(offers(self.ctx, step.of, like=said)) > 1
            if several:
                self._show_offers(said)
                return self.session
        self._take(guide.set_value(self.ctx, self.session, value))
        return guide.tick(self.ctx, self.session)

    def _choose(self, number: int) -> None:
        assert self.session.step is not None
        branches = self.session.step.branches
        if not 0 < number <= len(branches):
            note().line(f"Say a number from 1 to {len(branches)}.")
            return
        self._attempt(lambda: guide.choose(self.ctx, self.session, branches[number - 1].label))

    def _said(self, question: str, then: Callable[[Context, Session, str], Session]) -> None:
        """Ask for a sentence and do something with it; Enter does nothing."""
        said = answer(f"{question} (Enter: nothing):")
        if said is None:
            raise Left
        if said:
            self._attempt(lambda: then(self.ctx, self.session, said))

    def _say_d(self) -> None:
        if self._attempt(lambda: do_step(self.ctx, self.session)):
            self._say_l()

    def _say_l(self) -> None:
        before = self._place()
        self._attempt(self._look)
        if self._place() == before:  # else the whole step is shown
            self._show_state()
            if self.session.step and self.session.step.kind == "choose":
                self._show_branches()

    def _say_n(self) -> None:
        self._said("Note", guide.note)

    def _say_t(self) -> None:
        self._attempt(lambda: guide.tick(self.ctx, self.session))

    def _say_s(self) -> None:
        self._said("Why is it skipped", guide.skip)

    def _say_o(self) -> None:
        self._said("Why does it count as done", guide.override)

    def _say_b(self) -> None:
        self._attempt(lambda: guide.back(self.ctx, self.session))

    def _say_h(self) -> None:
        before = self.session.seq
        self._said("What should whoever goes on know", guide.hand_over)
        if self.session.seq > before and self.session.entries[-1].event == Event.HANDED_OVER:
            raise Left

    def _say_a(self) -> None:
        self._said("Why is it abandoned", guide.abandon)

    def _say_q(self) -> None:
        raise Left
