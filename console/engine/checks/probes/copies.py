"""Published copies: there, with the recorded bytes, and written by nobody else."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator

from console.engine.actions.migrate.plan import check_source
from console.engine.actions.verify.found import rightly_gone
from console.engine.actions.verify.model import Item
from console.engine.checks.probes.look import Finding, Look, closed, interrupted, lacking
from console.engine.checks.probes.raw import raw_name
from console.engine.checks.probes.walk import below
from console.engine.model import Check
from console.engine.observe.files_list import storable
from console.engine.observe.reconcile import Source, reconcile
from console.engine.observe.reconcile_hand import by_hand
from console.engine.runs.query import current_run
from console.engine.text import count, plural
from console.engine.transfer.publish import hash_file

_NAMED = 50
_READ = 20  # files of a source that are read again
_PAGE = 1000
_MEND = "`opsconsole verify` reads all, `opsconsole verify --repair` puts back what has a good copy"
_HANDS = ("backup-copied-over", "truncated", "tampered", "deleted", "flat-copies")  # those in the validated zone


# ── published ────────────────────────────────────────────────────────────────────────────────────────────────────


def is_published(look: Look, *, file: str, source: str) -> Finding:
    """One file: passes where its copy stands with the recorded bytes, warns where that is of an older version than
    the raw file. A source: every copy stands with its size, and some of them are read."""
    if not file and not source:
        return lacking("file", "name a file, or a `source`")
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    return _file(look, found, raw_name(look, file)) if file else _source(look, found, source)


def _file(look: Look, connection: sqlite3.Connection, path: str) -> Finding:
    row = connection.execute("SELECT * FROM files WHERE path = ?", [storable(path)]).fetchone()
    explain = f"`opsconsole explain {path}` says why"
    if row is None:
        failed = connection.execute("SELECT kind FROM failures WHERE path = ?", [storable(path)]).fetchone()
        why = f"it fails ({failed[0]})" if failed else "no run has published it"
        return Finding(Check.FAIL, f"{path} is not published: {why}", explain)
    if row["status"] == "held":
        return Finding(Check.FAIL, f"{path} is not published: a rollback took it back and holds it", explain)
    dest = row["dest"]
    try:
        plain = stat.S_ISREG(os.lstat(look.ctx.workspace.path(dest)).st_mode)
        sha256 = hash_file(str(look.ctx.workspace.path(dest))) if plain else ""
    except (FileNotFoundError, NotADirectoryError):
        return Finding(Check.FAIL, f"{dest} is not there", _MEND)
    except OSError as error:
        return closed(look, OSError(error.errno, error.strerror, str(look.ctx.workspace.path(dest))))
    if sha256 != row["sha256"]:
        what = "Checksum mismatch" if plain else "it is no plain file"
        return Finding(Check.FAIL, f"{dest}: {what}, not what was published", _MEND)
    said = f"{dest} stands as it was published at {row['processed_at'][:16].replace('T', ' ')} UTC, {sha256[:12]}"
    try:
        facts = os.lstat(look.ctx.workspace.path(path))
    except OSError:
        return Finding(Check.PASS, said)  # archived, moved, or gone: the copy stays
    same = (facts.st_size, facts.st_mtime_ns) == (row["size"], row["mtime_ns"])
    if not same or row["inode"] not in (facts.st_ino, -1):
        return Finding(Check.WARN, f"{said}; but {path} has changed since", explain)
    return Finding(Check.PASS, said)


def _source(look: Look, connection: sqlite3.Connection, source: str) -> Finding:
    check_source(look.ctx, source)
    total = read = 0
    missing, other = list[str](), list[str]()
    number = connection.execute("SELECT count(*) FROM files WHERE source = ? AND status <> 'held'", [source])
    many = int(number.fetchone()[0])
    for row in _rows(connection, source):
        if look.cancelled():
            return interrupted()
        place, total = look.ctx.workspace.path(row["dest"]), total + 1
        try:
            facts = os.lstat(place)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != row["dest_size"]:
                other.append(f"{row['dest']}: another size than was published")
            elif total * _READ // max(1, many) > (total - 1) * _READ // max(1, many) or many <= _READ:
                read += 1
                if hash_file(str(place)) != row["sha256"]:
                    other.append(f"{row['dest']}: Checksum mismatch")
        except (FileNotFoundError, NotADirectoryError):
            if rightly_gone(connection, Item("validated", row["dest"], row["path"], row["sha256"])):
                total -= 1
            else:
                missing.append(f"{row['dest']}: it is not there")
        except OSError as error:
            return closed(look, OSError(error.errno, error.strerror, str(place)))
    details = tuple([*other, *missing][:_NAMED])
    if missing or other:
        parts = [f"{count(len(missing))} missing"] if missing else []
        parts += [f"{count(len(other))} with other bytes"] if other else []
        return Finding(Check.FAIL, f"{source}: of {plural(total, 'published file')} {', '.join(parts)}", _MEND, details)
    if not total:
        return Finding(Check.FAIL, f"nothing of {source} is published", "`opsconsole migrate`")
    said = f"{source}: {plural(total, 'published file')} there with {'its size' if total == 1 else 'their sizes'}"
    return Finding(Check.PASS, f"{said}, {count(read)} read and equal")


def _rows(connection: sqlite3.Connection, source: str) -> Iterator[sqlite3.Row]:
    last = 0
    while True:
        rows = connection.execute(
            "SELECT id, path, dest, dest_size, sha256 FROM files WHERE source = ? AND status <> 'held' AND id > ?"
            f" ORDER BY id LIMIT {_PAGE}",
            [source, last],
        ).fetchall()
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1]["id"]


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────────


def nothing_by_hand(look: Look) -> Finding:
    """Fails for published copies that somebody changed, cut off, deleted or overwrote by a backup, and for flat copies;
    warns for files there that no run of ours published. Unknown while a run is in progress."""
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    if not look.own and (live := current_run(look.ctx)) is not None:
        return Finding(Check.UNKNOWN, f"run {live.short} is in progress", "wait for it")
    try:
        sources = reconciled(look)
    except OSError as error:
        return closed(look, error)
    if look.cancelled():
        return interrupted()
    hands = by_hand(look.ctx, sources)
    wrong = [hand for hand in hands if hand.kind in _HANDS]
    details = tuple(
        line for hand in hands for line in (hand.sentence, *(f"  {name}" for name in hand.files[:10]), hand.next_step)
    )
    if wrong:
        more = f"; and {count(len(wrong) - 1)} more kinds" if len(wrong) > 1 else ""
        return Finding(Check.FAIL, f"{wrong[0].sentence}{more}", wrong[0].next_step, details)
    extra = [
        line.path
        for source in sources
        for line in source.lines
        if (line.kind, line.zone) == ("extra", "validated") and line.detail != "of another program"
    ]
    copies = sum(source.files["validated"] for source in sources)
    said = f"{plural(copies, 'file')} in {look.ctx.settings.zones.validated}"
    if extra:
        what = f"{said}: {plural(len(extra), 'file')} that no run published: {extra[0]}"
        step = "look whose they are: no run of ours touches what it did not make"
        return Finding(Check.WARN, what, step, (*extra[:_NAMED], *details))
    return Finding(Check.PASS, f"{said}, by size and time as they were published", "", details)


def reconciled(look: Look) -> list[Source]:
    """What `reconcile` says of all sources. Raises OSError where a part of the validated zone cannot be looked into,
    which it passes over; LedgerError, ConfigurationError."""
    for _ in below(look, look.ctx.settings.zones.validated):
        pass
    return list(reconcile(look.ctx, named=100_000, cancelled=look.cancelled))
