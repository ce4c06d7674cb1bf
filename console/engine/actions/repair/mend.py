"""What verify found bad, turned into changes that put the recorded bytes back; what cannot be mended, and why."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from typing import Any

from console.engine.actions.change.model import Change, Left, Row
from console.engine.actions.change.rows import row_of
from console.engine.actions.verify.found import Bad, bad_files, rightly_gone
from console.engine.actions.verify.good import GoodCopies
from console.engine.actions.verify.model import Item, State
from console.engine.context import Context
from console.engine.model import Outcome
from console.engine.transfer.publish import hash_file

# What helps where no place holds the recorded bytes any more.
_HELP = {
    "raw": "have the source system deliver it again; until then its published copy, if there is one, stays",
    "validated": "have its source delivered again and migrate",
    "backups": "the run that kept it can be rolled back without this file only",
    "archive": "ask the source system for it; the manifest of the archive has its checksum",
}


class Mend:
    """The changes. by: the id of the run that does it (for a plan: any). source: raw path of a source with a slash."""

    def __init__(self, ctx: Context, connection: sqlite3.Connection, by: str, source: str = "") -> None:
        self._ctx, self._connection, self._by, self._source = ctx, connection, by, source

    def changes(self) -> Iterator[Change | Left]:
        """Nothing for a file that is whole again, or that no row vouches for any more."""
        good = GoodCopies(self._ctx, self._connection)
        try:
            for bad in bad_files(self._connection, self._source):
                item = self._change(bad, good)
                if item is not None:
                    yield item
        finally:
            good.close()

    def _change(self, bad: Bad, good: GoodCopies) -> Change | Left | None:
        path = self._absolute(bad.path)
        facts: os.stat_result | None = None
        standing = ""
        try:
            facts = os.lstat(path)
            if not stat.S_ISREG(facts.st_mode):
                return Left(bad.subject, bad.path, "no plain file stands there: move it away, then verify again")
            standing = hash_file(path)
        except (FileNotFoundError, NotADirectoryError):
            facts = None
        except OSError as error:
            advice = "see the permissions" if error.errno in (errno.EACCES, errno.EPERM) else "look at the disk"
            return Left(bad.subject, bad.path, f"it cannot be read ({error.strerror}): {advice}, then verify again")
        if standing == bad.expected or not self._still_vouched(bad, facts):
            return None
        source = good.find(bad.zone, bad.path, bad.expected, bad.subject)
        if not source:
            return Left(bad.subject, bad.path, f"{bad.state}, no good copy is left: {_HELP[bad.zone]}")
        # never below the backups: a plain copy of such a folder would put the damage back
        keep = f".opsconsole/runs/{self._by}/kept/{bad.path}" if standing else ""
        rows = self._rows(bad)
        return Change(
            "put",
            bad.path,
            keep,
            source,
            standing,
            bad.expected,
            os.lstat(self._absolute(source)).st_size,
            Outcome.RESTORED,
            bad.subject,
            f"{bad.zone}: {'damaged' if standing else 'missing'}",
            rows,
            self._mode(bad.path, facts),
            self._time(bad, facts, rows),
        )

    def _absolute(self, path: str) -> str:
        return str(self._ctx.workspace.path(path))

    # --- what the ledger says ---------------------------------------------------------------------------

    def _rows(self, bad: Bad) -> list[Row]:
        """Rows that know the file by its inode: they get the new one. A failure that was only the damage goes."""
        rows: list[Row] = []
        tables = {"raw": ("files", "sidecars", "failures"), "validated": ("files",)}.get(bad.zone, ())
        for table in tables:
            row = row_of(self._connection, table, bad.subject)
            if row is None:
                continue
            damage = table == "failures" and row["kind"] == "damaged"
            rows.append((table, bad.subject, None if damage else row))
        return rows

    def _still_vouched(self, bad: Bad, facts: os.stat_result | None) -> bool:
        """Whether the ledger still says that these bytes belong there: a later run may have put others."""
        if facts is None:
            item = Item(bad.zone, bad.path, bad.subject, bad.expected)
            if rightly_gone(self._connection, item):
                return False
        if bad.zone == "validated":
            sums = [row["sha256"] for _, row in self._known(bad.subject) if row["dest"] == bad.path]
        elif bad.zone == "raw":
            known = [*self._known(bad.subject)]
            failure = row_of(self._connection, "failures", bad.subject)
            if failure is not None and failure["sha256"] and (failure["kind"] != "damaged" or not known):
                known = [("failures", failure)]
            sums = [row["sha256"] for _, row in known if facts is None or _same(facts, row)]
        else:
            return True
        return bad.expected in sums

    def _known(self, subject: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for table in ("files", "sidecars"):
            row = row_of(self._connection, table, subject)
            if row is not None:
                yield table, row

    # --- how it will stand ------------------------------------------------------------------------------

    def _mode(self, path: str, facts: os.stat_result | None) -> int:
        """As what stands there; what is missing gets what a new file of its folder would."""
        if facts is not None:
            return stat.S_IMODE(facts.st_mode)
        folder = os.path.dirname(self._absolute(path))
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return stat.S_IMODE(os.stat(folder).st_mode) & 0o666 | 0o600

    def _time(self, bad: Bad, facts: os.stat_result | None, rows: list[Row]) -> int:
        """The time that was recorded, so that the file is the one the ledger knows; else that of what stands there."""
        for table, _, row in rows:
            if row is None:
                continue
            if bad.zone == "validated" and table == "files" and row["dest"] == bad.path:
                return int(row["dest_mtime_ns"])
            if bad.zone == "raw" and row["sha256"] == bad.expected:
                return int(row["mtime_ns"])
        if bad.zone == "archive":
            found = self._connection.execute("SELECT mtime_ns FROM archived WHERE place = ?", [bad.path]).fetchone()
            if found is not None:
                return int(found[0])
        if bad.state == State.DAMAGED and facts is not None:
            return facts.st_mtime_ns
        return -1


def _same(facts: os.stat_result, row: dict[str, Any]) -> bool:
    """A raw file of another identity than at first sight is a new version, and not ours to replace."""
    return (facts.st_size, facts.st_mtime_ns, facts.st_ino) == (row["size"], row["mtime_ns"], row["inode"])
