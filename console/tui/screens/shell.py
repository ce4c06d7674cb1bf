"""The dialog of a step's command: shown in full, run only when it is confirmed, its output as it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from console.engine.text import duration, plural
from console.tui.messages import Fetched
from console.tui.screens.dialog import Dialog
from widgets.look import Cell, lines, paint
from widgets.pager import Pager
from widgets.push import Push

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.procedures.shell import Ran

_TELL_SECONDS = 0.3  # between two words of its output
_SHOWN = 64 * 1024  # characters of it that are shown while it runs


class ShellScreen(Dialog[bool]):
    """Dismisses with whether it was run. kept: keeps what came of it in the session; in a thread, comes back with why
    it could not, '' where it could."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy", "Copy the command", show=False)]
    DEFAULT_CSS = """
    ShellScreen {
        & #shell-output { display: none; height: 1fr; border-top: solid $border-blurred; }
        &.-tall #shell-output { display: block; }
        &.-tall .dialog-body { max-height: 6; }
    }
    ShellScreen:ansi #shell-output { border-top: solid ansi_default; }
    """

    def __init__(
        self,
        ctx: Context,
        title: str,
        command: str,
        seconds: int,
        statuses: tuple[int, ...],
        kept: Callable[[Ran], str],
    ) -> None:
        super().__init__()
        self._ctx, self._title, self._command = ctx, title, command
        self._seconds, self._statuses, self._kept = seconds, statuses, kept
        self._stop = threading.Event()
        self._state = "asked"  # asked | running | ended
        self._output = ""

    def title_text(self) -> str:
        return f"Run a command: {self._title}"

    def body(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield Static(id="shell-says", markup=False)
        yield Pager(id="shell-output")

    def buttons(self) -> Iterable[Push]:
        yield Push("Cancel", id="close")
        yield Push("Copy", hint="c", id="copy")
        yield Push("Stop it", id="stop", classes="-danger")
        yield Push("Run it", id="run", classes="-main")

    def on_mount(self) -> None:
        self._show([])

    def _show(self, said: list[Cell]) -> None:
        good = ", ".join(str(each) for each in self._statuses)
        most = plural(self._seconds, "second")
        facts = f"by /bin/sh in {self._ctx.workspace.root}, for {most} at most; good: exit {good}"
        rows = [paint(("$ ", "dim"), (part, "accent")) for part in self._command.split("\n")]
        if said:  # what came of it first: a long command leaves little room
            rows = [*(paint(each) for each in said), *rows]
        else:
            rows.append(paint((facts, "dim")))
        self.query_one("#shell-says", Static).update(lines(rows))
        self.query_one("#run", Push).display = self._state == "asked"
        self.query_one("#stop", Push).display = self._state == "running"
        close = self.query_one("#close", Push)
        close.display = self._state != "running"
        close.label = "Cancel" if self._state == "asked" else "Close"
        self.set_class(self._state != "asked", "-tall")

    def unfinished(self) -> bool:
        return self._state == "running"

    def action_leave(self) -> None:
        if self._state == "running":
            self.query_one(".dialog").border_subtitle = paint(("it is running: Stop ends it", "warn"))
        else:
            self.leave()

    def leave(self) -> None:
        self.dismiss(self._state == "ended")

    def on_push_pressed(self, message: Push.Pressed) -> None:
        name = message.push.id
        if name == "run" and self._state == "asked":
            self._run()
        elif name == "stop":
            self._stop.set()
        elif name == "copy":
            self.console_app.copy(self._command, "the command")
        elif name == "close":
            self.action_leave()

    def action_copy(self) -> None:
        self.console_app.copy(self._command, "the command")

    # ── running ───────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        self._state = "running"
        self._show([("▶ it runs", "running")])
        self.set_focus(self.query_one("#stop", Push))
        app = self.console_app
        told, waiting = 0.0, ""

        def tell(text: str) -> None:
            nonlocal told, waiting
            waiting += text
            if time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
                app.post_message(Fetched(self._more, waiting))
                waiting = ""

        def work() -> tuple[Ran, str]:
            from console.engine.procedures.shell import run_shell

            stopped = lambda: self._stop.is_set() or app.leaving  # noqa: E731
            ran = run_shell(self._ctx, self._command, self._seconds, said=tell, cancelled=stopped)
            return ran, self._kept(ran)

        app.fetch("command", work, self._ended, self._failed)

    def _more(self, text: str) -> None:
        if self.is_attached and self._state == "running":
            self._output = (self._output + text)[-_SHOWN:]
            self._page(self._output)

    def _page(self, text: str) -> None:
        pager = self.query_one(Pager)
        pager.lines = [(line, "") for line in text.rstrip("\n").split("\n")]
        pager.scroll_end(animate=False, immediate=True)

    def _ended(self, answer: tuple[Ran, str]) -> None:
        ran, unkept = answer
        if not self.is_attached:
            return
        self._state = "ended"
        good = ran.status in self._statuses
        words = ran.why or f"exit status {ran.status}"
        sign, tone = ("✓", "good") if good else ("✗", "bad")
        said: list[Cell] = [(f"{sign} {words}, after {duration(ran.took)}", tone)]
        if unkept:
            said.append((f"! not kept in the session: {unkept}", "warn"))
        self._page(ran.output or "it said nothing")
        self._show(said)
        self.focus_harmless()

    def _failed(self, error: Exception) -> None:
        from console.tui.screens.action import sentence

        if self.is_attached:
            self._state = "ended"
            self._show([(f"✗ {sentence(error)}", "bad")])
            self.focus_harmless()
