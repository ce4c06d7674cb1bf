"""Files that fail and that nobody has answered for."""

from __future__ import annotations

import os
import sqlite3

from console.engine.actions.migrate.plan import check_source
from console.engine.checks.probes.look import Finding, Look
from console.engine.checks.probes.raw import raw_name
from console.engine.model import Check
from console.engine.observe.failures import FailureSelection, matching, path_sets
from console.engine.observe.files_list import ACCEPTED, storable, timestamp
from console.engine.records.words import cause_in_words
from console.engine.text import count, plural

_NAMED = 50


def no_more_fail(look: Look, *, source: str, cause: str, file: str, most: int) -> Finding:
    """Fails where more than `most` files of this source, cause or name fail unanswered. Unknown where the ledger knows
    no such source or file, or a file's newer version was not judged yet."""
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    path = raw_name(look, file) if file else ""
    check_source(look.ctx, source)
    if path and (why := _not_judged(look, found, path)):
        return Finding(Check.UNKNOWN, why, "`opsconsole explain FILE`")
    selection = FailureSelection((path,) if path else (), cause, source, everything=True)
    where, values = matching(look.ctx, selection)
    ((paths, chosen),) = path_sets(selection)
    sql = f"FROM failures x WHERE {where} AND {paths} AND NOT ({ACCEPTED})"
    values = values | chosen | {"now": timestamp(look.now)}
    number = found.execute(f"SELECT count(*) {sql}", values).fetchone()[0]
    causes = found.execute(
        f"SELECT c.cause, count(*) FROM failure_causes c WHERE c.failure IN (SELECT x.id {sql}) GROUP BY c.cause"
        " ORDER BY 2 DESC, 1 LIMIT 20",
        values,
    ).fetchall()
    details = tuple(f"{cause_in_words(str(row[0]))}: {plural(row[1], 'file')}" for row in causes)
    rows = found.execute(f"SELECT x.path, x.kind {sql} ORDER BY x.path LIMIT {_NAMED}", values)
    details += tuple(f"{row[0]}: {row[1]}" for row in rows)
    of = "".join(f", {word} {value}" for word, value in (("source", source), ("cause", cause), ("file", path)) if value)
    said = f"{plural(number, 'file')} {'fails' if number == 1 else 'fail'} unanswered{of}"
    accepted = found.execute(
        f"SELECT count(*) FROM failures x WHERE {where} AND {paths} AND ({ACCEPTED})", values
    ).fetchone()[0]
    said += f"; {count(accepted)} accepted" if accepted else ""
    if number > most:
        step = "`opsconsole failures list`; `opsconsole failures accept` answers for what has to stay so"
        return Finding(Check.FAIL, said, step, details)
    return Finding(Check.PASS, said, "", details)


def _not_judged(look: Look, connection: sqlite3.Connection, path: str) -> str:
    """Why nobody can say whether this file fails; '' where it was judged as it lies there."""
    rows = connection.execute(
        "SELECT size, mtime_ns, inode FROM files WHERE path = ?1"
        " UNION ALL SELECT size, mtime_ns, inode FROM failures WHERE path = ?1",
        [storable(path)],
    ).fetchall()
    if not rows:
        return f"no run has judged {path} yet"
    try:
        facts = os.lstat(look.ctx.workspace.path(path))
    except OSError:
        return ""  # what became of it is not what is asked
    now = (facts.st_size, facts.st_mtime_ns)
    if any((row[0], row[1]) == now and row[2] in (facts.st_ino, -1) for row in rows):
        return ""
    return f"{path} has changed since it was judged"
