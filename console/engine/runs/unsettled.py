"""What a run that died had in hand: its intents name it, and until the next run settles them nobody knows how much of
it was done."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from console.engine.model import RunRow, RunStatus
from console.engine.runs.query import as_it_is
from console.engine.text import plural

# Where each kind of intent has the size of a file, and what tells that something stood there before (publish) or that
# bytes are copied (change): publish.PublishItem, change.model.Change, the items of archive_source.
_NAMED = """SELECT count(*), coalesce(sum(size), 0), coalesce(sum(size * copied), 0) FROM (
  SELECT json_extract(e.value, CASE i.kind WHEN 'publish' THEN '$[5]' WHEN 'change' THEN '$[6]' ELSE '$.size' END) size,
    CASE i.kind WHEN 'publish' THEN json_extract(e.value, '$[6]') <> ''
      WHEN 'change' THEN json_extract(e.value, '$[0]') = 'put' ELSE 0 END copied
  FROM intents i, json_each(i.item) e WHERE i.run = ?)"""


@dataclass(frozen=True, slots=True)
class InHand:
    """What the intents of a run name: files, their bytes, and the bytes of those that replace something."""

    files: int = 0
    bytes: int = 0
    replaced: int = 0

    @property
    def up_to(self) -> str:
        """`up to 2,030 files`."""
        return f"up to {plural(self.files, 'file')}"


def is_unsettled(row: RunRow) -> bool:
    """Whether it died and no later run has settled it: what it did is not known in full."""
    return as_it_is(row).status == RunStatus.INTERRUPTED and not row.ended_at


def in_hand(connection: sqlite3.Connection, seq: int) -> InHand:
    """What this run has begun and nobody has recorded the end of. Nothing where it was settled."""
    return InHand(*connection.execute(_NAMED, [seq]).fetchone())
