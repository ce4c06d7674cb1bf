"""The ledger's own health: its form, the rows of runs that ended, its copy; and putting right what the copy still has.

What is seen: SQLite's check finds what breaks the form of the file, its indexes or types; the digests find any change
of a run's own row and its outcomes; and a published file's checksum is compared with that of the run that published it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from console.engine.context import Context
from console.engine.ledger.digests import TABLES, broken_digests, digest_of, ledger_problems, run_digest, write_digest
from console.engine.ledger.schema import VERSION
from console.engine.ledger.store import open_writer, transaction, version_of
from console.engine.model import Check
from console.engine.observe.doctor_finding import Finding
from console.engine.observe.report import DIGEST
from console.engine.text import plural
from console.engine.workspace.shared import ensure_shared

PUT_COPY = "put the copy in its place, and keep the damaged one beside it"
TAKE_ROWS = "take its rows from the copy of the ledger"
DIGEST_AGAIN = "write the digest again as its report has it"
TAKE_SUMS = "take the checksums from the runs that published these files"
_SHOWN = 5

# Files whose row and the runs that published them disagree about the bytes. Adopted files have no such run.
_ODD = (
    "SELECT f.path FROM files f WHERE f.status <> 'adopted'"
    " AND EXISTS (SELECT 1 FROM outcomes o WHERE o.path = f.path AND o.dest = f.dest"
    " AND o.outcome IN ('published', 'replaced', 'revalidated', 'sidecar'))"
    " AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.path = f.path AND o.dest = f.dest AND o.sha256 = f.sha256)"
)
# What the newest run that put bytes there says of them.
_SUM = (
    "SELECT o.sha256 FROM outcomes o WHERE o.path = files.path AND o.dest = files.dest AND o.sha256 <> ''"
    " AND o.outcome IN ('published', 'replaced', 'revalidated', 'restored', 'sidecar') ORDER BY o.id DESC LIMIT 1"
)


def odd_rows(connection: sqlite3.Connection) -> list[str]:
    """Raw paths of files whose checksum in the ledger is not the one of any run that published them, at most 1,000."""
    return [str(row[0]) for row in connection.execute(f"{_ODD} ORDER BY f.path LIMIT 1000")]


def _copy(ctx: Context) -> sqlite3.Connection | None:
    """The copy of the ledger, where it is whole and of a version that this program knows."""
    path = ctx.workspace.ledger_backup
    if not path.is_file():
        return None
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        if version_of(connection) == VERSION and not ledger_problems(connection):
            return connection
    except sqlite3.DatabaseError:
        pass
    connection.close()
    return None


def damaged_finding(ctx: Context, text: str, advice: str) -> Finding:
    """The finding for a ledger that cannot be used, with the repair where the copy is whole. advice: by hand."""
    file = str(ctx.workspace.ledger)
    copy = _copy(ctx)
    if copy is None:
        return Finding(Check.FAIL, text, file, advice)
    copy.close()
    return Finding(Check.FAIL, text, file, advice, PUT_COPY, file)


def row_findings(ctx: Context, connection: sqlite3.Connection) -> Iterator[Finding]:
    """Runs whose rows changed since they ended, files whose checksum did."""
    file = str(ctx.workspace.ledger)
    number = 0
    for broken in broken_digests(connection):
        number += 1
        repair = ""
        if _reported(ctx, broken.run) == broken.now:
            repair = DIGEST_AGAIN
        elif (copy := _copy(ctx)) is not None:
            with closing(copy):
                repair = TAKE_ROWS if run_digest(copy, broken.seq) == broken.recorded else ""
        step = "" if repair else "the copy does not have them either; its report still says what it did"
        text = f"rows of run {broken.run} in the ledger changed since it ended"
        yield Finding(Check.FAIL, text, file, step, repair, f"run:{broken.seq}" if repair else "")
    odd = odd_rows(connection)
    if odd:
        names = ", ".join(odd[:_SHOWN]) + (" …" if len(odd) > _SHOWN else "")
        text = f"{plural(len(odd), 'file')} with another checksum in the ledger than any run published: {names}"
        yield Finding(Check.FAIL, text, file, "", "" if number else TAKE_SUMS, "" if number else "files")
    if not number and not odd:
        ended = connection.execute("SELECT count(*) FROM digests").fetchone()[0]
        yield Finding(
            Check.PASS, f"{plural(ended, 'run')} that ended {'has' if ended == 1 else 'have'} their rows still"
        )


def _reported(ctx: Context, run: str) -> str:
    """The digest that the run's report prints, '' for none."""
    try:
        with open(ctx.workspace.run_folder(run) / "report.md", encoding="utf-8", errors="replace") as report:
            for line in report:
                if line.startswith(f"| {DIGEST} |"):
                    return line.partition("`")[2].partition("`")[0]
    except OSError:
        pass
    return ""


