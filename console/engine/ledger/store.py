"""Opening the ledger: one writer (the lock holder, and short transactions beside it), any number of readers.

Readers never write: with a live writer they open `mode=ro` and its shared index read-only, otherwise `immutable=1`,
so that not even `-wal` or `-shm` appears. Formats and journal mode: SQLite's documentation of WAL and URI file names.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from console import __version__
from console.engine.errors import EmptiedLedgerError, LedgerClosedError, LedgerError, LedgerFullError, NewerLedgerError
from console.engine.ledger.blank import COPY, ONE_PAGE, had_content
from console.engine.ledger.looking import looked_at_only
from console.engine.ledger.schema import DDL, UPGRADES, VERSION, stamp
from console.engine.workspace.people import why_not
from console.engine.workspace.shared import ensure_shared, widen

_TURNS, _PAUSE = 5, 0.02  # how often a reader tries, and seconds between
_ROOM = 64 * 1024  # bytes: less is too little for SQLite's own files
_LOG_BYTES = 16_000_000  # before a checkpoint, which costs two more flushes
_CLOSED_TO_US = (sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def _uri(path: Path, query: str) -> str:
    return f"file:{quote(str(path))}?{query}"


def _fail(path: Path, error: Exception, need: int = 0) -> LedgerError:
    """need: what this user has to be allowed; who could is said where that is the reason."""
    verb = "written" if need & os.W_OK else "read"
    if full := no_room(path.parent):
        return LedgerFullError(
            f"the ledger cannot be {verb}: {full}",
            file=str(path),
            untouched="all data and the ledger",
            next_step="make room: `opsconsole disk` shows what fills it, `opsconsole backups prune` what could go",
        )
    reason = why_not(str(path), need) or (why_not(str(path.parent), os.W_OK | os.X_OK) if need & os.W_OK else "")
    if reason and need & os.W_OK and not why_not(str(path), os.R_OK):
        return LedgerClosedError(
            f"the ledger cannot be written: {reason}",
            file=str(path),
            untouched="all data and the ledger",
            next_step="ask whoever that is, or have the folder opened to your group; reading works meanwhile",
        )
    return LedgerError(
        f"the ledger cannot be {verb}: {reason or error}",
        file=str(path),
        untouched="all data and the ledger",
        next_step=_next(path),
    )


def _next(path: Path) -> str:
    """How to get a damaged ledger back; names the copy only where there is one."""
    if os.path.exists(path.with_name(COPY)):
        source = f"from the backup copy beside it, {COPY}"
    else:
        source = "from state file and disk: there is no backup copy of it"
    return (
        f"run `opsconsole doctor`; `opsconsole state rebuild` makes the ledger anew {source}; --dry-run shows it first"
    )


def _blank(path: Path) -> Exception:
    """What to raise for a ledger without anything in it: there is none yet, or there was one and it was emptied."""
    found = had_content(path)
    if not found:
        return FileNotFoundError(path)
    return EmptiedLedgerError(
        f"the ledger is empty, and runs were recorded in it: beside it lies {found}",
        file=str(path),
        untouched="all data and the ledger",
        next_step=_next(path),
    )


def no_room(folder: Path) -> str:
    """The full disk that SQLite cannot work on (its shared index is a file too), in words; '' where there is room."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return ""
    if facts.f_bavail * facts.f_frsize < _ROOM:
        return f"the disk is full: {facts.f_bavail * facts.f_frsize:,} bytes free below {folder}"
    return f"no inode is free below {folder}" if facts.f_files and not facts.f_favail else ""


