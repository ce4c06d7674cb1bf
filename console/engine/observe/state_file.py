"""What somebody else did to the state file, found by reading all of it: seconds for a large one, never cheap.

`overview` knows by stat alone that it is not the version we left; this says what is different and who wrote it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from console.engine.context import Context
from console.engine.errors import EngineError, MirrorError
from console.engine.ledger.mirror import MirrorDifference, read_mirror
from console.engine.ledger.store import reading
from console.engine.model import Identity, RunStatus
from console.engine.observe.alerts import Alert, Cause
from console.engine.observe.overview import Overview, state_file_identity
from console.engine.text import count, plural

_NAMED = 50  # entries of each kind that are named
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class StateFileLook:
    """identity: what stat said before it was read. alert: None where its content is what the ledger says."""

    identity: Identity | None
    alert: Alert | None


def look_at_state_file(ctx: Context) -> StateFileLook:
    """Read the state file and compare it with the ledger. Changes nothing; raises nothing that an alert can say."""
    identity = state_file_identity(ctx)
    try:
        with reading(ctx.workspace.ledger) as connection:
            found = read_mirror(ctx, connection)
    except MirrorError as error:
        return StateFileLook(identity, _broken(ctx, error))
    except EngineError as error:
        return StateFileLook(identity, Alert(error.what, error.next_step, Cause.STATE_FILE))
    return StateFileLook(identity, _different(ctx, found))


def _broken(ctx: Context, error: MirrorError) -> Alert:
    """Line and column, and each way to repair it."""
    ways = error.next_step.split("; or ")
    where = f"{error.file or ctx.settings.state_file}: {error.what}"
    details = (
        "No action that changes anything runs until it parses again; it is never taken for empty.",
        "Reading goes on.",
        *(f"  {way}" for way in ways),
    )
    return Alert(where, ways[0], Cause.STATE_FILE, details=details)


def _different(ctx: Context, found: MirrorDifference) -> Alert | None:
    name = ctx.settings.state_file
    if found.state == "gone":
        return Alert(
            f"{name} was deleted: {plural(len(found.gone), 'file')} count as not processed",
            "`opsconsole migrate` judges them again and rewrites nothing that is the same",
            Cause.STATE_FILE,
        )
    if found.foreign_writer:
        return Alert(
            _TIME.sub(r"\1 \2", found.foreign_writer) + f" ({_in_short(found)})",
            "look for it in `crontab -l` of every user; the next migrate compares what it published",
            Cause.STATE_FILE,
            details=tuple(_named(found)),
        )
    if found.restored_run:
        return Alert(
            f"an older {name} was put back, that of run number {found.restored_run}",
            "the next migrate judges again what that one does not name",
            Cause.STATE_FILE,
            details=tuple(_named(found)),
        )
    if found.state != "edited" or found.empty:
        return None
    return Alert(
        f"{name} was edited: {_in_short(found)}",
        "the next migrate takes it into account, entry by entry",
        Cause.STATE_FILE,
        details=tuple(_named(found)),
    )


def _kinds(found: MirrorDifference) -> list[tuple[str, str, tuple[str, ...]]]:
    """(word, what becomes of them, paths) for each kind of entry that differs."""
    refused = tuple(f"{path}: {why}" for path, why in found.refused)
    return [
        ("taken out", "count as not processed, and are judged again", found.gone),
        ("added", "adopted where the bytes match", tuple(entry.path for entry in found.added)),
        ("altered", "not believed, and written back", found.altered),
        ("not understood", "left as they are", refused),
    ]


def _in_short(found: MirrorDifference) -> str:
    """`12 entries added, 3 altered`."""
    parts: list[str] = []
    for word, _, paths in _kinds(found):
        if paths:
            parts.append(f"{count(len(paths)) if parts else plural(len(paths), 'entry', 'entries')} {word}")
    return ", ".join(parts) or "no entry is different"


def _named(found: MirrorDifference) -> list[str]:
    lines = []
    for word, becomes, paths in _kinds(found):
        if paths:
            lines.append(f"{plural(len(paths), 'entry', 'entries')} {word}: {becomes}")
            lines += [f"  {path}" for path in paths[:_NAMED]]
            lines += [f"  and {count(len(paths) - _NAMED)} more"] if len(paths) > _NAMED else []
    return lines


def with_state_file(seen: Overview, look: StateFileLook | None) -> Overview:
    """The overview with what the state file was found to be, in place of what stat alone could say.

    A last run that was refused because of the same state file is not a second alert.
    """
    if look is None or seen.state_file is None or (look.alert is None and look.identity != seen.state_file):
        return seen  # a file that goes on changing is as it was found last
    alerts = [look.alert if alert.cause == Cause.STATE_FILE else alert for alert in seen.alerts]
    last = seen.last_run
    stopped = last is not None and last.status in (RunStatus.REFUSED, RunStatus.FAILED)
    said = look.alert is not None and last is not None and stopped and "state file" in last.message
    if look.alert is not None and look.alert not in alerts:
        alerts.append(look.alert)
    kept = [alert for alert in alerts if alert is not None and not (said and alert.cause == Cause.LAST_RUN)]
    return replace(seen, alerts=tuple(kept))
