"""Regular expressions over a log in a helper process, because a typed pattern may take for ever.

The parent (`search`) starts `python -I -S` with this module, hands it the descriptor of the open file, and
reads matches and progress from a pipe. The child (`serve`) sets an alarm before each chunk, whose default
action ends it; the parent kills it when the answer is not wanted any more. Standard library only, so that it
starts in 20 ms.

A line matches when `re.search` finds the pattern in its first LONG_BYTES bytes (terminator excluded) decoded
as
UTF-8 with surrogate escapes. Chunks of ASCII are searched whole with the same pattern on bytes first: without
look-around and possessive parts a match inside a line is also found by a search of the chunk, at the same
place or before.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from console.engine.observe.logs_lines import LONG_BYTES, Chunk, LineReader

SECONDS = 2.0  # for one chunk (at most 1 MiB): a sane pattern needs a hundredth of it
SPANS = 20  # of one line, as many as are told
_START = "import sys; sys.path.insert(0, sys.argv[1]); from {0} import serve; serve()"
Spans = tuple[tuple[int, int], ...]


class TooSlowError(Exception):
    """The pattern took too long for a part of the file, or the helper could not work. Text for the operator."""


def search(
    descriptor: int,
    pattern: str,
    ignore_case: bool,
    low: int,
    high: int,
    backward: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda offset: None,
    *,
    seconds: float = SECONDS,
) -> Iterator[tuple[int, Spans]]:
    """Matching lines of [low, high) in the order looked for: start offset, and byte spans within the line.

    Blocks until the next match. Ends early when `cancelled()`. Raises TooSlowError.
    """
    task = json.dumps([descriptor, pattern, ignore_case, low, high, backward, seconds])
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-I", "-S", "-c", _START.format(__name__), root, task]
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(descriptor,),
        )
    except OSError as error:
        raise TooSlowError(f"the search could not start: {error.strerror}") from None
    assert child.stdout is not None
    try:
        yield from _answers(child.stdout.fileno(), cancelled, progress)
        if not cancelled() and child.wait() != 0:
            if child.returncode != -signal.SIGALRM:
                raise TooSlowError("the search ended unexpectedly")
            raise TooSlowError(f"took longer than {seconds:g} s for one block; try a simpler expression")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _answers(pipe: int, cancelled: Callable[[], bool], progress: Callable[[int], None]) -> Iterator[tuple[int, Spans]]:
    rest = b""
    while not cancelled():
        if not select.select([pipe], [], [], 0.1)[0]:
            continue
        data = os.read(pipe, 65536)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            kind, *numbers = line.split()
            if kind == b"p":
                progress(int(numbers[0]))
            else:
                start, *flat = map(int, numbers)
                yield start, tuple(zip(flat[::2], flat[1::2], strict=True))


def serve() -> None:
    """The child: works off the task in its arguments and writes `m START [FROM TO]...` and `p OFFSET` lines."""
    descriptor, pattern, ignore_case, low, high, backward, seconds = json.loads(sys.argv[2])
    reader = LineReader(descriptor)
    matcher = Matcher(pattern, ignore_case)
    for chunk in reader.back(high, low) if backward else reader.forward(low, high):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        found = matcher.lines(chunk)
        signal.setitimer(signal.ITIMER_REAL, 0)
        told = [f"m {start} {' '.join(f'{a} {b}' for a, b in spans)}" for start, spans in found]
        told = [*told[::-1], f"p {chunk.start}"] if backward else [*told, f"p {chunk.end}"]
        try:
            os.write(1, "".join(f"{line}\n" for line in told).encode())
        except BrokenPipeError:
            return


class Matcher:
    """A pattern over chunks of lines."""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        flags = re.IGNORECASE if ignore_case else 0
        self._text = re.compile(pattern, flags)
        self._pattern = pattern
        self._ignore_case = ignore_case
        self._literal = required_literal(pattern).encode()
        if ignore_case:
            self._literal = self._literal.lower()
        self._bytes = _bytes_pattern(pattern, flags)

    def lines(self, chunk: Chunk) -> list[tuple[int, Spans]]:
        """Matching lines of a chunk, first to last: start offset in the file and byte spans in the line."""
        data = chunk.data
        if chunk.cut:
            spans = self._spans(data[:LONG_BYTES])
            return [(chunk.start, spans)] if spans else []
        found: list[tuple[int, Spans]] = []
        for start, stop in self._candidates(data):
            line = data[start : stop - 1] if data[stop - 1 : stop] == b"\n" else data[start:stop]
            if line.endswith(b"\r") and stop - start > len(line):
                line = line[:-1]
            spans = self._spans(line[:LONG_BYTES])
            if spans:
                found.append((chunk.start + start, spans))
        return found

    def _spans(self, line: bytes) -> Spans:
        spans: list[tuple[int, int]] = []
        text = line.decode("utf-8", "surrogateescape")
        plain = len(text) == len(line)
        for found in self._text.finditer(text):
            if plain:
                spans.append(found.span())
            else:
                start = len(text[: found.start()].encode("utf-8", "surrogateescape"))
                spans.append((start, start + len(found[0].encode("utf-8", "surrogateescape"))))
            if len(spans) == SPANS:
                break
        return tuple(spans)

    def _candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        """[start, stop) of the lines that may match, in file order."""
        find = self._finder(data)
        position = 0
        while position < len(data):
            at = find(position)
            if at < 0:
                return
            # an empty match at the very end of the chunk belongs to no line
            start = data.rfind(b"\n", 0, at) + 1
            stop = data.find(b"\n", at) + 1 or len(data)
            if start < stop:
                yield start, stop
            position = stop

    def _finder(self, data: bytes) -> Callable[[int], int]:
        """What tells, from a position in `data` on, where a line that may match is; -1: there is none."""
        ascii_only = data.isascii()
        whole = self._bytes if ascii_only and not self._differs(data) else None
        if whole is not None and not self._ignore_case:
            return lambda position: -1 if (found := whole.search(data, position)) is None else found.start()
        if self._literal and (ascii_only or not self._ignore_case):
            # without regard to case `re` looks at every byte; a text that must be there is found ten times
            # faster
            sought, literal = (data.lower() if self._ignore_case else data), self._literal
            return lambda position: sought.find(literal, position)
        if whole is not None:
            return lambda position: -1 if (found := whole.search(data, position)) is None else found.start()
        return lambda position: position

    def _differs(self, data: bytes) -> bool:
        """Whether the pattern on these bytes may miss what it finds in the line as text."""
        if "$" in self._pattern and b"\r" in data:
            return True
        if "\\s" in self._pattern and re.search(rb"[\x1c-\x1f]", data):
            return True
        position = 0
        while position + LONG_BYTES < len(data):
            found = data.rfind(b"\n", position, position + LONG_BYTES + 1)
            if found < 0:
                return True  # a line of which only the beginning counts
            position = found + 1
        return False


def _bytes_pattern(pattern: str, flags: int) -> re.Pattern[bytes] | None:
    """The same expression for whole chunks; None where a chunk's neighbour lines could hide a match."""
    rest = pattern.replace("(?:", "").replace("(?P<", "")
    if not pattern.isascii() or "(?" in rest or re.search(r"\\[AZNuUx0-9]|[*+?}]\+", pattern):
        return None
    try:
        return re.compile(pattern.encode(), flags | re.MULTILINE)
    except re.error:
        return None


