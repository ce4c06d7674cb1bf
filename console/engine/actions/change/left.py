"""Why something is left alone: what stands there is not what was recorded."""

from __future__ import annotations

from console.engine.actions.change.model import Change
from console.engine.transfer.publish import LINK, OTHER


class NotAsRecorded(Exception):
    """What stands there, or what was to be put there, is not what the ledger says. Nothing was done."""


def touched(stands: str, expected: str, *, raw: bool = False) -> str:
    """Why something is left alone where `stands` (see transfer.publish.standing) is not what is expected. raw: it was
    read a moment ago, and nobody changes what lies there: the disk gave other bytes."""
    if not stands:
        return "it is gone, and no run took it"
    if not expected:
        return "something stands there by now"
    if raw and stands not in (LINK, OTHER):
        return "Checksum mismatch: it does not have the bytes that were recorded"
    if stands == LINK:
        return "a link stands there now, no run put it"
    return "no file stands there any more" if stands == OTHER else "somebody changed it since, no run of ours"


def not_recorded(change: Change) -> NotAsRecorded:
    """For a change whose source does not have its bytes."""
    return NotAsRecorded(f"{change.source} does not have the bytes that were recorded")
