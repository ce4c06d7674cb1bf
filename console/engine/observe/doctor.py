"""Examining a workspace: ledger, mirror, what dead runs left, the lock, ownership, configuration, logs.

`examine` only looks. `repair` does what findings offer, under the lock: modes and groups of our own folders
and files, and leftovers whose names are ours alone. Data is never touched.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime

from console.engine.checks.maintenance import read_maintenance
from console.engine.context import Context
from console.engine.errors import ConfigurationError, EngineError, LedgerError, MirrorError
from console.engine.ledger.digests import ledger_problems
from console.engine.ledger.mirror import mirror_path, read_mirror
from console.engine.ledger.mirror_files import confined_folder
from console.engine.ledger.store import reading, writable
from console.engine.model import Check
from console.engine.observe.doctor_finding import Finding
from console.engine.observe.doctor_ledger import damaged_finding, row_findings
from console.engine.observe.doctor_places import ownership, staged_files
from console.engine.observe.doctor_repair import repair
from console.engine.runs.lock import read_holder
from console.engine.runs.migration_log import JSON_LOG, TEXT_LOG
from console.engine.runs.query import current_run, process_started, unrecovered
from console.engine.text import count, duration, plural, size
from console.engine.workspace.people import why_not

__all__ = ["Finding", "examine", "repair"]

_SHOWN = 5  # names in one finding


def examine(ctx: Context) -> list[Finding]:
    """Look at everything and change nothing. Raises nothing for what is wrong: that is what findings are
    for.
    """
    findings = [*_configuration(ctx), *_ledger(ctx), *_mirror(ctx), *_runs(ctx), *_lock(ctx), *_maintenance(ctx)]
    return [*findings, *_leftovers(ctx), *ownership(ctx), *_logs(ctx)]


# --- configuration -----------------------------------------------------------------------------------------


def _configuration(ctx: Context) -> Iterator[Finding]:
    from console.engine.records.rules import load_rules

    yield Finding(Check.PASS, "the configuration loads", ctx.settings.path)
    for warning in ctx.settings.warnings:
        yield Finding(Check.WARN, warning, ctx.settings.path)
    try:
        rules = load_rules(ctx.workspace.root, ctx.settings)
        problems = rules.problems
    except ConfigurationError as error:
        problems = (error,)
    for problem in problems:
        text = problem.what + (f" (key {problem.key})" if problem.key else "")
        yield Finding(Check.FAIL, text, problem.file, problem.next_step or "correct it; nothing is judged until then")
    if not problems:
        yield Finding(Check.PASS, f"{plural(len(rules.rules), 'rule')} and their schemas load")
    for name in ("raw", "validated", "backups", "archive"):
        place = ctx.workspace.path(getattr(ctx.settings.zones, name))
        if not place.is_dir():
            check = Check.FAIL if name == "raw" else Check.PASS
            step = "mount or make it" if name == "raw" else ""
            yield Finding(check, f"the {name} zone is not there" + ("" if step else " yet"), str(place), step)


def _maintenance(ctx: Context) -> Iterator[Finding]:
    found = read_maintenance(ctx)
    if found is not None:
        step = "`opsconsole maintenance off` when the work is done"
        yield Finding(Check.WARN, f"nothing is processed: {found.sentence()}", str(ctx.workspace.maintenance), step)


# --- ledger ------------------------------------------------------------------------------------------------


def _ledger(ctx: Context) -> Iterator[Finding]:
    file = str(ctx.workspace.ledger)
    try:
        with reading(ctx.workspace.ledger) as connection:
            if connection is None:
                yield Finding(Check.PASS, "there is no ledger yet: the first run makes it", file)
                return
            newer = writable(ctx.workspace.ledger)
            if newer is not None:
                yield Finding(Check.FAIL, newer.what, file, newer.next_step)
            problems = ledger_problems(connection, 5)
            if problems:
                yield damaged_finding(ctx, f"the ledger is damaged: {'; '.join(problems)}", _restore(ctx))
                return
            if connection.copied_at:
                yield _copy_read(ctx, connection.copied_at)
                return
            files, runs = (
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("files", "runs")
            )
            text = f"the ledger is whole: {plural(files, 'file')}, {plural(runs, 'run')}"
            yield Finding(Check.PASS, f"{text}, {size(ctx.workspace.ledger.stat().st_size)}", file)
            yield from row_findings(ctx, connection)
            yield from _ledger_copy(ctx, connection)
            yield from _intents(connection)
    except LedgerError as error:
        ours = "version" in error.what or "Permission denied" in error.what
        if ours:
            yield Finding(Check.FAIL, error.what, file, error.next_step)
        else:
            yield damaged_finding(ctx, error.what, _restore(ctx))
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        yield damaged_finding(ctx, f"the ledger cannot be read: {error}", _restore(ctx))


def _copy_read(ctx: Context, made: float) -> Finding:
    age = duration(ctx.env.now().timestamp() - made)
    why = next(filter(None, (why_not(f"{ctx.workspace.ledger}{end}", os.R_OK) for end in ("", "-wal", "-shm"))), "")
    text = f"this user cannot read the ledger itself, but its copy, which is {age} old"
    return Finding(Check.WARN, text, str(ctx.workspace.ledger), why or "look again")


def _restore(ctx: Context) -> str:
    """How to get the ledger back."""
    copy = ctx.workspace.ledger_backup
    what = "makes it anew from state file and disk; its history is lost, what is destroyed is kept beside"
    if os.path.exists(copy):
        taken = datetime.fromtimestamp(copy.stat().st_mtime, tz=None).astimezone()
        what = f"takes the copy {copy.name} of {taken:%Y-%m-%d %H:%M}, and what was published since from the state file"
    return f"`opsconsole state rebuild` {what}; `--dry-run` shows it first"


def _ledger_copy(ctx: Context, connection: sqlite3.Connection) -> Iterator[Finding]:
    """After each run that changed something there is a copy."""
    last = connection.execute(
        "SELECT ended_at FROM runs WHERE seq = (SELECT max(run) FROM outcomes WHERE outcome <> 'sidecar')"
    ).fetchone()
    copy = ctx.workspace.ledger_backup
    if last is None or last[0] is None:
        return
    if not copy.exists():
        yield Finding(Check.WARN, "there is no copy of the ledger", str(copy), "the next run makes one")
        return
    behind = datetime.fromisoformat(last[0]).timestamp() - copy.stat().st_mtime
    if behind > 60:
        text = f"the copy of the ledger is {duration(behind)} older than the last run that changed something"
        yield Finding(Check.WARN, text, str(copy), "see why the last run could not write it; the next run makes one")
    else:
        yield Finding(Check.PASS, f"the copy of the ledger is up to date, {size(copy.stat().st_size)}", str(copy))


def _intents(connection: sqlite3.Connection) -> Iterator[Finding]:
    open_intents = connection.execute(
        "SELECT count(*) FROM intents i LEFT JOIN runs r ON r.seq = i.run WHERE coalesce(r.status, '') <> 'running'"
    ).fetchone()[0]
    if open_intents:
        yield Finding(
            Check.FAIL,
            f"{plural(open_intents, 'batch', 'batches')} of ended runs were never settled",
            next_step="`opsconsole migrate` settles them; say so to who maintains this program",
        )


# --- mirror ------------------------------------------------------------------------------------------------


def _mirror(ctx: Context) -> Iterator[Finding]:
    name = ctx.settings.state_file
    try:
        if current_run(ctx) is not None:
            yield Finding(Check.PASS, "a run is in progress: the state file is looked at when it is done", name)
            return
        with reading(ctx.workspace.ledger) as connection:
            found = read_mirror(ctx, connection)
    except MirrorError as error:
        yield Finding(Check.FAIL, error.what, name, error.next_step)
        return
    except (EngineError, OSError) as error:
        step = error.next_step if isinstance(error, EngineError) else ""
        yield Finding(Check.FAIL, f"the state file cannot be compared: {error}", name, step)
        return
    if found.foreign_writer:
        yield Finding(
            Check.WARN,
            f"another program writes the state file: {found.foreign_writer}",
            name,
            "look for it in cron (`crontab -l` of every user) and stop it; what it published is compared, not believed",
        )
    if found.state == "none":
        yield Finding(Check.PASS, "there is no state file yet: the first run writes it", name)
    elif found.state == "gone":
        yield Finding(
            Check.WARN,
            f"the state file was deleted: {plural(len(found.gone), 'file')} count as not processed",
            name,
            "`opsconsole migrate` judges them again and rewrites nothing that is the same",
        )
    elif found.empty:
        yield Finding(Check.PASS, "the state file says what the ledger says", name)
    if found.state != "edited":
        return
    if found.restored_run:
        yield Finding(Check.WARN, f"an older state file was put back, that of run number {found.restored_run}", name)
    told = (
        (found.gone, "taken out of", "not processed, and judged again by the next migrate"),
        (tuple(entry.path for entry in found.added), "added to", "adopted if the bytes match"),
        (found.altered, "altered in", "not believed, and written back by the next migrate"),
        (tuple(f"{path} ({why})" for path, why in found.refused), "put into", "not adopted"),
        (found.let_go, "carried on for others and taken out of", "carried on no longer"),
    )
    for paths, verb, what in told:
        if paths:
            text = f"{plural(len(paths), 'entry', 'entries')} {verb} the state file by somebody else: {what}"
            yield Finding(Check.WARN, text, name, _some(paths))


def _some(paths: tuple[str, ...]) -> str:
    """The first few names."""
    more = f" and {count(len(paths) - _SHOWN)} more" if len(paths) > _SHOWN else ""
    return "they are: " + ", ".join(paths[:_SHOWN]) + more


# --- runs and the lock -------------------------------------------------------------------------------------


def _runs(ctx: Context) -> Iterator[Finding]:
    try:
        dead, running = unrecovered(ctx), current_run(ctx)
    except LedgerError:
        return  # told already
    for run in dead:
        yield Finding(
            Check.WARN,
            f"run {run.id} died in phase {run.phase or 'start'}, last heard of at {run.heartbeat_at}",
            str(ctx.workspace.run_folder(run.id)),
            "`opsconsole migrate` finishes or undoes what it left, before anything else",
        )
    if running is not None:
        silent = (ctx.env.now() - datetime.fromisoformat(running.heartbeat_at)).total_seconds()
        quiet = silent > 60
        text = f"run {running.id} is in progress" + (f" and silent for {duration(silent)}" if quiet else "")
        step = f"`opsconsole runs attach {running.short}` watches it"
        yield Finding(Check.WARN if quiet else Check.PASS, text, next_step=step)
    elif not dead:
        yield Finding(Check.PASS, "no run is in progress and none died")


def _lock(ctx: Context) -> Iterator[Finding]:
    holder = read_holder(ctx.workspace)
    if holder is None:
        return
    here = holder.host == os.uname().nodename
    if not here or process_started(holder.pid):
        yield Finding(Check.PASS, holder.sentence(), str(ctx.workspace.holder))
        return
    yield Finding(
        Check.WARN,
        f"the note beside the lock is of a process that is gone: {holder.sentence()}",
        str(ctx.workspace.holder),
        "the lock itself went with that process; the next run replaces the note",
        "remove the note",
        str(ctx.workspace.holder),
    )


# --- leftovers ---------------------------------------------------------------------------------------------


def _leftovers(ctx: Context) -> Iterator[Finding]:
    try:
        live = current_run(ctx)
        dead = {run.id for run in unrecovered(ctx)}
    except LedgerError:
        live, dead = None, set()
    unknown: list[str] = []
    left: dict[str, int] = {}
    for path, run in staged_files(ctx):
        if live is not None and run == live.id:
            continue
        if run in dead:
            left[run] = left.get(run, 0) + 1
        else:
            unknown.append(path)
    for run, number in left.items():
        text = f"{plural(number, 'staged file')} of run {run}, which died, {'lies' if number == 1 else 'lie'} there"
        yield Finding(Check.WARN, text, next_step="`opsconsole migrate` takes them back")
    for path in unknown[:20]:
        yield Finding(
            Check.WARN,
            "a file that looks staged, but no unfinished run names it: it is never touched",
            path,
            "look whose it is; remove it by hand if nobody needs it",
        )
    if len(unknown) > 20:
        yield Finding(Check.WARN, f"and {count(len(unknown) - 20)} more such files")
    if live is None:
        yield from _our_parts(ctx)
    if not unknown and not left:
        yield Finding(Check.PASS, "no staged file was left behind")


def _our_parts(ctx: Context) -> Iterator[Finding]:
    """Half-written files of our own beside ledger and state file: their names are ours alone."""
    state = ctx.workspace.path(ctx.settings.state_file)
    names = [state.with_name(state.name + suffix) for suffix in (".part", ".bak.part")]
    names += ctx.workspace.our_parts
    names.append(ctx.workspace.holder.with_suffix(".part"))
    for path in names:
        if os.path.lexists(path):
            yield Finding(
                Check.WARN,
                "half written by a run that died",
                str(path),
                "the next run replaces it",
                "remove it",
                str(path),
            )


# --- logs --------------------------------------------------------------------------------------------------


def _logs(ctx: Context) -> Iterator[Finding]:
    try:
        folder = confined_folder(ctx.workspace, ctx.settings.log_dir)
        mirror_path(ctx)
    except EngineError as error:
        yield Finding(Check.FAIL, error.what, error.file, error.next_step)
        return
    if not folder.is_dir():
        yield Finding(Check.PASS, "there are no logs yet: the first run makes them", str(folder))
        return
    total = 0
    for name in (TEXT_LOG, JSON_LOG):
        path = folder / name
        if os.path.islink(path):
            yield Finding(Check.FAIL, "a log is a link: runs refuse to follow it", str(path), "replace it by a file")
        elif os.path.exists(path) and not os.path.isfile(path):
            yield Finding(Check.FAIL, "a log is no file", str(path), "remove what stands there")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if re.fullmatch(r"migration\.(log|json)(\.\d+)?", entry.name):
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError as error:
        step = why_not(str(folder), os.R_OK | os.X_OK)
        yield Finding(Check.FAIL, f"the logs cannot be looked at: {error.strerror}", str(folder), step)
        return
    yield Finding(Check.PASS, f"the logs take {size(total)}", str(folder))
