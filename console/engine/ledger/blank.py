"""A ledger file in which nothing was ever recorded, as the first run leaves it where it is killed or the disk is full.

It counts as no ledger yet, and the next run makes it. What lies beside it tells it from one that was emptied.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

COPY = "ledger.backup.sqlite"  # beside the ledger, made after each run
ONE_PAGE = 8192  # bytes of the largest file that may hold nothing: SQLite's first page, as a new ledger has it
_RECORDED = ("report.md", "plan.json")  # in a run's folder; written after the run's row in the ledger
_RESERVES = ("reserve", "reserve.inodes")  # taken by a run that has its row
_LOG_HEADER, _FRAME_HEADER = 32, 24  # bytes; sqlite.org/fileformat2.html, "The Write-Ahead Log"


def had_content(ledger: Path) -> str:
    """What speaks for it that the ledger had something in it, in words; '' for nothing.

    A run's folder by itself says nothing: it is made before the ledger. The log is one that SQLite has not read.
    """
    folder = ledger.parent
    if os.path.lexists(folder / COPY):
        return f"a backup copy of it, {COPY}"
    if _has_commit(Path(f"{ledger}-wal")):
        return f"its log, {ledger.name}-wal, with records in it"
    if name := next((name for name in _names(folder / "runs") if was_recorded(folder / "runs" / name)), ""):
        return f"what run {name} recorded"
    if _names(folder / "checkpoints"):
        return "checkpoints of it"
    if any(os.path.lexists(folder / name) for name in _RESERVES):
        return "the reserve of an earlier run"
    return ""


def was_recorded(run: Path) -> bool:
    """Whether the run of this folder came so far that the ledger had a row of it."""
    return any(os.path.lexists(run / name) for name in _RECORDED)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _has_commit(log: Path) -> bool:
    """Whether a whole commit is in this log. A frame of an earlier use of the file has other salts."""
    try:
        with open(log, "rb", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            header = file.read(_LOG_HEADER)
            if len(header) < _LOG_HEADER:
                return False
            page, salts = struct.unpack(">I", header[8:12])[0], header[16:24]
            at, step = _LOG_HEADER, _FRAME_HEADER + page
            while at + step <= length:
                file.seek(at)
                frame = file.read(_FRAME_HEADER)
                if frame[8:16] != salts:
                    return False
                if frame[4:8] != b"\0\0\0\0":  # the size after a commit; 0 in the frames before it
                    return True
                at += step
    except OSError:
        pass
    return False
