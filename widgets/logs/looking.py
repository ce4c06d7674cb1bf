"""Looking: a search under way, in a thread of its own; a later one drops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from console.engine.observe.logs_conditions import Narrowing, Sieve
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_rows import Place, RowSource
from console.engine.observe.logs_search import Found, Search, SearchError, find_in_stream, find_record
from console.engine.observe.logs_stream import LogStream
from console.engine.observe.logs_times import Clock

TOLD = 0.25  # seconds between two words on how far it is
Answer = Callable[[Found | None, str, bool], None]  # what was found, else what to say, and whether that is an error


class Looking:
    """do: hands a closure to the feed's thread. `busy`: how far it is, '' when nothing is looked for."""

    def __init__(self, do: Callable[[Callable[[], None]], None]) -> None:
        self._do = do
        self._cancel: threading.Event | None = None
        self.busy = ""

    def drop(self) -> None:
        """Stop looking."""
        if self._cancel is not None:
            self._cancel.set()
        self._cancel, self.busy = None, ""

    def find(
        self,
        log: RowSource,
        what: Search | Level,
        start: Place | None,
        backward: bool,
        shown: tuple[Narrowing, Clock],
        answer: Answer,
    ) -> None:
        """Look for the next or previous text, or record of a level and above, among the lines `shown`; `answer` is
        called in the feed's thread.
        """
        self.drop()
        cancel = threading.Event()
        self._cancel, self.busy = cancel, "looking"
        sieve = Sieve(*shown)

        def one(stream: LogStream, at: tuple[int, int] | None, stop: tuple[int, int] | None) -> Found | None:
            progress = self._teller(cancel, stream)
            if isinstance(what, Search):
                return find_in_stream(
                    stream,
                    what,
                    at,
                    backward=backward,
                    least=sieve,
                    stop=stop,
                    cancelled=cancel.is_set,
                    progress=progress,
                )
            return find_record(
                stream,
                what,
                at,
                backward=backward,
                stop=stop,
                cancelled=cancel.is_set,
                progress=progress,
                shown=sieve if shown[0].conditions else None,
            )

        def run() -> None:
            found, problem = None, ""
            try:
                log.own(sieve)
                found = log.find(start, backward, one)
            except (SearchError, OSError) as error:
                problem = str(error)
            finally:
                sieve.close()
            word = "match" if isinstance(what, Search) else what.word
            nothing = problem or f"no {word} {'above' if backward else 'below'}"
            self._do(lambda: self._answer(cancel, answer, found, nothing, bool(problem)))

        threading.Thread(target=run, daemon=True, name="log search").start()

    def _teller(self, cancel: threading.Event, stream: LogStream) -> Callable[[int, int], None]:
        told = time.monotonic()

        def progress(serial: int, offset: int) -> None:
            nonlocal told
            if time.monotonic() > told + TOLD:
                told = time.monotonic()
                segment = stream.segment(serial)
                percent = 100 * offset // max(1, segment.size if segment is not None else 0)
                self._do(lambda: self._progress(cancel, percent))

        return progress

    def _progress(self, cancel: threading.Event, percent: int) -> None:
        if cancel is self._cancel:
            self.busy = f"looking, at {percent} %"

    def _answer(self, cancel: threading.Event, answer: Answer, found: Found | None, nothing: str, bad: bool) -> None:
        if cancel is self._cancel:  # else nobody waits for it any more
            self._cancel, self.busy = None, ""
            answer(found, nothing, bad)
