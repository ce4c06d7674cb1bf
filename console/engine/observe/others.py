"""What another program left in a workspace, told by a few stats: cheap whatever there is."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from console.engine.actions.adopt.others import walk
from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.ledger.mirror_adopt import needs_adoption
from console.engine.ledger.mirror_memory import mirror_path
from console.engine.observe.alerts import Alert, Cause, Level
from console.engine.text import count, plural

_COUNTED = 1000  # published files that are counted; beyond that there are `or more`
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Before:
    """What stands here of somebody else's, as far as a glance tells.

    entries: of the state file, about; 0: none, or it does not parse. written_at: when that was last written (UTC),
    '' where there is none. published: files of the validated zone, counted to a thousand. backups: names at the top
    of the backup zone that are no run of ours.
    """

    entries: int = 0
    written_at: str = ""
    published: int = 0
    backups: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries or self.published or self.backups)


def before(ctx: Context) -> Before:
    """What is here of another program in a workspace without a ledger. At most one window of the state file is
    read. Raises nothing.
    """
    top = os.path.realpath(ctx.workspace.path(ctx.settings.zones.validated))
    published = sum(1 for _ in islice(walk(top), _COUNTED))
    return Before(needs_adoption(ctx, None), _written_at(ctx), published, foreign_backups(ctx, None))


def _written_at(ctx: Context) -> str:
    try:
        written = os.lstat(mirror_path(ctx)).st_mtime
        return datetime.fromtimestamp(written, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (OSError, EngineError, ValueError, OverflowError):
        return ""


def foreign_backups(ctx: Context, connection: sqlite3.Connection | None) -> tuple[str, ...]:
    """Names at the top of the backup zone that no run of ours made."""
    try:
        names = os.listdir(os.path.realpath(ctx.workspace.path(ctx.settings.zones.backups)))
    except OSError:
        return ()
    runs = set() if connection is None else {row[0] for row in connection.execute("SELECT id FROM runs")}
    return tuple(sorted(name for name in names if name not in runs))


def before_alert(ctx: Context, found: Before) -> Alert:
    """The offer to adopt what is here, in plain words."""
    parts = []
    if found.entries:
        parts.append(f"about {plural(found.entries, 'entry', 'entries')} in {ctx.settings.state_file}")
    if found.published:
        more = " or more" if found.published == _COUNTED else ""
        parts.append(f"{count(found.published)}{more} published {'file' if found.published == 1 else 'files'}")
    if found.backups:
        parts.append(plural(len(found.backups), "backup"))
    written = "; last written" if found.entries and found.written_at else ""
    return Alert(
        f"Another program has worked here, opsconsole never has: {', '.join(parts)}{written}",
        "no byte changes; it can be undone",
        Cause.ADOPTION,
        Level.OFFER,
        found.written_at if written else "",
    )


def adoption_alert(ctx: Context, entries: int) -> Alert:
    """A ledger is there, and entries that it neither wrote nor adopted: an adoption that was cancelled, perhaps."""
    return Alert(
        f"about {plural(entries, 'entry', 'entries')} of {ctx.settings.state_file} wait to be adopted: another program"
        " wrote them",
        "until then nothing is published",
        Cause.ADOPTION,
    )


def others_alert(ctx: Context, connection: sqlite3.Connection) -> Alert | None:
    """One quiet line for all that is not ours and that nobody touches; None where there is nothing."""
    files = connection.execute("SELECT count(*) FROM foreign_files").fetchone()[0]
    entries = connection.execute("SELECT count(*) FROM foreign_entries").fetchone()[0]
    backups = foreign_backups(ctx, connection)
    parts = []
    if files:
        parts.append(plural(files, "file"))
    if entries:
        parts.append(plural(entries, "entry", "entries"))
    if backups:
        parts.append(plural(len(backups), "backup"))
    if not parts:
        return None
    return Alert(
        f"left alone, of another program: {', '.join(parts)}",
        cause=Cause.OTHERS,
        level=Level.NOTE,
        details=tuple(_details(connection, files, entries, backups)),
    )


def _details(connection: sqlite3.Connection, files: int, entries: int, backups: tuple[str, ...]) -> list[str]:
    """What is counted, by name as far as that can be read."""
    lines = []
    for title, number, query in (
        ("published files that no entry names", files, "SELECT path FROM foreign_files ORDER BY path LIMIT ?"),
        (
            "entries of the state file that could not be adopted",
            entries,
            "SELECT path || ': ' || reason FROM foreign_entries ORDER BY path LIMIT ?",
        ),
    ):
        if number:
            lines += [f"{count(number)} {title}", *(f"  {row[0]}" for row in connection.execute(query, [_NAMED]))]
            lines += [f"  and {count(number - _NAMED)} more"] if number > _NAMED else []
    if backups:
        lines += [f"{count(len(backups))} in the backup zone that no run of ours made, never pruned"]
        lines += [f"  {name}" for name in backups[:_NAMED]]
        lines += [f"  and {count(len(backups) - _NAMED)} more"] if len(backups) > _NAMED else []
    return lines
