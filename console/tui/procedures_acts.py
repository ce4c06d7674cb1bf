"""ProceduresActs: what an operator asks for in a session. Each that needs words or a yes asks in a dialog first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from console.tui.procedures_feed import ProceduresFeed, _Job
from console.tui.screens.dialog import AskScreen, TextScreen

if TYPE_CHECKING:
    from console.engine.procedures.model import Step
    from console.engine.procedures.session import Session
    from console.engine.procedures.shell import Ran
    from console.tui.guiding import Stood
    from widgets.procedures import messages

Says = Sequence[str | tuple[str, str]]


class ProceduresActs(ProceduresFeed):
    """The part of FedApp that hears the Procedures pane's session."""

    def on_procedures_pane_act_wanted(self, message: messages.ActWanted) -> None:
        what, text = message.what, message.text
        session = self.standing.session if self.standing is not None else None
        if what == "leave":
            self.leave_session()
        elif session is None:
            return
        elif what == "report":
            self._report(session)
        elif what == "evidence":
            self._evidence(session)
        elif what == "look":
            self.look_now()
        elif session.step is not None and self.may_guide("This"):
            self._tell("")
            if what == "do":
                self._ask_do(session, session.step)
            elif what in _ASKED:
                self._ask(session, what)
            else:
                self._move(what, text)

    def _move(self, what: str, text: str) -> None:
        """What needs no question: it can be gone back from."""
        from console.engine.procedures import guide
        from console.tui import guiding

        ctx = self.ctx
        if what == "tick":
            self.in_session(_Job("asking its checks", lambda session, stop: guide.tick(ctx, session, stop)))
        elif what == "value":
            self.in_session(_Job("keeping it", lambda session, stop: guiding.answer(ctx, session, text, stop)))
        elif what == "choose":
            self.in_session(_Job("choosing", lambda session, _: guide.choose(ctx, session, text)))
        elif what == "back":
            self.in_session(_Job("going back", lambda session, _: guide.back(ctx, session)))

    # ── with words ────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, session: Session, what: str, told: str = "", value: str = "") -> None:
        """Ask for the words; where they could not be kept, ask again with them in the field."""
        from console.engine.procedures import guide

        step = session.step
        if step is None:
            self._tell(told)
            return
        title, hint, button, explains = _ASKED[what]
        says: list[str | tuple[str, str]] = [(told, "warn")] if told else []
        says += [f"Step {session.number}: {step.title}"]
        if what == "override":
            says += [
                (f"✗ {each['text']}: {each['evidence']}", "bad")
                for name, _ in guide.asked_by(step)
                for each in guide.last_seen(session, name)
                if not each.get("good")
            ][:5]
        if what == "note" and step.text and step.kind in ("manual", "record"):
            says += [(line, "") for line in guide.text_of(session).split("\n")[:6]]
        says.append((explains, "dim"))
        choices = [("back", "Back"), ("go", button)]
        if what == "note" and step.kind in ("manual", "record"):
            choices = [("back", "Back"), ("go", button), ("on", "Keep it, go on")]
        ask = AskScreen(title, says, choices, typed=hint, danger="go" if what == "abandon" else "", value=value)

        def answered(choice: str | None) -> None:
            text = ask.answer
            if choice and text:
                job = _Job("keeping it", lambda it, stop: self._kept(it, what, text, choice == "on", stop))
                self.in_session(job._replace(failed=lambda said: self._refused(what, said, text, choice == "on")))

        self.push_screen(ask, answered)

    def _kept(self, session: Session, what: str, text: str, on: bool, stop: Callable[[], bool]) -> Session:
        """In a thread."""
        from console.engine.procedures import guide

        writes = {
            "note": guide.note,
            "skip": guide.skip,
            "override": guide.override,
            "hand-over": guide.hand_over,
            "abandon": guide.abandon,
        }
        session = writes[what](self.ctx, session, text)
        return guide.tick(self.ctx, session, stop) if on else session

    def _refused(self, what: str, said: str, text: str, on: bool) -> None:
        """What was typed is not lost: it stands in the field again. A note that was kept, and only its tick refused,
        is not asked for again."""
        session = self.standing.session if self.standing is not None else None
        last = session.last_by if session is not None else None
        kept = session is not None and any(entry.data.get("text") == text for entry in session.here()) and on
        if session is None or kept or last is None:
            self._tell(said)
        else:
            self._ask(session, what, said, text)

    # ── doing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask_do(self, session: Session, step: Step) -> None:
        from console.engine.procedures import guide
        from console.engine.procedures.acts import ACTS

        if session.waiting_run:
            self._tell(f"run {session.waiting_run.rsplit('-', 1)[-1]} is in progress; this step waits for it")
        elif step.kind in ("action", "command"):
            if step.kind == "action" and step.action not in ACTS and not self._guided.can_act(step.action):
                return
            then = self._ask_act if step.action in ACTS else self._open_dialog if step.action else self._open_shell
            self.in_session(
                _Job("looking at what must hold first", lambda it, _: guide.may_do(self.ctx, it), done=then)
            )
        elif step.kind == "probe":
            self.look_now()
        else:
            self._tell("there is nothing to do here: t goes on" if step.kind == "explain" else "choose a branch")

    def _ask_act(self, stood: Stood) -> None:
        """Maintenance on, and off."""
        from console.engine.procedures import guide

        session, step = stood.standing.session, stood.standing.session.step
        if step is None:
            return
        says: Says = [f"Step {session.number}: {step.title}", (f"$ {stood.standing.command}", "accent")]
        ask = AskScreen(f"{step.action.capitalize()}?", says, [("back", "Cancel"), ("do", step.action.capitalize())])

        def answered(choice: str | None) -> None:
            if choice:
                self.in_session(_Job(step.action, lambda it, _: guide.act(self.ctx, it), done=self._look_after))

        self.push_screen(ask, answered)

    def _look_after(self, stood: Stood) -> None:
        if stood.standing.session.step is not None:
            self.look_now(quiet=True)

    def _open_dialog(self, stood: Stood) -> None:
        """The action's own dialog, filled in; a run that it starts belongs to this step from its first moment."""
        from console.engine.procedures import guide
        from console.tui import guiding
        from console.tui.actions import filled

        session, step = stood.standing.session, stood.standing.session.step
        if stood.params is None or step is None:
            self._tell(f"✗ {stood.trouble or 'its parameters are not known'}")
            return
        dialog = filled(self.ctx, step.action, stood.params)
        unkept: list[str] = []

        def keep_run(run: str, command: str) -> None:
            unkept.append(guiding.kept(lambda: guide.run_started(self.ctx, session, run, command)))

        def left(run: str | None) -> None:
            if run is not None:
                self.session_again()
            if any(unkept):
                self._tell(f"! the run goes on, and the session does not know it: {unkept[0]}")

        dialog.keep_run = keep_run
        self.push_screen(dialog, left)

    def _open_shell(self, stood: Stood) -> None:
        from console.engine.procedures import guide
        from console.tui import guiding
        from console.tui.screens.shell import ShellScreen

        session, step, command = stood.standing.session, stood.standing.session.step, stood.standing.command
        if step is None:
            return

        def kept(ran: Ran) -> str:
            output = f"{ran.output.rstrip()}\n({ran.why})".lstrip() if ran.why else ran.output
            return guiding.kept(lambda: guide.command_ran(self.ctx, session, command, ran.status, output, ran.took))

        def left(ran: bool | None) -> None:
            if ran:
                self.session_again()
                if step.after:
                    self.look_now(quiet=True)

        self.push_screen(ShellScreen(self.ctx, step.title, command, step.seconds, step.statuses, kept), left)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────

    def _evidence(self, session: Session) -> None:
        from widgets.procedures.words import evidence

        rows = evidence(session, self._guided.time_zone, self.ctx.env.now())
        self.push_screen(TextScreen(f"Everything kept in {session.id}", lines_=rows))

    def _report(self, session: Session) -> None:
        from console.tui.guiding import report_lines

        screen = TextScreen(f"Report of {session.id}", "reading…")
        self.push_screen(screen)
        self.fetch("report", lambda: report_lines(self.ctx, session), screen.set_lines)


# title, what stands in the empty field, the button, what it means
_ASKED = {
    "note": ("Note", "what was done and seen", "Keep it", "Kept in the session, with your name and the time."),
    "skip": ("Skip this step", "the reason", "Skip it", "It stays undone, and the reason is recorded."),
    "override": (
        "Override this step",
        "the reason",
        "Override",
        "It is ticked although it is not done or its checks fail. What they say now is recorded with the reason.",
    ),
    "hand-over": (
        "Hand over",
        "what the next one should know",
        "Hand over",
        "The session stays open at this step; whoever goes on reads this first.",
    ),
    "abandon": (
        "Abandon this procedure",
        "the reason",
        "Abandon it",
        "What was done stays done. It cannot be gone on with.",
    ),
}
