"""One regular expression over blocks of a log, in a helper process that lives as long as a filter.

A typed pattern may take for ever, and `re` cannot be interrupted in this process. logs_regex's helper goes through a
range of a file once; a filter asks again for every page and whatever is added, so this one stays and is handed the
bytes. An alarm ends it when one block takes too long. Standard library only, as it runs without site-packages.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from console.engine.observe.logs_lines import Chunk
from console.engine.observe.logs_regex import Matcher, TooSlowError

SECONDS = 1.0  # for one block
_SLACK = 5.0  # seconds more until a helper that does not answer counts as dead
_START = "import sys; sys.path.insert(0, sys.argv[1]); from {0} import serve; serve()"


class Helper:
    """Used by one thread. Started at its first use; `close` when it is needed no more."""

    def __init__(self, pattern: str, ignore_case: bool, seconds: float = SECONDS) -> None:
        self._task = json.dumps([pattern, ignore_case, seconds])
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def starts(self, chunk: Chunk) -> set[int]:
        """Where lines begin, in the file, that match in what LONG_BYTES of them show. Raises TooSlowError."""
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        head = b"%d %d %d %d\n" % (chunk.start, chunk.end, chunk.cut, len(chunk.data))
        try:
            child.stdin.write(head + chunk.data)
            child.stdin.flush()
            return {int(number) for number in self._line(child.stdout.fileno()).split()}
        except (BrokenPipeError, EOFError):
            self.close()
            if child.returncode == -signal.SIGALRM:
                text = f"the expression took longer than {self._seconds:g} s for one block; try a simpler one"
                raise TooSlowError(text) from None
            raise TooSlowError("the expression's helper ended unexpectedly") from None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            root = str(Path(__file__).resolve().parents[3])
            command = [sys.executable, "-I", "-S", "-c", _START.format(__name__), root, self._task]
            try:
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            except OSError as error:
                raise TooSlowError(f"the expression's helper could not start: {error.strerror}") from None
        return self._child

    def _line(self, pipe: int) -> bytes:
        data, end = b"", time.monotonic() + self._seconds + _SLACK
        while not data.endswith(b"\n"):
            if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
                raise EOFError
            part = os.read(pipe, 1 << 20)
            if not part:
                raise EOFError
            data += part
        return data

    def close(self) -> None:
        """End the helper; a later use starts another."""
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None and child.stdout is not None
        if child.poll() is None:
            try:
                child.wait(0.05)  # an alarm may just have ended it: its status is the reason to tell
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for pipe in (child.stdin, child.stdout):
            try:
                pipe.close()
            except OSError:
                continue  # what it had not read yet


def serve() -> None:
    """The child: answers each block with the beginnings of its matching lines, in one line of text."""
    pattern, ignore_case, seconds = json.loads(sys.argv[2])
    matcher = Matcher(pattern, ignore_case)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while head := stdin.readline():
        start, end, cut, length = map(int, head.split())
        chunk = Chunk(start, end, stdin.read(length), cut=bool(cut))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        found = matcher.lines(chunk)
        signal.setitimer(signal.ITIMER_REAL, 0)
        stdout.write(b" ".join(b"%d" % begin for begin, _ in found) + b"\n")
        stdout.flush()
