"""The two logs of a run, in the incumbent's formats: migration.log for people and grep, migration.json for
programs.

Text: `2025-10-30 14:25:12 - migration - INFO - Processing file: <path>`, in the workspace's time zone.
JSON: one object a line; timestamp (UTC, naive, microseconds), level, logger, message, operation, run, file
and further fields, asctime. Both as the incumbent's logger.py writes them, but that its text log names no
file. One record is one line in each: no name or value can forge another.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import orjson

from console.engine.context import Context
from console.engine.environment import Failpoints
from console.engine.errors import RefusedError
from console.engine.ledger.mirror_files import confined_folder, make_folder, open_shared, write_all
from console.engine.settings import Settings
from console.engine.settings.time_zone import find_zone
from console.engine.text import visible
from console.engine.transfer.publish import rename_new

TEXT_LOG = "migration.log"
JSON_LOG = "migration.json"
_FLUSH_BYTES = 512 * 1024  # a batch that logs more than this is written in pieces
_KEPT_LINES = 2_000  # of what could not be written, the newest lines wait for room; the others are lost
_DETAIL = 4_000  # characters of a reason in the text log

Line = tuple[str, str, dict[str, Any]]  # level, message, fields: what `MigrationLog.add` is given

# orjson leaves these as they are; a terminal or a line reader would act on them.
_HIDDEN = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def workspace_zone(settings: Settings) -> tzinfo:
    """The time zone that people read: the configured one, else the server's (/etc/localtime), never $TZ."""
    try:
        return find_zone(settings.time_zone)
    except LookupError:  # checked when the settings were loaded; a log line is not the place to fail
        return UTC


class _LogFile:
    """One log file: appended in whole lines, rotated, never raising."""

    def __init__(self, path: Path, rotate_bytes: int, keep: int, failpoints: Failpoints) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._failpoints = failpoints
        self._descriptor = -1
        self._size = 0
        self.lines: list[bytes] = []  # each with its newline
        self.bytes = 0
        self.dropped = 0  # of all lines so far
        self.reported = 0  # of those, the ones a line in the log tells of
        self.trouble = ""  # the last error

    def add(self, line: bytes) -> None:
        self.lines.append(line)
        self.bytes += len(line)

    def flush(self) -> bool:
        """Write what is buffered. False when the file system refused; the newest lines then wait."""
        try:
            while self.lines:
                self._open()
                taken = self._take()
                if not taken:
                    taken = self._rotate()
                    if not taken:
                        continue
                self._append(b"".join(self.lines[:taken]))
                self.bytes -= sum(map(len, self.lines[:taken]))
                del self.lines[:taken]
        except OSError as error:
            self.trouble = error.strerror or str(error)
            self._close()
            surplus = len(self.lines) - _KEPT_LINES
            if surplus > 0:
                self.bytes -= sum(map(len, self.lines[:surplus]))
                del self.lines[:surplus]
                self.dropped += surplus
            return False
        return True

    def _take(self) -> int:
        """How many of the buffered lines fit before the file must be rotated; one always fits an empty
        file.
        """
        room = self._rotate_bytes - self._size
        if self.bytes <= room:
            return len(self.lines)
        taken = 0
        for line in self.lines:
            room -= len(line)
            if room < 0 and (taken or self._size):
                break
            taken += 1
            if room < 0:
                break
        return taken

    def _open(self) -> None:
        """Have the file open that the name stands for now: it may have been trimmed, moved or removed
        meanwhile.
        """
        if self._descriptor >= 0:
            status = os.fstat(self._descriptor)
            try:
                named = os.lstat(self._path)
                if (named.st_ino, named.st_dev) == (status.st_ino, status.st_dev):
                    self._size = status.st_size
                    return
            except FileNotFoundError:
                pass
            self._close()
        make_folder(self._path.parent)
        try:
            self._descriptor = open_shared(self._path, os.O_RDWR | os.O_APPEND)
        except PermissionError:  # another user's, made narrow: its lines stay whole in the rotated one
            if self._keep < 1 or self._rotate():
                raise
            self._descriptor = open_shared(self._path, os.O_RDWR | os.O_APPEND)
        self._size = os.fstat(self._descriptor).st_size
        if self._size and os.pread(self._descriptor, 1, self._size - 1) != b"\n":
            self._append(b"\n")  # somebody's last line was cut off: ours must not be its end

    def _append(self, data: bytes) -> None:
        """Write whole lines or nothing: what a full disk took of them is taken back."""
        try:
            write_all(self._descriptor, data)
            self._failpoints.reach("log.written")
        except OSError:
            # only what is ours: another program may have appended meanwhile
            size = os.fstat(self._descriptor).st_size
            if self._size < size <= self._size + len(data):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)

    def _rotate(self) -> int:
        """migration.log becomes .1, .1 becomes .2, ...; the oldest goes. Each step is one rename.

        Returns how many lines to write although the file is full: all of them where the folder refuses, else
        0.
        """
        if not os.access(self._path.parent, os.W_OK, effective_ids=True):
            return len(self.lines)
        self._close()
        for number in range(self._keep, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
            try:
                os.replace(newer, older)
            except FileNotFoundError:
                continue
        if self._keep < 1:
            self._path.unlink(missing_ok=True)
        return 0

    def close_segment(self) -> Path | None:
        """What is written so far becomes `.1`, whatever its size; the next line begins a new file.

        Unlike the rotation of a full file it drops none: the segments move up to the first number that is free.
        None where there is no file. Raises OSError; then every segment is still there, under some number.
        """
        self._close()
        if not os.path.lexists(self._path):
            return None
        free = 1
        while os.path.lexists(self._numbered(free)):
            free += 1
        for number in range(free, 0, -1):
            newer = self._numbered(number - 1) if number > 1 else self._path
            if not rename_new(str(newer), str(self._numbered(number))):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self._numbered(number)))
        return self._numbered(1)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def close(self) -> None:
        self.flush()
        self.dropped += len(self.lines)
        self.lines, self.bytes = [], 0
        self._close()


