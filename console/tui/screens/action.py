"""What every action's dialog has in common: a plan in the making, the gate, the command line, starting the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Static

from console.engine.actions.registry import find_action
from console.engine.checks.gate import releasable
from console.engine.errors import EngineError, LockedError, RefusedError
from console.engine.model import ActionParams, GateItem, Plan
from console.engine.text import plural
from console.tui.screens.dialog import AskScreen, Dialog, TextScreen
from console.tui.screens.help_text import flow
from widgets.look import paint
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.actions.change.model import ChangePlan
    from console.engine.context import Context
    from console.engine.runs.start import StartedRun


class ActionDialog(Dialog[str]):
    """Dismisses with the id of the run that was started, or None.

    Subclasses set ACTION, have a button with the action's name as its id and one with the id `override`, a
    Static with the id `command`, and give the methods that raise NotImplementedError here.
    """

    ACTION = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy the command", show=False),
        Binding("ctrl+r", "plan_again", "Plan again", show=False),
        Binding("question_mark", "help", "Help", show=False),
    ]
    DEFAULT_CSS = "ActionDialog #command { height: auto; margin-top: 1; color: $text-primary; }"

    def __init__(self, ctx: Context) -> None:
        super().__init__()
        self._ctx = ctx
        self._overrides: dict[str, str] = {}
        self._number = 0  # of the plan that counts; answers to older ones are dropped
        self._starting = False
        self._waiting = False
        self._typed = False  # the word, where the action wants one
        # of a procedure's step: keeps the run (its id, the command line) in the session; in a thread, raises nothing
        self.keep_run: Callable[[str, str], None] | None = None

    # ── what a subclass gives ─────────────────────────────────────────────────────────────────────────────────

    @property
    def _button(self) -> str:
        """The id of the button that starts."""
        return self.ACTION.replace(" ", "-")

    def help_text(self) -> str:
        raise NotImplementedError

    def _plan_again(self, note: str = "") -> None:
        raise NotImplementedError

    def _show(self, note: str = "") -> None:
        raise NotImplementedError

    def _refused(self) -> Sequence[GateItem]:
        """The items that refuse the plan as it is now; none where there is no plan yet."""
        raise NotImplementedError

    def _command(self) -> str:
        raise NotImplementedError

    def _to_start(self) -> tuple[ActionParams, Plan | ChangePlan | None] | None:
        """What a run is started with: parameters, and the plan it is bound to; None while it cannot be started."""
        raise NotImplementedError

    def _word(self) -> str:
        """What has to be typed before it starts, '' for nothing."""
        return ""

    def _how_many(self, files: int) -> str:
        """Behind the verb of the button. A procedure's step may be run with nothing to do, so that it is on record."""
        return plural(files, "file") if files or self.keep_run is None else "all the same"

    def _go_label(self) -> str:
        """What the button that starts says."""
        return str(self.query_one(f"#{self._button}", Push).label)

    def _released(self) -> None:
        """An item was overridden."""

    def opened(self) -> None:
        """Its widgets are there: make the first plan."""
        raise NotImplementedError

    def release(self, overrides: dict[str, str]) -> None:
        """Before it is shown: these items are overridden already. item -> reason."""
        self._overrides.update(overrides)

    # ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        if not self.console_app.leaving:  # else its widgets may be gone already, and nobody waits for a plan
            self.opened()

    def on_unmount(self) -> None:
        self._number += 1  # whatever is still being planned is for nobody

    def _current(self, number: int) -> bool:
        """Whether an answer to plan `number` is still wanted."""
        return number == self._number and self.is_attached and not self._starting

    def _planning_failed(self, number: int, error: Exception) -> None:
        if number == self._number and self.is_attached:
            says = error.lines() if isinstance(error, EngineError) else [sentence(error)]
            self._show("✗ " + "; ".join(says))

    def _show_buttons(self, *, ready: bool, label: str) -> None:
        """The command line, and what can be pressed. label: of the button that starts."""
        command = self._command()
        self.query_one("#command", Static).update(
            paint(("$ ", "dim"), command, ("   c: copy", "dim")) if command else ""
        )
        go = self.query_one(f"#{self._button}", Push)
        go.disabled = not ready or self._starting
        go.label = "Starting…" if self._starting else label
        item = self._answerable()
        override = self.query_one("#override", Push)
        override.display = item is not None
        if item is not None:
            override.label = {"lock": "Who runs?", "adoption": "Adopt…"}.get(item.name, "Override…")
        if self.focused is None or self.focused.disabled or not self.focused.display:
            self.focus_harmless()

    def _answerable(self) -> GateItem | None:
        """The first item that refuses and that something can be done about from here."""
        helped = {"lock", "adoption", *releasable(self.console_app.ctx.settings)}
        return next((item for item in self._refused() if item.name in helped), None)

    # ── keys and buttons ──────────────────────────────────────────────────────────────────────────────────────

    def action_copy(self) -> None:
        if self._command():
            self.console_app.copy(self._command(), "the command line")

    def action_plan_again(self) -> None:
        self._plan_again()

    def action_help(self) -> None:
        self.app.push_screen(TextScreen(f"Help: plan of {self.ACTION}", flow(self.help_text())))

    def on_push_pressed(self, message: Push.Pressed) -> None:
        name = message.push.id or ""
        if name == "cancel":
            self.leave()
        elif name == "override":
            self._override()
        elif name == self._button:
            self._start()
        else:
            getattr(self, f"action_{name}")()

    def _override(self) -> None:
        item = self._answerable()
        if item is None:
            return
        if item.name == "lock":
            self._locked(item.evidence)
            return
        if item.name == "adoption":
            self.dismiss(None)
            self.app.call_later(self.console_app.action_act, "adopt")
            return
        ask = override_question(item.name, item.evidence, item.next_step)

        def answered(choice: str | None) -> None:
            if choice == "release" and ask.answer:
                self._overrides[item.name] = ask.answer
                self._released()
                self._show()

        self.app.push_screen(ask, answered)

    # ── starting ──────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        from console.engine.runs.start import start_run

        if self._refused() or self._starting:
            return
        start = self._to_start()
        if start is None:
            return
        word = self._word()
        if word and not self._typed:
            self._ask_word(word)
            return
        params, plan = start
        self._starting = True
        self._show()
        ctx, action, overrides, command = self._ctx, self.ACTION, dict(self._overrides), self._command()

        def start_it() -> StartedRun:
            started = start_run(ctx, action, params, overrides=overrides, command=command, plan=plan)
            if self.keep_run is not None:  # at once: this console may be gone in a moment
                self.keep_run(started.run_id, command)
            return started

        self.console_app.fetch("start", start_it, self._started, failed=self._not_started)

    def _ask_word(self, word: str) -> None:
        """A dangerous action is started by somebody who means this workspace."""
        ask = AskScreen(
            f"{find_action(self.ACTION).label}: {word}",
            [f"Type the workspace's name, {word}, if it is this one that you mean."],
            [("back", "Back"), ("go", self._go_label())],
            typed=word,
            word=word,
            danger="go",
        )

        def answered(choice: str | None) -> None:
            if choice == "go" and self.is_attached:
                self._typed = True
                self._start()

        self.app.push_screen(ask, answered)

    def _started(self, started: StartedRun) -> None:
        self.console_app.run_started(started, show=self.keep_run is None)
        if self.is_attached:
            self.dismiss(started.run_id)

    def _not_started(self, error: Exception) -> None:
        if not self.is_attached:
            return
        self._starting = False
        if isinstance(error, LockedError):
            self._show()
            self._locked(error.what)
            return
        says = error.lines() if isinstance(error, EngineError) else [sentence(error)]
        title = "Refused" if isinstance(error, RefusedError) else "Not started"
        self._show()
        ask = AskScreen(title, [("✗ " + says[0], "bad"), *says[1:]], [("close", "Close"), ("again", "Plan again")])
        self.app.push_screen(ask, lambda choice: self._plan_again() if choice == "again" else None)

    def _locked(self, evidence: str) -> None:
        """Whose run, since when, and the three things one can do."""
        run = self.console_app.running
        can_ask = run is not None and not self._ctx.read_only
        choices = [("close", "Close"), ("wait", "Wait, then plan again")]
        if can_ask:
            choices.append(("ask", "Ask to cancel"))
        ask = AskScreen(
            "Another run is in progress",
            [evidence, "", ("What it does is in Runs. Only one run changes this workspace at a time.", "dim")],
            choices,
            danger="ask",
        )

        def answered(choice: str | None) -> None:
            if choice == "wait":
                self._waiting = True
                self._show("waiting for the other run to end; then this plans again")
                if self.console_app.running is None:
                    self._plan_again()
            elif choice == "ask" and run is not None:
                self.console_app.ask_cancel(run)

        self.app.push_screen(ask, answered)

    def run_ended(self) -> None:
        """The app says so: no run is in progress any more."""
        if self._waiting:
            self._plan_again("the other run has ended; this is the plan now")


def override_question(name: str, evidence: str, next_step: str) -> AskScreen:
    """Asks for the reason, which is its `answer` where `release` was chosen."""
    return AskScreen(
        f"Override: {name}",
        [evidence, (next_step, "dim"), "", "It is released for this one run, and the reason is recorded with it."],
        [("back", "Back"), ("release", "Override")],
        typed="the reason, in a few words",
        danger="release",
    )


def sentence(error: Exception) -> str:
    """The last line of what an unexpected error says."""
    text = str(error).strip().splitlines()
    return text[-1] if text else type(error).__name__
