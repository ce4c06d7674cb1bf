"""A session as one archive for whoever looks into an incident: its report, and what it refers to, and nothing else.

No data file and no configuration goes in: of a file only what the ledger says of it. Names in the archive are made of
ids of ours alone.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from console.engine.context import Context
from console.engine.errors import EngineError, UsageError
from console.engine.ledger.store import reading
from console.engine.observe.logs import workspace_logs
from console.engine.procedures.report import ended_at, incident_markdown, runs_of
from console.engine.procedures.session import Session
from console.engine.transfer.filesystem import in_words

_LOG = 32 << 20  # bytes of log lines
_REPORT = 16 << 20  # bytes of one run's report
_FILES = 10_000  # files whose state is told
_RESULTS = 10_000  # results of checklists
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,120}")
_SLACK = timedelta(seconds=2)  # the log's clock and the session's are read one after the other
_OUTCOMES = "'failed', 'damaged', 'lost', 'changed-while-read', 'changed-since-plan', 'not-tried', 'left-alone'"


def write_bundle(ctx: Context, session: Session, path: Path) -> list[str]:
    """Write the archive (.tar.gz); the names in it. Where something was cut, the last of them is `INCOMPLETE.txt`.

    path: absolute. It is there whole or not at all, its owner's alone, and never over another file. Raises UsageError
    (a place where nothing is saved, a file that is there), EngineError.
    """
    _place(ctx, path)
    part = path.with_name(f".{path.name}.{ctx.env.token(4)}.part")
    try:
        try:
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                names = _write(ctx, session, file)
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)  # unlike a rename, over nobody's file
        finally:
            with suppress(OSError):
                os.unlink(part)
    except FileExistsError:
        raise _there(path) from None
    except OSError as error:
        raise EngineError(
            f"the bundle cannot be written: {in_words(error)}",
            file=str(path),
            untouched="the session, and whatever was there before",
            next_step="name another place",
        ) from error
    return names


def _there(path: Path) -> UsageError:
    return UsageError("there is such a file already", file=str(path), untouched="that file", next_step="another name")


def _place(ctx: Context, path: Path) -> None:
    """Raises UsageError for a place that is the pipeline's."""
    zones = [ctx.workspace.path(getattr(ctx.settings.zones, field.name)) for field in fields(ctx.settings.zones)]
    folders = [ctx.workspace.path("data"), ctx.workspace.path("config"), ctx.workspace.path(ctx.settings.log_dir)]
    where = os.path.realpath(path.parent)
    for kept in (ctx.workspace.private, *folders, *zones):
        if Path(where).is_relative_to(os.path.realpath(kept)):
            raise UsageError(
                "no bundle is kept there: what lies there is data to the pipeline",
                file=str(path),
                untouched="everything",
                next_step="name a place outside of data, logs and configuration",
            )
    if os.path.lexists(path):
        raise _there(path)


def _write(ctx: Context, session: Session, file: io.BufferedWriter) -> list[str]:
    names: list[str] = []
    cut: list[str] = []
    top = session.id if _ID.fullmatch(session.id) else "session"
    now = int(ctx.env.now().timestamp())
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=now) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, data in _members(ctx, session, cut):
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size, info.mode, info.mtime = len(data), 0o600, now
            archive.addfile(info, io.BytesIO(data))
            names.append(info.name)
    return names