def required_literal(pattern: str) -> str:
    """A run of ASCII characters that every match contains, the longest found; '' where none is certain.

    A run must have two characters. Groups, classes and alternatives are not looked into.
    """
    if "|" in pattern or "(?" in pattern:
        return ""
    runs: list[str] = [""]
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        position += 1
        if letter == "\\":
            letter = pattern[position : position + 1]
            position += 1
            if letter.isalnum():
                if letter not in "dDwWsSbBAZ":
                    return ""
                runs.append("")
            else:
                runs[-1] += letter
        elif letter in "*?{":
            runs[-1] = runs[-1][:-1]
            runs.append("")
            bounds = re.compile(r"\d*,?\d*\}").match(pattern, position) if letter == "{" else None
            position = bounds.end() if bounds else position
        elif letter in "([":
            position = _behind(pattern, position, letter)
            runs.append("")
        elif letter in ".^$+)]}" or not letter.isascii():
            runs.append("")
        else:
            runs[-1] += letter
    best = max(runs, key=len)
    return best if len(best) > 1 and best.isascii() else ""


def _behind(pattern: str, position: int, opener: str) -> int:
    """Where the class or group opened just before `position` is over."""
    if opener == "[":
        position += 1 if pattern[position : position + 1] == "^" else 0
        position += 1 if pattern[position : position + 1] == "]" else 0
        while position < len(pattern) and pattern[position] != "]":
            position += 2 if pattern[position] == "\\" else 1
        return position + 1
    while position < len(pattern) and pattern[position] != ")":
        if pattern[position] == "\\":
            position += 2
        elif pattern[position] in "([":
            position = _behind(pattern, position + 1, pattern[position])
        else:
            position += 1
    return position + 1
