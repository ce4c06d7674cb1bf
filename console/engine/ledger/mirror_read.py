"""Reading the state file in constant memory: entries one by one, with line and column of the first error.

Form (the incumbent's): {"processed_files": {<source path>: {"checksum", "processed_at", "dest_path",
"metadata": {"size_bytes", "modified_timestamp", "checksum"}, "validation_info": {...}}}, "last_updated":
<naive UTC time>}. The standard library's scanner runs over windows of the text; a window grows only for a
value that crosses its end.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from console.engine.errors import MirrorError
from console.engine.settings import Settings

_WINDOW = 1 << 18  # bytes read at a time
_VALUE_LIMIT = 1 << 24  # characters of one entry
_BLANK = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class MirrorEntry:
    """One entry of the state file. path and dest relative to the root; sizes in bytes; times as written
    there.
    """

    path: str
    dest: str
    checksum: str
    processed_at: str
    size: int
    modified: float  # seconds since the epoch
    format: str = ""
    records: int = 0
    columns: tuple[str, ...] | None = None  # CSV only


class Outside(ValueError):
    """A path that leads out of the workspace, or is none."""


def fold(given: str, root: str, zones: tuple[str, ...] = ()) -> str:
    """A path as the state file spells it (relative, absolute, with doubled slashes or dots), relative to
    `root`.

    zones: those that the configuration names by an absolute path; a path in one of them stays absolute, as
    the ledger has it. Raises Outside.
    """
    if not given or "\0" in given or not _encodable(given):
        raise Outside("is not a path")
    path = posixpath.normpath(given)
    if path.startswith("/"):
        path = "/" + path.lstrip("/")
        if any(path.startswith(zone.rstrip("/") + "/") for zone in zones):
            return path
        if not path.startswith(root.rstrip("/") + "/"):
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if not path.startswith(root.rstrip("/") + "/"):
            raise Outside("leads out of the workspace")
        path = path[len(root.rstrip("/")) + 1 :]
    if path in (".", "..") or path.startswith("../"):
        raise Outside("leads out of the workspace")
    return path


def absolute_zones(settings: Settings) -> tuple[str, ...]:
    """The zones of the state file's paths that the configuration names by an absolute path."""
    return tuple(zone for zone in (settings.zones.raw, settings.zones.validated) if zone.startswith("/"))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_entry(path: str, value: Any, root: str, zones: tuple[str, ...] = ()) -> MirrorEntry:
    """The value behind one key (already folded to `path`). Raises ValueError with what is wrong with it."""
    if not isinstance(value, dict):
        raise ValueError("is not an object")
    metadata, info = value.get("metadata"), value.get("validation_info")
    if not isinstance(metadata, dict) or not isinstance(info, dict):
        raise ValueError("has no metadata or no validation_info")
    checksum, dest, processed_at = value.get("checksum"), value.get("dest_path"), value.get("processed_at")
    if not isinstance(checksum, str) or not re.fullmatch("[0-9a-f]{64}", checksum):
        raise ValueError("has no SHA-256 checksum")
    if metadata.get("checksum") != checksum:
        raise ValueError("has two different checksums")
    if not isinstance(dest, str):
        raise ValueError("has no dest_path")
    size, modified = metadata.get("size_bytes"), metadata.get("modified_timestamp")
    if type(size) is not int or not 0 <= size < 2**63:
        raise ValueError("has no size_bytes")
    if isinstance(modified, bool) or not isinstance(modified, int | float):
        raise ValueError("has no modified_timestamp")
    records, columns = info.get("record_count", 0), info.get("columns")
    if type(records) is not int or not 0 <= records < 2**63:
        raise ValueError("has a record_count that is no number")
    if columns is not None and not (isinstance(columns, list) and all(isinstance(c, str) for c in columns)):
        raise ValueError("has columns that are no names")
    return MirrorEntry(
        path,
        fold(dest, root, zones),
        checksum,
        ledger_time(processed_at),
        size,
        float(modified),
        str(info.get("format", "")),
        records,
        None if columns is None else tuple(columns),
    )


