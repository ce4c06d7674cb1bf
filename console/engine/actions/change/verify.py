"""After the changes: whether what was put stands there, and what got another name is still what was read."""

from __future__ import annotations

import os
import stat

from console.engine.actions.change.permissions import permissions_text
from console.engine.model import Check, GateItem
from console.engine.runs.active import ActiveRun
from console.engine.text import on_disk, plural, recordable
from console.engine.transfer.publish import standing


def verify_changes(run: ActiveRun) -> list[GateItem]:
    """Every file that this run put is read again and compared with the checksum that was recorded. One that got another
    name was read just before: it is read again only if anybody may have written into it since.
    """
    root = str(run.ctx.workspace.root)
    unwritten = _Unwritten(run)
    wrong: list[str] = []
    files = moved = 0
    cursor = run.connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute(
        "SELECT outcome <> 'restored', iif(outcome = 'removed', backup, dest), size,"
        " iif(outcome = 'removed', replaced_sha256, sha256) FROM outcomes WHERE run = ? AND"
        " outcome IN ('restored', 'removed', 'archived', 'returned') AND dest <> ''",
        [run.seq],
    )
    for number, (renamed, kept, size, sha256) in enumerate(rows):
        if number % 256 == 0 and run.beat():
            break
        place = on_disk(kept)
        path = place if place.startswith("/") else f"{root}/{place}"
        if renamed and unwritten(path, size):
            moved += 1
            continue
        files += 1
        if run.beat():
            break
        try:
            if standing(path) != sha256:
                wrong.append(recordable(place))
        except OSError:
            wrong.append(recordable(place))
    wrong += _other_permissions(run)
    if wrong:
        return [
            GateItem("checksums", Check.FAIL, False, f"{plural(len(wrong), 'file')} differ: {', '.join(wrong[:5])}")
        ]
    told = f"{plural(files, 'file')} read again: as recorded" if files or not moved else ""
    if moved:
        told += f"{'; ' if told else ''}{plural(moved, 'file')} renamed, not written since they were read"
    return [GateItem("checksums", Check.PASS, False, told)]


_TICK = 50_000_000  # ns: two times of one file system that lie nearer than this may be the wrong way round
_MARGIN = 2_000_000_000  # ns: what the times of two file systems may differ by


class _Unwritten:
    """Whether a file was last written before this run held the lock, by the clock of the file systems."""

    def __init__(self, run: ActiveRun) -> None:
        try:
            facts = os.stat(run.ctx.workspace.holder)
        except OSError:  # it cannot be told: every file is read
            self._device, self._here, self._elsewhere = -1, 0, 0
            return
        self._device = facts.st_dev
        self._here, self._elsewhere = facts.st_mtime_ns - _TICK, facts.st_mtime_ns - _MARGIN

    def __call__(self, path: str, size: int) -> bool:
        try:
            facts = os.lstat(path)
        except OSError:
            return False
        before = self._here if facts.st_dev == self._device else self._elsewhere
        return stat.S_ISREG(facts.st_mode) and facts.st_size == size and facts.st_mtime_ns < before


def _other_permissions(run: ActiveRun) -> list[str]:
    """What has not the permissions that this run gave it last."""
    wrong = []
    rows = run.connection.execute(
        "SELECT dest, sha256 FROM outcomes WHERE run = ? AND outcome = 'mode' AND id IN"
        " (SELECT max(id) FROM outcomes WHERE run = ? AND outcome = 'mode' GROUP BY dest)",
        [run.seq, run.seq],
    )
    for row in rows:
        try:
            if permissions_text(os.lstat(run.ctx.workspace.path(row["dest"]))) != row["sha256"]:
                wrong.append(row["dest"])
        except (FileNotFoundError, PermissionError):
            continue  # gone, or behind a folder that this run has closed again
        except OSError:
            wrong.append(row["dest"])
    return wrong