def version_of(connection: sqlite3.Connection) -> int:
    """The ledger's version; 0 for one without tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_made(path: Path) -> bool:
    """Whether there is a ledger. One in which nothing was ever recorded is none yet; one that cannot be read is."""
    if not path.exists():
        return False
    if path.stat().st_size > ONE_PAGE:
        return True
    try:
        open_reader(path).close()
    except FileNotFoundError:
        return False
    except LedgerError:
        pass  # whoever uses it is told why
    return True


def _meta(connection: sqlite3.Connection, key: str) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return str(row[0]) if row else ""


def _newer(connection: sqlite3.Connection, path: Path, *, reading: bool) -> LedgerError | None:
    """The error where a newer program has upgraded this ledger beyond what this one may do with it."""
    version = version_of(connection)
    if version <= VERSION:
        return None
    program = _meta(connection, "program") or f"a program that knows ledgers of version {version}"
    readable = int(_meta(connection, "readable_from") or version) <= VERSION
    if reading and readable:
        return None
    return NewerLedgerError(
        f"opsconsole {program} has upgraded this ledger to version {version}; this is {__version__}, which knows"
        f" version {VERSION}" + (" and can only read it" if readable else ""),
        file=str(path),
        untouched="everything",
        next_step=f"use opsconsole {program} or a later one",
    )


def writable(path: Path) -> LedgerError | None:
    """Why this program may not write the ledger, as its version has it; None where it may, or there is none."""
    try:
        with closing(open_reader(path)) as connection:
            return _newer(connection, path, reading=False)
    except FileNotFoundError:
        return None
    except LedgerError as error:
        return error


class Reader(sqlite3.Connection):
    """A connection that writes nothing. copied_at: when the copy that it reads was made; 0.0 for the ledger itself."""

    copied_at = 0.0


# Ledgers of which this process has read the copy, and when that was made: the command line says so at its end.
copies_read: dict[str, float] = {}


def open_reader(path: Path) -> Reader:
    """A connection that writes nothing at all. An older ledger is read as if it had today's tables, empty.

    Where this user cannot open the ledger itself, the copy made after the last run (`copied_at`, `copies_read`).
    Raises LedgerError, also for one that was emptied; FileNotFoundError where there is no ledger, or nothing was ever
    recorded in it.
    """
    try:
        empty = os.stat(path).st_size == 0
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise _fail(path, error, os.R_OK) from error
    if empty:  # not opened: SQLite would remove the log beside it, even for a reader
        raise _blank(path)
    for turn in range(_TURNS):
        try:
            # without -wal SQLite would make one, even for a reader
            live = all(os.path.exists(f"{path}{suffix}") for suffix in ("-wal", "-shm"))
            connection = _read(path, "mode=ro" + (_share(path) if live else "&immutable=1"))
        except sqlite3.Error as error:
            code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else 0
            if code == sqlite3.SQLITE_IOERR and no_room(path.parent) and _nothing_logged(path):
                # no room for the shared index, and nothing that it is for
                return _filled(path, _read(path, "mode=ro&immutable=1"))
            if code not in _CLOSED_TO_US:
                raise _fail(path, error) from error
            refused = error
            if turn + 1 < _TURNS:
                time.sleep(_PAUSE)  # a writer that comes or goes at this moment
        else:
            return _filled(path, connection)
    return _read_copy(path, refused)


def _filled(path: Path, connection: Reader) -> Reader:
    """The connection to a ledger with something in it. Raises as open_reader for one without."""
    try:
        blank = not version_of(connection) and not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise _fail(path, error) from error
    if blank:
        connection.close()
        raise _blank(path)
    return connection


def _nothing_logged(path: Path) -> bool:
    try:
        return os.stat(f"{path}-wal").st_size == 0
    except OSError:
        return False


def _share(path: Path) -> str:
    """How a reader opens the shared index of a live ledger. Only for itself where this process never writes: SQLite
    shares the index among a process's connections, and one that writes would find it read-only (sqlite.org/uri.html).
    """
    writes = str(path) not in looked_at_only and os.access(f"{path}-shm", os.W_OK)
    return "" if writes else "&readonly_shm=1"


def _read_copy(path: Path, refused: sqlite3.Error) -> Reader:
    copy = path.with_name(COPY)
    try:
        made = os.stat(copy).st_mtime
        connection = _read(copy, "mode=ro&immutable=1")  # it is only ever replaced as a whole
    except (OSError, sqlite3.Error):
        raise _fail(path, refused, os.R_OK) from refused
    connection.copied_at = copies_read[str(path)] = made
    return connection


def _read(path: Path, how: str) -> Reader:
    connection = sqlite3.connect(_uri(path, how), uri=True, timeout=5, isolation_level=None, factory=Reader)
    try:
        connection.row_factory = sqlite3.Row
        newer = _newer(connection, path, reading=True)
        if newer is not None:
            raise newer
        version = version_of(connection)
        if 0 < version < VERSION:
            connection.execute("PRAGMA temp_store=MEMORY")
            for statement in upgrade_statements(version):
                connection.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
    except BaseException:
        connection.close()
        raise
    return connection


def upgrade_statements(version: int) -> Iterator[str]:
    """What leads from `version` to today's, statement by statement."""
    for number in range(version + 1, VERSION + 1):
        yield from _statements(UPGRADES[number])