def ledger_time(text: Any) -> str:
    """A naive UTC time of the state file as the ledger writes times. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("has no processed_at")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("has a processed_at that is no time") from None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Enough(Exception):
    """A reader that may only take the first window has taken it."""


class MirrorReader:
    """Iterates over (key, value) of processed_files. After the last one `sha256` and `last_updated` are
    known.

    Raises MirrorError with line and column (1-based, in characters), OSError when the file cannot be read.
    """

    def __init__(self, descriptor: int, name: str, *, first_window: bool = False) -> None:
        """first_window: raise Enough where more than that would have to be read."""
        self._descriptor = descriptor
        self._only_first = first_window
        self._name = name
        self._digest = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
        self._text = ""
        self._at = 0
        self._end = False
        self._line = 1  # of the first character of _text
        self._column = 1
        self.last_updated: Any = None
        self.read = 0  # bytes

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        found = False
        for key in self._keys():
            if key != "processed_files":
                value = self._value()
                if key == "last_updated":
                    self.last_updated = value
                continue
            if found:
                self._fail("processed_files is there twice")
            found = True
            for path in self._keys():
                yield path, self._value()
        if self._peek():
            self._fail("something follows after the end")
        if not found:
            self._fail("there is no processed_files in it")

    def _keys(self) -> Iterator[str]:
        """The keys of the object that begins here; the caller takes the value after each."""
        if self._peek() != "{":
            self._fail("an object must begin here")
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                self._fail("a name in double quotes must be here")
            key = self._value()
            if self._peek() != ":":
                self._fail("a colon must be here")
            self._at += 1
            self._peek()
            yield key
            following = self._peek()
            if following not in (",", "}"):
                self._fail("a comma or a closing brace must be here")
            self._at += 1
            if following == "}":
                return

    def _peek(self) -> str:
        """The next character that is not blank, '' at the end; stays before it."""
        while True:
            match = _BLANK.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._end:
                return ""
            self._more(_WINDOW)

    def _value(self) -> Any:
        """The JSON value that begins here."""
        window = _WINDOW
        while True:
            message, place = "the value does not end", self._at
            try:
                if self._text.startswith('"', self._at):
                    value, end = scanstring(self._text, self._at + 1, True)
                else:
                    value, end = self._scan(self._text, self._at)
                # a number may go on behind the end of the window
                if end < len(self._text) or self._end:
                    self._at = end
                    return value
            except StopIteration as error:
                message, place = "a value must be here", error.value
            except json.JSONDecodeError as error:
                message, place = error.msg, error.pos
            except (ValueError, RecursionError):
                message = "the value is nested too deep or its number is too long"
            if self._end or len(self._text) - self._at > _VALUE_LIMIT:
                self._fail(message, place)
            self._more(window)
            window *= 2

    def _more(self, size: int) -> None:
        """Drop what was taken, read on."""
        if self._only_first and self.read >= _WINDOW:
            raise Enough
        taken = self._text[: self._at]
        self._line, self._column = self._place(self._at)
        self._text = self._text[len(taken) :]
        self._at = 0
        data = os.read(self._descriptor, size)
        self._digest.update(data)
        self.read += len(data)
        try:
            self._text += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            # what came before the bad byte counts, so that the place is right
            self._text += error.object[: error.start].decode("utf-8", "replace")
            self._fail("not UTF-8", len(self._text))
        self._end = not data

    def _place(self, at: int) -> tuple[int, int]:
        """Line and column of a place in the window."""
        lines = self._text.count("\n", 0, at)
        if not lines:
            return self._line, self._column + at
        return self._line + lines, at - self._text.rfind("\n", 0, at)

    def _fail(self, what: str, at: int | None = None) -> NoReturn:
        line, column = self._place(self._at if at is None else min(at, len(self._text)))
        raise MirrorError(
            f"the state file does not parse at line {line}, column {column}: {what}",
            file=self._name,
            line=line,
            column=column,
        )
