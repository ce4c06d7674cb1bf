"""What somebody else did to the state file, found by reading all of it: seconds for a large one, never cheap.

`overview` knows by stat alone that it is not the version we left; this says what is different and who wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from console.engine.context import Context
from console.engine.errors import EngineError, MirrorError
from console.engine.ledger.mirror import MirrorDifference, read_mirror
from console.engine.ledger.store import reading
from console.engine.model import Identity, RunStatus
from console.engine.observe.alerts import Alert, Cause, short_times
from console.engine.observe.mirror_alert import FIND_WRITER
from console.engine.observe.overview import LOOK_FOR_WRITER, Overview, state_file_identity
from console.engine.text import count, plural

_NAMED = 50  # entries of each kind that are named


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
    return StateFileLook(identity, different(ctx, found))


def _broken(ctx: Context, error: MirrorError) -> Alert:
    """Line and column, and each way to repair it."""
    ways = error.next_step.split("; or ")
    details = (
        f"file: {error.file or ctx.settings.state_file}",
        "It is never taken for empty: until it parses again nothing can be changed. Reading goes on.",
        "",
        "To repair it:" if len(ways) == 1 else "To repair it, either",
        *(f"  {way}" for way in ways),
    )
    return Alert(error.what, "until then nothing can be changed", Cause.BROKEN_STATE_FILE, details=details)


def different(ctx: Context, found: MirrorDifference) -> Alert | None:
    name = ctx.settings.state_file
    if found.state == "gone":
        return Alert(
            f"{name} was deleted: {plural(len(found.gone), 'file')} count as not processed",
            "the next migrate judges them again, and rewrites none",
            Cause.STATE_FILE,
        )
    if found.foreign_writer:
        return Alert(
            f"{short_times(found.foreign_writer)} ({_in_short(found)})",
            LOOK_FOR_WRITER,
            Cause.STATE_FILE,
            details=(FIND_WRITER, "", *_named(found)),
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
        "the next migrate takes it into account",
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
        ("of others taken out", "carried on no longer", found.let_go),
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

    A last run that came to nothing because of the same state file is not a second alert.
    """
    if look is None or seen.state_file is None or (look.alert is None and look.identity != seen.state_file):
        return seen  # a file that goes on changing is as it was found last
    alerts = []
    for alert in seen.alerts:
        if alert.cause != Cause.STATE_FILE:
            alerts.append(alert)
        elif alert.next_step == LOOK_FOR_WRITER:  # whoever writes it was seen, which says more than what was written
            found = look.alert
            if found is None:
                alerts.append(alert)
            elif found.cause == Cause.BROKEN_STATE_FILE:
                alerts += [found, alert]
            else:
                alerts.append(replace(alert, details=found.details))
        elif look.alert is not None:
            alerts.append(look.alert)
    if look.alert is not None and not any(alert.cause in _SAID for alert in alerts):
        alerts.append(look.alert)
    last = seen.last_run
    stopped = last is not None and last.status in (RunStatus.REFUSED, RunStatus.FAILED)
    if look.alert is not None and last is not None and stopped and "state file" in last.message:
        alerts = [alert for alert in alerts if alert.cause != Cause.LAST_RUN]
    return replace(seen, alerts=tuple(alerts))


_SAID = (Cause.STATE_FILE, Cause.BROKEN_STATE_FILE)