# --- doing it ----------------------------------------------------------------------------------------------


def repair_ledger(ctx: Context, finding: Finding) -> str:
    """Do what one of these findings offers; the caller holds the lock. One sentence. Raises OSError."""
    if finding.repair == PUT_COPY:
        return _put_copy(ctx)
    try:
        with closing(open_writer(ctx.workspace.ledger)) as connection:
            if finding.repair == TAKE_SUMS:
                with transaction(connection):
                    number = connection.execute(
                        f"UPDATE files SET sha256 = coalesce(({_SUM}), sha256) WHERE path IN ({_ODD})"
                    ).rowcount
                return f"{plural(number, 'checksum')} taken from the runs"
            seq = int(finding.target.removeprefix("run:"))
            if finding.repair == TAKE_ROWS:
                return _rows(ctx, connection, seq)
            with transaction(connection):
                write_digest(connection, seq)
            return f"the digest of run number {seq} was written again"
    except sqlite3.Error as error:
        return f"could not be done ({error}): {finding.target}"


def _rows(ctx: Context, connection: sqlite3.Connection, seq: int) -> str:
    """The run's rows as the copy has them; nothing is changed unless they then have the recorded digest."""
    copy = _copy(ctx)
    if copy is None:
        return "left alone: the copy of the ledger is not there any more"
    recorded = digest_of(connection, seq)
    with closing(copy), contextlib.suppress(_Differs), transaction(connection):
        for table in TABLES:
            connection.execute(f"DELETE FROM {table} WHERE run = ?", [seq])
        for table, where in (("runs", "seq"), *((name, "run") for name in TABLES)):
            for row in copy.execute(f"SELECT * FROM {table} WHERE {where} = ?", [seq]):
                names = row.keys()
                connection.execute(
                    f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                    list(row),
                )
        if run_digest(connection, seq) != recorded:
            raise _Differs
        return f"the rows of run number {seq} are those of the copy again"
    return f"left alone: the copy has other rows of run number {seq}"


class _Differs(Exception):
    """The rows of the copy are not what was recorded: everything stays as it is."""


def _put_copy(ctx: Context) -> str:
    """The copy becomes the ledger; what was there is kept. Killed anywhere, a ledger lies there."""
    copy, ledger = _copy(ctx), ctx.workspace.ledger
    if copy is None:
        return "left alone: the copy of the ledger is damaged too, or not there"
    copy.close()
    now = ctx.env.now()
    kept = ledger.with_name(f"ledger.damaged-{now:%Y%m%dT%H%M%SZ}.sqlite")
    part = ledger.with_name(ledger.name + ".part")
    part.unlink(missing_ok=True)
    ensure_shared(part)
    shutil.copyfile(ctx.workspace.ledger_backup, part)
    _flush(part)
    for suffix in ("-wal", "-shm"):  # before the ledger: a log of the old one must never meet the new one
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{ledger}{suffix}", f"{kept}{suffix}")
    with contextlib.suppress(FileNotFoundError):
        try:
            os.link(ledger, kept)
        except PermissionError:
            os.rename(ledger, kept)
    taken = datetime.fromtimestamp(ctx.workspace.ledger_backup.stat().st_mtime, UTC)
    os.replace(part, ledger)
    _flush(ledger.parent)
    return (
        f"the copy of {taken:%Y-%m-%d %H:%M} UTC is the ledger now, the damaged one is kept as {kept.name}; what was"
        " published since then is judged again by the next migrate"
    )


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