class MigrationLog:
    """The logs of one run. Only the holder of the lock writes them.

    `add` buffers, `flush` writes (call it once a batch). Neither raises when a disk is full or a log is not
    writable: `lost` counts the lines that are missing from a log, and a line says so when writing works
    again. The constructor raises RefusedError when the folder or a log is a link that must not be followed.
    """

    def __init__(self, ctx: Context, run_id: str) -> None:
        folder = confined_folder(ctx.workspace, ctx.settings.log_dir)
        self._now = ctx.env.now
        self._zone = workspace_zone(ctx.settings)
        self._run = run_id
        self._operation = "-".join(run_id.split("-")[1:-1]) or "general"
        logs = ctx.settings.logs
        for name in (TEXT_LOG, JSON_LOG):
            if (folder / name).is_symlink():
                raise RefusedError(
                    f"{ctx.settings.log_dir}/{name} is a link",
                    file=f"{ctx.settings.log_dir}/{name}",
                    untouched="everything",
                    next_step="replace the link by a file, or set log_dir to where logs belong",
                )
        self._text = _LogFile(folder / TEXT_LOG, logs.rotate_bytes, logs.keep, ctx.env.failpoints)
        self._json = _LogFile(folder / JSON_LOG, logs.rotate_bytes, logs.keep, ctx.env.failpoints)
        self._second: tuple[int, ...] = ()
        self._iso = self._asctime = self._moment = ""
        self._closed = False

    @property
    def lost(self) -> int:
        """Lines that one of the two logs will never have."""
        return max(self._text.dropped, self._json.dropped)

    @property
    def trouble(self) -> str:
        """Why writing last failed, in the system's words; '' when it never did."""
        return self._text.trouble or self._json.trouble

    def add(self, level: str, message: str, *, file: str = "", detail: str = "", **fields: Any) -> None:
        """One record. level: INFO, WARNING or ERROR. message: the phrase people grep for, without names in
        it.

        file: path relative to the root. detail: the reason. fields: JSON-able values for the structured log
        only.
        """
        named = {name: text for name, text in (("file", file), ("detail", detail)) if text}
        self.add_block([(level, message, named | fields)])

    def add_block(self, lines: Iterable[Line]) -> None:
        """Records of one moment, each as `add` makes it: file and detail, where there are, come first in its fields."""
        timestamp, asctime = self._stamp(), self._asctime
        for level, message, fields in lines:
            self._text.add(self._text_line(level, message, fields.get("file", ""), fields.get("detail", "")))
            document = {
                "timestamp": timestamp,
                "level": level,
                "logger": "migration",
                "message": message,
                "operation": self._operation,
                "run": self._run,
                **fields,
                "asctime": asctime,
            }
            self._json.add(_json_line(document))
            if self._json.bytes > _FLUSH_BYTES:  # always the larger one
                self.flush()

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Records within have the time of the first one: a batch's are written together."""
        self._moment = self._stamp()
        try:
            yield
        finally:
            self._moment = ""

    def _stamp(self) -> str:
        """The time of a record in UTC; sets what changes once a second only."""
        if self._moment:
            return self._moment
        now = self._now()
        second = (now.second, now.minute, now.hour, now.day, now.month, now.year)
        if second != self._second:
            self._second = second
            self._iso = now.strftime("%Y-%m-%dT%H:%M:%S.")
            self._asctime = now.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")
        return f"{self._iso}{now.microsecond:06d}"

    def _text_line(self, level: str, message: str, file: str, detail: str) -> bytes:
        line = f"{self._asctime} - migration - {level} - {message}"
        if file:
            line = f"{line}: {file}"
        if detail:
            line = f"{line}: {detail[:_DETAIL]}"
        return f"{visible(line)}\n".encode()

    def flush(self) -> None:
        """Write what is buffered."""
        for log in (self._text, self._json):
            if not log.lines and log.dropped == log.reported:
                continue
            if log.flush() and log.dropped > log.reported:
                self._tell_lost(log)

    def _tell_lost(self, log: _LogFile) -> None:
        """One line in the log that lost some, behind the ones that waited."""
        missing = log.dropped - log.reported
        message = f"{missing} log lines were lost"
        timestamp = self._stamp()
        if log is self._text:
            log.add(self._text_line("WARNING", message, "", log.trouble))
        else:
            log.add(
                _json_line(
                    {
                        "timestamp": timestamp,
                        "level": "WARNING",
                        "logger": "migration",
                        "message": message,
                        "operation": self._operation,
                        "run": self._run,
                        "detail": log.trouble,
                        "asctime": self._asctime,
                    }
                )
            )
        if log.flush():
            log.reported = log.dropped
        else:
            log.lines.clear()
            log.bytes = 0

    def close_segment(self, name: str) -> Path | None:
        """Close the log `name` (TEXT_LOG or JSON_LOG) as the segment `.1`; what is buffered goes into it first.

        Returns its path, None where there was no file. Raises OSError.
        """
        self.flush()
        return (self._text if name == TEXT_LOG else self._json).close_segment()

    def close(self) -> None:
        """Write what is left and close. What cannot be written now is lost."""
        if not self._closed:
            self._closed = True
            self.flush()
            self._text.close()
            self._json.close()


def _json_line(document: dict[str, Any]) -> bytes:
    """One JSON object on one line, with every character that hides or steers as \\uXXXX."""
    try:
        line = orjson.dumps(document)
    except TypeError:  # a lone surrogate (a name that is not UTF-8), or a value JSON has no word for
        line = orjson.dumps(_speakable(document))
    if not line.isascii() or b"\x7f" in line:
        # outside strings JSON is ASCII, so every other character may be written as its escape
        line = _HIDDEN.sub(_escape, line.decode()).encode()
    return line + b"\n"  # a copy of the right size: orjson's own is cut from a larger block, and lines are kept


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else "\\u007f"


def _speakable(value: Any) -> Any:
    """A copy of `value` that JSON can say; bytes of a name that are no UTF-8 become `\\xNN` text."""
    if isinstance(value, str):
        return value if value.isascii() else visible(value)
    if isinstance(value, dict):
        return {str(_speakable(str(key))): _speakable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_speakable(item) for item in value]
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return visible(str(value))