@contextmanager
def reading(path: Path) -> Iterator[Reader | None]:
    """A reader for one query or page; None where there is no ledger yet, or nothing was ever recorded in it."""
    try:
        connection = open_reader(path)
    except FileNotFoundError:
        yield None
        return
    with closing(connection):
        try:
            yield connection
        except sqlite3.DatabaseError as error:
            raise _fail(path, error) from error


def open_writer(path: Path) -> sqlite3.Connection:
    """The writing connection: WAL, synchronous=FULL, made with its tables where there is none, or nothing in it.

    One that was emptied stays as it is: made anew by the first who writes, it would hide that its rows are lost. An
    older ledger is left at its version (see ledger.upgrade). Transactions are explicit (`with
    transaction(connection)`). Raises LedgerError.
    """
    _refuse_emptied(path)
    try:
        ensure_shared(path)  # SQLite makes -wal and -shm with the ledger's own mode
        for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if name.exists() and not os.access(name, os.R_OK | os.W_OK, effective_ids=True):
                raise _fail(name, PermissionError("Permission denied"), os.R_OK | os.W_OK)  # SQLite says so too late
        # a run's batches are recorded by a thread beside the one that beats; ActiveRun.guard keeps them apart
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA page_size=8192")  # of a new ledger; a tenth less work than with 4096, by measurement
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-16000")  # 16 MB
        pages = _LOG_BYTES // int(connection.execute("PRAGMA page_size").fetchone()[0])
        connection.execute(f"PRAGMA wal_autocheckpoint={pages}")
        newer = _newer(connection, path, reading=False)
        for suffix in ("-wal", "-shm"):
            widen(Path(f"{path}{suffix}"))
        if newer is not None:
            connection.close()
            raise newer
        if version_of(connection) == 0:
            with transaction(connection):
                if version_of(connection) == 0:
                    for statement in _statements(DDL):
                        connection.execute(statement)
                    connection.executemany("INSERT INTO meta VALUES (?, ?)", stamp())
                    connection.execute(f"PRAGMA user_version={VERSION}")
    except (OSError, sqlite3.Error) as error:
        raise _fail(path, error, os.R_OK | os.W_OK) from error
    return connection


def _refuse_emptied(path: Path) -> None:
    """Raises LedgerError for a ledger that had something in it and has nothing now."""
    try:
        if os.stat(path).st_size > ONE_PAGE:
            return
        open_reader(path).close()
    except OSError:
        pass  # there is none yet
    except EmptiedLedgerError:
        raise
    except LedgerError:
        pass  # the writer says it in its own words


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """BEGIN IMMEDIATE … COMMIT, rolled back when the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def backup(ledger: Path, target: Path) -> None:
    """A consistent copy of the ledger by SQLite's own API, replacing `target` only when it is whole."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        ensure_shared(part)
        with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(part)) as copy:
            # nobody believes a copy that is not whole, so that nothing of it need be durable before all of it is
            copy.execute("PRAGMA journal_mode=OFF")
            copy.execute("PRAGMA synchronous=OFF")
            source.backup(copy, pages=2000)
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
