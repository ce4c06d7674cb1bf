"""What INT, TERM and HUP mean while a run is followed: noted here, answered between two looks at the run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal came while a question was open."""


class Signals:
    """Notes the last watched signal instead of dying of it. What was ignored (`nohup`) stays ignored."""

    def __init__(self) -> None:
        self.pending: signal.Signals | None = None
        self._asking = False
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> Signals:
        for number in WATCHED:
            before = signal.getsignal(number)
            if before != signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.pending = signal.Signals(number)
        if self._asking:
            raise Interrupted

    def take(self) -> signal.Signals | None:
        """The signal that came since the last call, if any."""
        pending, self.pending = self.pending, None
        return pending

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a question is open a signal ends it by raising Interrupted."""
        self._asking = True
        try:
            yield
        finally:
            self._asking = False
