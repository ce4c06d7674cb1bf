"""What all readers are told, and what they do first: byte order marks, foreign encodings, empty files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from console.engine.records.events import Broken, Event, Note, fault
from console.engine.records.proof import proven
from console.engine.records.strict import StrictDecoder
from console.engine.records.window import Window
from console.engine.settings.model import Settings

CHUNK = 1 << 20  # bytes of whole records parsed at once: the objects stay in the processor's cache
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
# Byte order marks of encodings that are not UTF-8, the longer first.
_FOREIGN = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How records are read.

    record_bytes: a larger record is an error. nesting: levels a record may have, itself counted.
    duplicates: error | warn | off. chunk: bytes parsed at once, at most half of a record's limit, so that no
    record of a chunk can be too large. exact: bytes that the exact reader decodes at a time.
    """

    record_bytes: int
    nesting: int
    duplicates: str
    chunk: int
    exact: int

    @staticmethod
    def of(settings: Settings, chunk: int = CHUNK) -> Reading:
        limits = settings.limits
        chunk = max(1, min(chunk, limits.record_bytes // 2))
        return Reading(limits.record_bytes, limits.nesting, settings.duplicate_keys, chunk, max(16, chunk // 64))

    def proves(self, text: bytes, parsed: Any) -> bool:
        """Whether `text`, which orjson read as `parsed`, is proven to say that and nothing more; see `proven`."""
        return proven(text, parsed, duplicates=self.duplicates != "off", nesting=self.nesting)

    def decoder(self) -> StrictDecoder:
        return StrictDecoder(self.duplicates, self.nesting)


def begin(window: Window) -> Iterator[Event]:
    """Look at the first bytes: step over a BOM and note it, name a foreign encoding, find the file empty.

    After a Broken there is nothing to read.
    """
    window.fill(4)
    head = window.data[:4]
    foreign = next((name for mark, name in _FOREIGN if head.startswith(mark)), "")
    if not foreign and len(head) > 1 and (head[0] == 0) != (head[1] == 0):
        foreign = "UTF-16 without a byte order mark"
    if foreign:
        yield Broken(1, fault("utf-8", f"it is {foreign}, not UTF-8: have it converted"))
        return
    if head.startswith(_BOM):
        window.drop(len(_BOM))
        yield Note("BOM")
    while True:  # leading blank lines are dropped in blocks: a file of nothing else stays cheap
        window.fill(1)
        if not window.data:
            what = "the file is empty" if window.offset in (0, len(_BOM)) else "the file holds nothing but white space"
            yield Broken(1, fault("empty-file", what))
            return
        if window.data.strip(_SPACE):
            return
        window.drop(len(window.data))