def _members(ctx: Context, session: Session, cut: list[str]) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of everything. cut: what was left out, said at the end."""
    yield "report.md", "".join(f"{line}\n" for line in incident_markdown(ctx, session)).encode("utf-8", "replace")
    runs = [run for run in runs_of(session) if _ID.fullmatch(run)]
    for run in runs:
        report = _report(ctx, run, cut)
        if report:
            yield f"runs/{run}.md", report
    try:
        with reading(ctx.workspace.ledger) as connection:
            if connection is not None:
                yield from _of_ledger(ctx, connection, session, runs, cut)
    except (EngineError, sqlite3.Error) as error:
        cut.append(f"checklists.jsonl, files.jsonl: the ledger cannot be read: {error}")
    lines = b"".join(_log_lines(ctx, session, runs, cut))
    if lines:
        yield "log.jsonl", lines
    if cut:
        yield "INCOMPLETE.txt", "".join(f"{line}\n" for line in cut).encode("utf-8", "replace")


def _report(ctx: Context, run: str, cut: list[str]) -> bytes:
    """A run's report as it was written; no link is followed."""
    path = ctx.workspace.run_folder(run) / "report.md"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return b""
            data = file.read(_REPORT + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        cut.append(f"runs/{run}.md: {in_words(error)}")
        return b""
    if len(data) > _REPORT:
        cut.append(f"runs/{run}.md: only its first {_REPORT >> 20} MiB")
    return data[:_REPORT]


# ── what the ledger says ─────────────────────────────────────────────────────────────────────────────────────────


def _of_ledger(
    ctx: Context, connection: sqlite3.Connection, session: Session, runs: list[str], cut: list[str]
) -> Iterator[tuple[str, bytes]]:
    results = _results(ctx, connection, session, cut)
    if results:
        yield "checklists.jsonl", _lines(results)
    files = _files(connection, session, runs, cut)
    if files:
        yield "files.jsonl", _lines(files)


def _lines(rows: list[dict[str, object]]) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _results(ctx: Context, connection: sqlite3.Connection, session: Session, cut: list[str]) -> list[dict[str, object]]:
    """Results of checklists and sign-offs of that time."""
    since, until = _span(ctx, session)
    between = [since.strftime("%Y-%m-%dT%H:%M:%S"), until.strftime("%Y-%m-%dT%H:%M:%S.999999Z"), _RESULTS + 1]
    found: list[dict[str, object]] = []
    for table, columns in (
        ("checklist_results", "at, by, list, item, verdict, evidence, next_step, details"),
        ("signoffs", "at, by, kind, item, note"),
    ):
        rows = connection.execute(
            f"SELECT {columns} FROM {table} WHERE at >= ? AND at <= ? ORDER BY at LIMIT ?", between
        ).fetchall()
        if len(rows) > _RESULTS:
            cut.append(f"checklists.jsonl: only the first {_RESULTS:,} of {table}")
        found += [{"table": table, **dict(row)} for row in rows[:_RESULTS]]
    return found


_FILE = """
SELECT :path AS path, f.status, f.dest, f.size, f.sha256, f.processed_at, f.records, r.id AS published_by,
 u.fingerprint AS rule, v.state AS verified, v.at AS verified_at, v.expected, v.found, v.reason, v.good,
 x.kind AS failure, x.failed_at, x.failed_records, x.accepted_by, x.accepted_reason,
 (SELECT group_concat(cause, ', ') FROM failure_causes c WHERE c.failure = x.id) AS causes,
 h.reason AS held, h.by AS held_by, h.at AS held_at
FROM (SELECT 1) LEFT JOIN files f ON f.path = :path LEFT JOIN runs r ON r.seq = f.run LEFT JOIN rules u ON u.id = f.rule
 LEFT JOIN verified v ON v.path = :path LEFT JOIN failures x ON x.path = :path LEFT JOIN holds h ON h.path = :path
"""


def _files(
    connection: sqlite3.Connection, session: Session, runs: list[str], cut: list[str]
) -> list[dict[str, object]]:
    """What is known of the files that the session names, and of those that its runs could not do or found damaged."""
    inputs = session.procedure.values
    named = [value for name, value in session.values.items() if name in inputs and inputs[name].of == "file" and value]
    for run in runs:
        rows = connection.execute(
            f"SELECT DISTINCT o.path FROM outcomes o JOIN runs r ON r.seq = o.run WHERE r.id = ? AND o.outcome IN"
            f" ({_OUTCOMES}, 'restored', 'removed', 'replaced') ORDER BY o.path LIMIT ?",
            [run, _FILES + 1],
        )
        named += [str(row[0]) for row in rows]
    paths = list(dict.fromkeys(named))
    if len(paths) > _FILES:
        cut.append(f"files.jsonl: only the first {_FILES:,} of {len(paths):,} files or more")
    found = []
    for path in paths[:_FILES]:
        row = dict(connection.execute(_FILE, {"path": path}).fetchone())
        found.append({name: value for name, value in row.items() if value is not None})
    return found


# ── log lines ────────────────────────────────────────────────────────────────────────────────────────────────────


def _span(ctx: Context, session: Session) -> tuple[datetime, datetime]:
    """From its first event to its last; to now while it is open."""
    now = ctx.env.now()
    try:
        since = datetime.fromisoformat(session.started_at)
        until = datetime.fromisoformat(ended_at(session)) if ended_at(session) else now
        return since, until
    except ValueError:
        return now, now


def _log_lines(ctx: Context, session: Session, runs: list[str], cut: list[str]) -> Iterator[bytes]:
    """Lines of the structured log that name one of the runs, or are of that time; oldest segment first."""
    since, until = _span(ctx, session)
    since, until, left = since - _SLACK, until + _SLACK, _LOG
    logs = [log for log in workspace_logs(ctx.workspace, ctx.settings) if log.kind == "structured"]
    for log in sorted(logs, key=lambda log: -log.rotation):
        if log.mtime and log.mtime < since.timestamp() - 60:
            continue
        try:
            descriptor = os.open(log.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:
                for line in file:
                    if not _concerns(line, set(runs), since, until):
                        continue
                    left -= len(line)
                    if left < 0:
                        cut.append(f"log.jsonl: only the first {_LOG >> 20} MiB")
                        return
                    yield line if line.endswith(b"\n") else line + b"\n"
        except FileNotFoundError:
            continue
        except OSError as error:
            cut.append(f"log.jsonl: {log.label}: {in_words(error)}")


def _concerns(line: bytes, runs: set[str], since: datetime, until: datetime) -> bool:
    try:
        record = orjson.loads(line)
        if record.get("run") in runs:
            return True
        at = datetime.fromisoformat(str(record.get("timestamp", "")))
        return since <= (at if at.tzinfo else at.replace(tzinfo=UTC)) <= until
    except (ValueError, AttributeError, TypeError):
        return False
