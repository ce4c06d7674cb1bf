"""A place in a JSON text of any length: looks at characters, reads exact values, in memory bounded by one record."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from console.engine.records.events import fault
from console.engine.records.model import RecordError
from console.engine.records.strict import Skipper, StrictDecoder, value_end
from console.engine.records.window import BLOCK, Window
from console.engine.records.words import EXCERPT_SHOWN, cut

_LOOKED_AT = 128 * 1024  # characters of a value without an end in which its error is looked for
_SPACE = " \t\n\r"
# A syntax error this near to the end of what was read, or a string that does not end, may only be cut off.
_UNSURE = 16
_AHEAD = 3  # characters behind a value that tell whether it has ended
_BOUNDARY = re.compile(r'\s*\}\s*,\s*\{\s*"[^"\\]*"')
_BOUNDARY_SHOWN = 300  # characters


class Broke(Exception):
    """The text cannot be read any further."""

    def __init__(self, line: int, error: RecordError) -> None:
        super().__init__(error.message)
        self.line, self.error = line, error


class Value(NamedTuple):
    """One value. errors: what is wrong with it (then value means nothing); repeated: it names a key twice."""

    value: Any
    line: int
    excerpt: str
    errors: tuple[RecordError, ...]
    repeated: bool


class Cursor:
    """Reads a window's text from its beginning. `leave` gives the window back, at the cursor's place.

    record_bytes: a value larger than this is an error and skipped in constant memory. exact: bytes decoded at a
    time, more only for a value that needs more.
    """

    def __init__(self, window: Window, decoder: StrictDecoder, record_bytes: int, exact: int) -> None:
        self._window, self._decoder, self._limit, self._exact = window, decoder, record_bytes, exact
        self._at = self._counted = 0  # where in the text the cursor is, and up to where lines are counted
        self.resume()

    def resume(self) -> None:
        """Go on where the window begins."""
        self._base = 0  # where in the window's data the text begins
        self._line, self._column = self._window.line, self._window.column
        self._load(self._exact)

    def leave(self) -> None:
        """Have the window begin at the cursor. The cursor is of no use then, until `resume`."""
        self._window.drop(self._base + self._bytes(0, self._at))
        self._base, self._text = 0, ""
        self._at = self._counted = 0

    def _load(self, size: int) -> None:
        window, end = self._window, self._base + size
        window.fill(end)
        self._text = window.data[self._base : end].decode("utf-8", "surrogateescape")
        self._ascii = self._text.isascii()
        self._final = window.eof and len(window.data) <= end
        self._size, self._at, self._counted = size, 0, 0

    def _more(self, size: int = 0) -> None:
        """Have `size` bytes in memory from the cursor on."""
        self._line, self._column = self.place(self._at)
        self._base += self._bytes(0, self._at)
        if self._base > BLOCK:  # not each time: what is left has to be moved
            self._window.drop(self._base)
            self._base = 0
        self._load(size or self._exact)

    def _bytes(self, start: int, end: int) -> int:
        if self._ascii:
            return end - start
        return len(self._text[start:end].encode("utf-8", "surrogateescape"))

    @property
    def offset(self) -> int:
        """About how many bytes of the file lie before the cursor."""
        return self._window.offset + self._base + self._at

    @property
    def line(self) -> int:
        """The line of the cursor's place."""
        self._line, self._column = self.place(self._at)
        self._counted = self._at
        return self._line

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column (in bytes) of a place in the text that is in memory, not before the line last asked for."""
        text, counted = self._text, self._counted
        lines = text.count("\n", counted, offset)
        if lines:
            return self._line + lines, 1 + self._bytes(text.rfind("\n", counted, offset) + 1, offset)
        return self._line, self._column + self._bytes(counted, offset)

    def peek(self) -> str:
        """The next character that is no white space, '' at the end of the file."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(text):
                return text[at]
            if self._final:
                return ""
            self._more()

    def take(self) -> None:
        """Step over the character that `peek` showed."""
        self._at += 1

    def boundary(self) -> str:
        """How this file writes the end of one record and the beginning of the next; '' where it cannot be told.

        To be asked when `peek` has shown the comma after a record.
        """
        text = self._text
        brace = len(text[: self._at].rstrip(_SPACE))
        begin = len(text[: max(0, brace - 1)].rstrip(_SPACE))
        found = _BOUNDARY.match(text, begin, begin + _BOUNDARY_SHOWN)
        return found.group() if found else ""

    def broke(self, words: str) -> Broke:
        """An error of the file at the cursor's place: `words` says what was expected or found."""
        line, column = self.place(self._at)
        return Broke(line, fault("json", f"no valid JSON at line {line}, column {column}: {words}"))

    def value(self, what: str = "a record") -> Value:
        """The value at the cursor (after `peek`), the cursor then being behind it.

        Raises Broke where no reading can go on: the file ends inside of the value, or its end cannot be told.
        """
        line = self.line
        while True:
            start, failure = self._at, None
            decoded: Any = None
            if self._size == self._exact:
                decoded, end, failure = self._try(start)
            else:  # objects take many times their text: nothing is decoded before its end is known
                end = value_end(self._text, start)
                if self._reaches(end) and end - start <= self._limit:
                    decoded, end, failure = self._try(start)
            if self._reaches(end):
                return self._read(decoded, failure, line, start, end)
            if self._final:
                raise Broke(line, self._syntax_error() or _cut_off(what, line))
            if not self._widen():
                broken = self._syntax_error()
                if broken is not None:
                    raise Broke(line, broken)
                return self._oversized(line, what)

    def _try(self, start: int) -> tuple[Any, int, Exception | None]:
        try:
            return (*self._decoder.decode(self._text, start), None)
        except (ValueError, RecursionError) as error:
            # without its traceback: that would keep this text alive in a circle
            return None, value_end(self._text, start), error.with_traceback(None)

    def _reaches(self, end: int) -> bool:
        """Whether a value that ends there is in memory, with what tells that it ends: `1`, `1.` and `1e+` go on."""
        return 0 <= end <= len(self._text) - _AHEAD or (end >= 0 and self._final)

    def _syntax_error(self) -> RecordError | None:
        """What is wrong near the beginning of a value without an end; None where it may only be long or cut off."""
        text = self._text[self._at : self._at + min(_LOOKED_AT, self._limit)]
        try:
            self._decoder.decode(text, 0)
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Unterminated") and error.pos < len(text) - _UNSURE:
                return self._decoder.explain(error, *self.place(self._at + error.pos))
        except (ValueError, RecursionError):
            pass
        return None

    def _explain(self, failure: Exception, start: int) -> RecordError:
        offset = failure.pos if isinstance(failure, json.JSONDecodeError) else start
        return self._decoder.explain(failure, *self.place(offset))

    def _widen(self) -> bool:
        """Have more in memory from the cursor on; False: there is already more than one value may have."""
        size = self._size
        if self._at == 0:
            if size > self._limit:
                return False
            size = min(size * 4, max(self._limit + _UNSURE, size + 1))
        self._more(size)
        return True

    def _read(self, decoded: Any, failure: Exception | None, line: int, start: int, end: int) -> Value:
        raw = self._text[start:end]
        excerpt = cut(raw[: EXCERPT_SHOWN + 1], EXCERPT_SHOWN)
        size = end - start if raw.isascii() else len(raw.encode("utf-8", "surrogateescape"))
        errors: tuple[RecordError, ...]
        if size > self._limit:
            errors = (self._too_large(),)
        elif failure is not None:
            errors = (self._explain(failure, start),)
        else:
            errors = self._decoder.faults(decoded, raw)
        repeated = self._decoder.repeated and failure is None
        self._at = end
        if self._size > self._exact:
            self._more()
        return Value(decoded, line, excerpt, errors, repeated)

    def _too_large(self) -> RecordError:
        return fault("record-size", f"it is larger than {self._limit} bytes")

    def _oversized(self, line: int, what: str) -> Value:
        """A value larger than the limit, skipped by its brackets and quotes alone."""
        excerpt = cut(self._text[: EXCERPT_SHOWN + 1], EXCERPT_SHOWN)
        self.leave()
        window, skipper = self._window, Skipper()
        end = -1
        while end < 0:
            window.fill(1)
            block = window.data[:BLOCK]
            if not block:
                raise Broke(line, _cut_off(what, line))
            end = skipper.end(block.decode("latin-1"))
            window.drop(end if end >= 0 else len(block))
        self.resume()
        return Value(None, line, excerpt, (self._too_large(),), False)


def _cut_off(what: str, line: int) -> RecordError:
    return fault("json", f"the file ends inside of {what} that begins on line {line}: is it cut off?")
