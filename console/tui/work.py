"""WorkingApp: what is slow runs in a thread, its answer comes back as a message, its error becomes visible once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual.app import App
from textual.notifications import SeverityLevel
from textual.worker import Worker, WorkerState

from console.engine.errors import EngineError
from console.engine.text import visible
from console.tui.messages import Fetched

T = TypeVar("T")


class WorkingApp(App[None]):
    """leaving: every thread is to end, nothing that still comes is for anybody."""

    leaving = False

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say it in a corner for a while. What it quotes is made visible here: names and errors come from outside."""
        del markup  # never: what is said may hold brackets
        said = "\n".join(visible(line) for line in message.split("\n"))
        super().notify(said, title=visible(title), severity=severity, timeout=timeout, markup=False)

    def fetch(
        self,
        name: str,
        work: Callable[[], T],
        done: Callable[[T], object],
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Run `work` in a thread and hand its answer to `done` here; errors to `failed`, else they are shown."""

        def job() -> None:
            try:
                answer: object = work()
            except Exception as error:
                if failed is None or self.leaving:
                    raise
                self.post_message(Fetched(failed, error))
                return
            self.post_message(Fetched(done, answer))

        self.run_worker(job, name=name, group=name, thread=True, exit_on_error=False)

    def on_fetched(self, message: Fetched) -> None:
        message.stop()
        if not self.leaving and self.screen_stack:  # without a screen there is nobody left to show it to
            message.done(message.answer)

    def on_worker_state_changed(self, message: Worker.StateChanged) -> None:
        """The one place where an error of a worker becomes visible."""
        if message.state != WorkerState.ERROR or self.leaving:
            return
        error = message.worker.error
        says = error.lines() if isinstance(error, EngineError) else [f"{type(error).__name__}: {error}"]
        self.notify(" · ".join(says), title=f"✗ {message.worker.name}", severity="error", timeout=12)
