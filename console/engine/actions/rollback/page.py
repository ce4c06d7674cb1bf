"""What the ledger says of the files of a run that is taken back, and what became of them since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from console.engine.actions.change.rows import former_rows, rows_of
from console.engine.model import Outcome
from console.engine.settings import Settings
from console.engine.text import on_disk

# Outcomes of which something is left on the disk or in the rows.
UNDOABLE = (
    Outcome.PUBLISHED,
    Outcome.REPLACED,
    Outcome.SIDECAR,
    Outcome.REVALIDATED,
    Outcome.MOVED,
    Outcome.RESTORED,
    Outcome.REMOVED,
    Outcome.ARCHIVED,
    Outcome.RETURNED,
    Outcome.CLEARED,
    Outcome.ENTERED,
    Outcome.MODE,
)
_NO_NAME = (Outcome.REVALIDATED, Outcome.CLEARED, Outcome.ENTERED, Outcome.MODE)
# Those that changed a name on the disk, as SQL.
ON_DISK = ", ".join(f"'{outcome}'" for outcome in UNDOABLE if outcome not in _NO_NAME)
MAIN = ("raw", "published")

OutcomeOf = Mapping[str, Any]  # a row of `outcomes`, places as they are on the disk


def with_names(row: sqlite3.Row) -> OutcomeOf:
    """The row with its places as they are on the disk."""
    found = dict(row)
    found["dest"], found["backup"] = on_disk(found["dest"]), on_disk(found["backup"])
    return found


def place_of(settings: Settings, outcome: str, dest: str) -> str:
    """Which of a file's places an outcome changed: `raw` (or the archive), `published`, or a place where a copy of it
    is kept, by its own name: a repair mends those too."""
    zones = settings.zones
    if outcome in (Outcome.MOVED, Outcome.ARCHIVED, Outcome.RETURNED):
        return "raw"
    if dest.startswith(zones.validated.rstrip("/") + "/"):
        return "published"
    return "raw" if dest.startswith((zones.raw.rstrip("/") + "/", zones.archive.rstrip("/") + "/")) else dest


def places_read(connection: sqlite3.Connection, run: int) -> Iterator[tuple[str, int]]:
    """Where the files are that taking `run` back reads before it changes something, and their bytes, in that order."""
    last = 1 << 62
    while rows := connection.execute(
        f"SELECT id, dest, size FROM outcomes WHERE run = ? AND id < ? AND outcome IN ({ON_DISK}) AND dest <> ''"
        " AND outcome <> 'removed' ORDER BY id DESC LIMIT 1000",
        [run, last],
    ).fetchall():
        yield from ((on_disk(row["dest"]), row["size"]) for row in rows)
        last = rows[-1]["id"]


class _Now:
    """The rows as they are, by table and key; a table is asked when something of it is wanted."""

    def __init__(self, connection: sqlite3.Connection, paths: list[str], held: bool) -> None:
        """held: whether anything is held at all."""
        self._connection, self._paths = connection, paths
        self._tables: dict[str, dict[str, dict[str, Any]]] = {} if held else {"holds": {}}

    def __getitem__(self, table: str) -> dict[str, dict[str, Any]]:
        if table not in self._tables:
            self._tables[table] = rows_of(self._connection, table, self._paths)
        return self._tables[table]


class Page:
    """What the ledger says of the files of some outcomes: a statement for each question, not for each file."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        settings: Settings,
        run: int,
        rows: list[sqlite3.Row],
        *,
        remembered: bool,
        held: bool,
    ) -> None:
        """remembered: whether the run has kept former rows. held: whether anything is held that it did not hold."""
        paths = list({row["path"] for row in rows})
        self.former = former_rows(connection, run, paths) if remembered else {}
        self.now = _Now(connection, paths, held)
        self._remembered = {path for _, path in self.former}
        self.later_of: dict[str, list[tuple[int, int, str]]] = {}
        found = connection.execute(
            "SELECT path, id, run, outcome, dest FROM outcomes WHERE path IN (SELECT value FROM json_each(?))"
            # without a place it was a verdict that went back
            f" AND id > ? AND run <> ? AND outcome IN ({ON_DISK}) AND dest <> '' ORDER BY id",
            [json.dumps(paths), min(row["id"] for row in rows), run],
        )
        for path, number, seq, outcome, dest in found:
            self.later_of.setdefault(path, []).append((number, seq, place_of(settings, outcome, dest)))

    def is_plain(self, row: OutcomeOf) -> bool:
        """Whether this run published the file where nothing stood, and nobody has done anything about it since: as
        nearly always."""
        path = row["path"]
        return (
            row["outcome"] in (Outcome.PUBLISHED, Outcome.SIDECAR)
            and not row["replaced_sha256"]
            and path not in self._remembered
            and path not in self.later_of
            and path not in self.now["holds"]
        )

    def later(self, row: OutcomeOf) -> Iterator[tuple[int, str]]:
        """The runs that changed this file after that outcome, in order, and which of its two places."""
        return ((seq, place) for number, seq, place in self.later_of.get(row["path"], ()) if number > row["id"])


class Way:
    """Where a file came to since the target's change of it: a change leads to a new place, taking one back leads where
    it had come from, and taking that back leads there again."""

    def __init__(self, target: int) -> None:
        self._steps = {target: (0, 1)}
        self._undoes: dict[int, int] = {}
        self._stands = {target: True}
        self._target, self._at = target, 1

    def go(self, run: int, undoes: int) -> None:
        """The next run that changed it; undoes: the run that this one takes back, 0 where it is no rollback."""
        if undoes in self._steps:
            self._steps[run] = (self._steps[undoes][1], self._steps[undoes][0])
        else:
            self._steps[run] = (self._at, len(self._steps) + 1)
        self._undoes[run], self._stands[run] = undoes, True
        self._at = self._steps[run][1]
        stands = False
        while undoes in self._stands:  # what is taken back, what that had taken back, and so on
            self._stands[undoes] = stands
            undoes, stands = self._undoes.get(undoes, 0), not stands

    @property
    def target_stands(self) -> bool:
        return self._stands[self._target]

    @property
    def leader(self) -> int:
        """The run that led to where it is now; 0 where that is the target's own place, or the one before it."""
        if self._at in (0, 1):
            return 0
        return next(run for run, (_, to) in self._steps.items() if to == self._at)
