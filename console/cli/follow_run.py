"""Watching a run from the command line: the progress line, the JSON events, and what a signal asks for."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from console.cli.ask import choose
from console.cli.output import ProgressLine, bar, note, out
from console.cli.result import Summary
from console.cli.session import on_terminal, spoken_command
from console.cli.signals import Interrupted, Signals
from console.engine.errors import EXIT_FAILURES, EXIT_OK, EngineError
from console.engine.model import RunRow, RunStatus
from console.engine.text import count, duration

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.runs.follow import Progress


def progress_text(progress: Progress) -> str:
    """`migrate 7f3a  judge  62 % ██████░░░░ 812/1,304 files  214/s  3 s left`."""
    row = progress.row
    parts = [f"{row.action} {row.short}", row.phase or "starting"]
    if row.total_files:
        done = min(row.done_files / row.total_files, 1.0)
        parts.append(f"{int(done * 100):>3} % {bar(done, 12)} {count(row.done_files)}/{count(row.total_files)} files")
    elif row.done_files:
        parts.append(f"{count(row.done_files)} files")
    if progress.rate:
        parts.append(f"{count(round(progress.rate))}/s" if progress.rate >= 10 else f"{progress.rate:.1f}/s")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    if row.cancel_at:
        parts.append("cancelling: the batch in hand is finished")
    return "  ".join(parts)


class Watcher:
    """Follows one run to its end, to its cancellation, or until whoever watches turns away.

    ours: this command started the run, so that without a terminal INT and TERM cancel it; an attached watcher
    only turns away.
    """

    def __init__(self, ctx: Context, run_id: str, summary: Summary, *, ours: bool) -> None:
        self._ctx = ctx
        self._run = run_id
        self._summary = summary
        self._ours = ours
        self._line = ProgressLine(note(), wanted=not (summary.as_json and out().terminal))
        self._cancel_signal: signal.Signals | None = None
        self._cancelling = False

    def follow(self, signals: Signals, done_fd: int | None = None) -> int:
        """Watch until the run ends; the exit status of the command."""
        from console.engine.runs.follow import follow

        # nobody looks at the files one by one, or at the progress: the run needs the processor more than we
        after_outcome = 0 if self._summary.as_json else None
        interval = 0.2 if self._line.on else 0.5
        for progress in follow(self._ctx, self._run, interval=interval, done_fd=done_fd, after_outcome=after_outcome):
            for outcome in progress.outcomes:
                self._summary.file(self._run, outcome)
            if progress.outcomes:
                out().flush()
            if progress.row.status == RunStatus.RUNNING and progress.alive:
                self._line.show(progress_text(progress))
            number = signals.take()
            if number is not None:
                status = self._answer(number, signals, progress.row)
                if status is not None:
                    return status
        self._line.clear()
        return self._end()

    def _answer(self, number: signal.Signals, signals: Signals, row: RunRow) -> int | None:
        """What a signal asks for: None to go on watching, else the exit status to leave with."""
        self._line.clear()
        if number == signal.SIGHUP:
            return self._detach(128 + number)
        if not self._ours and not (number == signal.SIGINT and on_terminal()):
            return self._detach(128 + number)
        if number == signal.SIGINT and on_terminal():
            return self._question(signals, row)
        self._cancel_signal = number
        return self._cancel()

    def _question(self, signals: Signals, row: RunRow) -> int | None:
        name = f"{row.action} {row.short}"
        cancelling = self._cancelling or bool(row.cancel_at)
        try:
            with signals.asking():
                if cancelling:
                    question = f"{name} is being cancelled. (d)etach, or (g)o on watching? [g]"
                    answer = choose(question, ("detach", "go on"))
                else:
                    question = f"{name} is running. (c)ancel it, (d)etach and let it run, (g)o on watching? [g]"
                    answer = choose(question, ("cancel", "detach", "go on"))
        except Interrupted:
            note().line("")
            again = signals.take()
            # Ctrl-C on the question: whoever presses it twice wants it to stop, and then to be let go
            answer = "detach" if cancelling or again == signal.SIGHUP else "cancel"
        if answer == "cancel":
            return self._cancel()
        if answer in ("detach", None):
            return self._detach(EXIT_OK)
        return None

    def _cancel(self) -> int | None:
        if self._cancelling:
            return None
        from console.engine.runs.cancel import request_cancel

        try:
            request_cancel(self._ctx, self._run)
            self._cancelling = True
            note().line("Cancelling: the batch in hand is finished first; what is published stays.")
        except EngineError as error:  # it has just ended, or may not be cancelled by this user
            note().line(f"Not cancelled: {error}")
        return None

    def _detach(self, status: int) -> int:
        short = self._run.rsplit("-", 1)[-1]
        note().line(f"The run {self._run} goes on. ", spoken_command("runs", "attach", short), " shows it again.")
        self._summary.running(self._run, status)
        return status

    def _end(self) -> int:
        from console.engine.runs.query import find_run

        row = find_run(self._ctx, self._run)
        status = row.exit_status
        if status is None:
            note().line(("red", "The run's process has died. "), "What it did is recorded;")
            note().line("the next run finishes or undoes the batch it had in hand. Its last words are in")
            note().line(f"  {self._ctx.workspace.run_folder(self._run)}/stderr")
            status = EXIT_FAILURES
        elif self._cancel_signal is not None and status == 130:
            status = 128 + self._cancel_signal
        self._summary.finished(self._ctx, row, status)
        return status
