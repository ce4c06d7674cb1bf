"""Whether another program still writes here: the state file, the validated zone, and who that may be."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime

from console.engine.checks.probes.copies import explained, reconciled
from console.engine.checks.probes.damage import moment_of, since_of
from console.engine.checks.probes.look import Finding, Look, closed, interrupted
from console.engine.checks.probes.suspects import Suspects, suspects
from console.engine.ledger.mirror import read_mirror
from console.engine.ledger.mirror_memory import mirror_path, remembered
from console.engine.ledger.mirror_writer import find_process
from console.engine.model import Check
from console.engine.observe.mirror_alert import FIND_WRITER
from console.engine.observe.reconcile import Line
from console.engine.runs.migration_log import JSON_LOG
from console.engine.runs.query import current_run
from console.engine.text import count, plural

_NAMED = 50
_LINES = 10_000  # of each kind, that a source names
_DIFFERENT = ("altered", "extra", "missing")
_TOLD = b'"Another program writes the state file"'  # the message of a run that found it
_CLAIM = re.compile(r"wrote the state file at (\S+) UTC")
_SEGMENT = re.compile(re.escape(JSON_LOG) + r"(\.\d+)?")


def nobody_else_writes(look: Look, *, since: str) -> Finding:
    """Fails where somebody else has written state file or validated zone since then, or a migrate.py of another program
    runs on this root now; warns where a cron job or timer still names one. By the times of inodes, which no program
    sets at will."""
    moment = since_of(look, since)
    if isinstance(moment, Finding):
        return moment
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    if not look.own and (live := current_run(look.ctx)) is not None:
        return Finding(Check.UNKNOWN, f"run {live.short} is in progress", "wait for it")
    if (anew := _known_since(found)) and anew[0] > moment:
        what = f"what the ledger knows begins with the {anew[1]} of {anew[0]:%Y-%m-%d %H:%M} UTC"
        return Finding(Check.UNKNOWN, f"{what}: who wrote before, nobody can tell", "ask since a later time")
    after = moment.timestamp()
    try:
        state, earlier = _state_file(look, after)
        written, lost, more = _copies(look, after)
    except OSError as error:
        return closed(look, error)
    if look.cancelled():
        return interrupted()
    process = find_process(look.ctx.workspace.root)
    who = suspects(look)
    running = [f"it runs now: {process}"] if process else []
    since_when = f"since {moment:%Y-%m-%d %H:%M} UTC"
    told = [*running, *state, *(f"{line.path}: {line.detail}" for line in written)]
    details = (*told[:_NAMED], *earlier, *(f"{line.path}: gone" for line in lost[:_NAMED]), *who.lines)
    if told:
        named = who.here or who.elsewhere
        by = f"; perhaps {named[0]}" if named and not process else ""
        return Finding(Check.FAIL, f"somebody else wrote here {since_when}: {told[0]}{by}", FIND_WRITER, details)
    if more:
        what = f"{count(more)} more published files are not as they were published, too many to tell since when"
        return Finding(Check.UNKNOWN, what, "`opsconsole verify --repair` puts them back, then look again", details)
    if lost:
        what = f"{plural(len(lost), 'published copy', 'published copies')} gone, nobody can tell whether {since_when}"
        return Finding(Check.UNKNOWN, what, "`opsconsole verify --repair` puts them back, then look again", details)
    return _quiet(who, since_when, details)


def _known_since(connection: sqlite3.Connection) -> tuple[datetime, str] | None:
    """When another program's work was taken over, or the ledger made anew from what lay there, and which of the two."""
    row = connection.execute(
        "SELECT ended_at, action FROM runs WHERE action IN ('adopt', 'state rebuild') AND status IN ('done', 'partial')"
        " ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    moment = moment_of(str(row[0])) if row else None
    return (moment, str(row[1])) if moment else None


def _quiet(who: Suspects, since_when: str, details: tuple[str, ...]) -> Finding:
    said = f"nobody else has written state file or validated {since_when}"
    if who.here:
        more = f" and {count(len(who.here) - 1)} more" if len(who.here) > 1 else ""
        return Finding(Check.WARN, f"{said}; but {who.here[0]}{more}", "take that line out, or stop the timer", details)
    return Finding(Check.PASS, said + (f"; {who.closed}" if who.closed else ""), "", details)


def _state_file(look: Look, after: float) -> tuple[list[str], list[str]]:
    """What somebody else did to the state file: since then, and before."""
    name, connection = look.ctx.settings.state_file, look.connection
    assert connection is not None
    told, earlier = list[str](), list[str]()
    for noted, text in (*_remembered(connection), *_logged(look, after)):
        claim = _CLAIM.search(text)
        wrote = moment_of(claim[1]) if claim else None  # as the other program says itself, in UTC
        late = (wrote or noted).timestamp() >= after
        (told if late else earlier).append(f"{name}: {text}")
    found = read_mirror(look.ctx, connection)
    if found.state == "gone":
        told.append(f"{name} was deleted")
    elif found.state == "edited" and not found.empty:
        facts = os.lstat(mirror_path(look.ctx))
        late = max(facts.st_ctime, facts.st_mtime) >= after
        when = datetime.fromtimestamp(facts.st_ctime, UTC).strftime("%Y-%m-%d %H:%M")
        text = found.foreign_writer or "it was changed by somebody else"
        (told if late else earlier).append(f"{name}, written {when} UTC: {text}")
    return list(dict.fromkeys(told)), list(dict.fromkeys(earlier))


def _remembered(connection: sqlite3.Connection) -> Iterator[tuple[datetime, str]]:
    """What the last run, or the one before it, found: when that ended, and its words."""
    writer = remembered(connection).writer
    if writer:
        row = connection.execute("SELECT ended_at FROM runs WHERE seq = ?", [writer.get("run", 0)]).fetchone()
        yield (moment_of(str(row[0])) if row else None) or datetime.max.replace(tzinfo=UTC), str(writer["text"])


def _logged(look: Look, after: float) -> Iterator[tuple[datetime, str]]:
    """What runs since then have written into the log of it; the ledger forgets it after a run without. Raises OSError
    for a log that cannot be read."""
    folder = look.ctx.workspace.path(look.ctx.settings.log_dir)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for place in (folder / name for name in names if _SEGMENT.fullmatch(name)):
        facts = os.lstat(place)
        if not stat.S_ISREG(facts.st_mode) or facts.st_mtime < after:
            continue
        with open(place, "rb") as log:
            for line in log:
                if look.cancelled():
                    return
                if _TOLD in line and (found := _line(line)) is not None:
                    yield found


def _line(line: bytes) -> tuple[datetime, str] | None:
    try:
        document = json.loads(line)
        when = moment_of(str(document["timestamp"]))
        return (when, str(document["detail"])) if when else None
    except (ValueError, KeyError, TypeError):
        return None


def _copies(look: Look, after: float) -> tuple[list[Line], list[Line], int]:
    """Published files that somebody else wrote since then; and those that are gone from a folder that has changed
    since, by whomever; and how many were not looked at. Raises OSError."""
    written, lost, more = list[Line](), list[Line](), 0
    for source in reconciled(look, _LINES):
        for kind in _DIFFERENT:
            more += max(0, source.counts[kind, "validated"] - _LINES)
        for line in source.lines:
            if line.zone != "validated" or line.kind not in _DIFFERENT:
                continue
            if line.kind == "extra" and explained(look, line):
                continue
            place = look.ctx.workspace.path(line.path)
            try:
                facts = os.lstat(place.parent if line.kind == "missing" else place)
            except FileNotFoundError:
                lost.append(line)
                continue
            if max(facts.st_ctime, facts.st_mtime) >= after:
                (lost if line.kind == "missing" else written).append(line)
    return written, lost, more
