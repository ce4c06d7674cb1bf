"""Other programs: what of theirs waits to be adopted, and whether one of them still writes here."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from console.engine.checks.adoption import adoption_item
from console.engine.checks.probes.copies import reconciled
from console.engine.checks.probes.damage import moment_of
from console.engine.checks.probes.look import Finding, Look, closed, interrupted, lacking
from console.engine.checks.probes.suspects import Suspects, suspects
from console.engine.ledger.mirror import read_mirror
from console.engine.ledger.mirror_memory import mirror_path, remembered
from console.engine.ledger.mirror_writer import find_process
from console.engine.model import Check
from console.engine.observe.mirror_alert import FIND_WRITER
from console.engine.observe.others import before
from console.engine.observe.reconcile import Line
from console.engine.runs.query import current_run
from console.engine.text import count, plural

_NAMED = 50


def nothing_to_adopt(look: Look) -> Finding:
    """Fails where a state file names what another program published and nobody has adopted it, where the workspace was
    given back, and where a ledger is half made anew; unknown for files that lie in validated with nothing to say whose
    they are."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    item = adoption_item(look.ctx, look.connection)
    if item.verdict != Check.PASS:
        return Finding(item.verdict, item.evidence, item.next_step)
    if look.connection is None and (there := before(look.ctx)):
        what = f"{plural(there.published, 'file')} in validated, {plural(len(there.backups), 'backup')} of others, and"
        what += " neither ledger nor state file"
        return Finding(Check.UNKNOWN, what, "`opsconsole adopt --dry-run`; `opsconsole state rebuild --dry-run`")
    return Finding(Check.PASS, item.evidence)


# ── a foreign writer ─────────────────────────────────────────────────────────────────────────────────────────────


def nobody_else_writes(look: Look, *, since: str) -> Finding:
    """Fails where somebody else has written state file or validated zone since then, or a migrate.py of another program
    runs on this root now; warns where a cron job or timer still names one. By the times of inodes, which no program
    sets at will."""
    if not since:
        return lacking("since", "a time, UTC")
    moment = moment_of(since)
    if moment is None:
        return Finding(
            Check.UNKNOWN, f"the parameter `since` is {since!r}, which is no time", "write 2026-03-01T03:12Z"
        )
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    if not look.own and (live := current_run(look.ctx)) is not None:
        return Finding(Check.UNKNOWN, f"run {live.short} is in progress", "wait for it")
    after = moment.timestamp()
    try:
        state, earlier = _state_file(look, after)
        written, lost = _copies(look, after)
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
        by = f"; perhaps {who.here[0]}" if who.here and not process else ""
        return Finding(Check.FAIL, f"somebody else wrote here {since_when}: {told[0]}{by}", FIND_WRITER, details)
    if lost:
        what = f"{plural(len(lost), 'published copy', 'published copies')} gone, nobody can tell whether {since_when}"
        return Finding(Check.UNKNOWN, what, "`opsconsole verify --repair` puts them back, then look again", details)
    return _quiet(who, since_when, details)


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
    writer = remembered(connection).writer
    if writer:
        row = connection.execute("SELECT ended_at FROM runs WHERE seq = ?", [writer.get("run", 0)]).fetchone()
        ended = moment_of(str(row[0])) if row and row[0] else None
        late = ended is None or ended.timestamp() >= after
        (told if late else earlier).append(f"{name}: {writer['text']}")
    found = read_mirror(look.ctx, connection)
    if found.state == "gone":
        told.append(f"{name} was deleted")
    elif found.state == "edited" and not found.empty:
        facts = os.lstat(mirror_path(look.ctx))
        late = max(facts.st_ctime, facts.st_mtime) >= after
        when = datetime.fromtimestamp(facts.st_ctime, UTC).strftime("%Y-%m-%d %H:%M")
        text = found.foreign_writer or "it was changed by somebody else"
        (told if late else earlier).append(f"{name}, written {when} UTC: {text}")
    return told, earlier


def _copies(look: Look, after: float) -> tuple[list[Line], list[Line]]:
    """Published files that somebody else wrote since then; and those that are gone from a folder that has changed
    since, by whomever. Raises OSError."""
    written, lost = list[Line](), list[Line]()
    for source in reconciled(look):
        for line in source.lines:
            if line.zone != "validated" or line.kind not in ("altered", "extra", "missing"):
                continue
            place = look.ctx.workspace.path(line.path)
            try:
                facts = os.lstat(place.parent if line.kind == "missing" else place)
            except FileNotFoundError:
                lost.append(line)
                continue
            if max(facts.st_ctime, facts.st_mtime) >= after:
                (lost if line.kind == "missing" else written).append(line)
    return written, lost
