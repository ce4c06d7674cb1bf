"""The process of a run: takes the lock, recovers, executes, records. Started by `start`, or in the foreground.

`python -m console.engine.runs.process --root R --config C --run ID --action NAME --notify FD`, the request as JSON on
standard input. On FD it says, one JSON object a line, that the lock is taken, or why not; FD closes when it ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from console.engine.actions.execution import Execution, execution
from console.engine.checks.gate import refusal
from console.engine.checks.maintenance import maintenance_item
from console.engine.context import Context, open_context
from console.engine.environment import Who
from console.engine.errors import EngineError, LedgerError, NotStartedError, RefusedError
from console.engine.ledger.store import backup, open_writer
from console.engine.ledger.upgrade import upgrade_ledger
from console.engine.model import RunStatus
from console.engine.runs.active import ActiveRun, timestamp
from console.engine.runs.lock import Holder, RootLock
from console.engine.runs.migration_log import MigrationLog
from console.engine.runs.query import UNSETTLED
from console.engine.runs.request import Request, make_private, new_run_id
from console.engine.runs.reserve import make_room, release_reserve
from console.engine.runs.start import told_plainly
from console.engine.text import size
from console.engine.transfer.filesystem import in_words, room
from console.engine.workspace.shared import open_shared, write_shared

Notify = Callable[[dict[str, Any]], None]
_OPTIONS = {"--root", "--config", "--run", "--action", "--notify"}
_TIGHT = 1_000_000  # bytes free below which a ledger that does not open is a matter of room


def run_request(ctx: Context, request: Request, notify: Notify) -> int:
    """The whole life of one run. Returns its exit status; raises EngineError for what comes before its row."""
    gc.freeze()  # what is imported stays; and a batch makes many small objects without cycles
    gc.set_threshold(200_000, 20, 20)
    make_room(ctx, request.action)
    make_private(ctx, request.run)
    action = execution(ctx, request)  # forks the workers, before there is a lock to inherit
    lock = RootLock(ctx.workspace)
    try:
        lock.acquire(_holder(ctx, request))
        ctx.env.failpoints.reach("run.locked")
        try:
            return _locked(ctx, request, action, notify)
        finally:
            lock.release()
    finally:
        action.close(kill=True)


def _holder(ctx: Context, request: Request) -> Holder:
    who = ctx.env.who
    return Holder(
        request.run,
        request.action,
        who.login or who.user,
        who.host,
        os.getpid(),
        timestamp(ctx.env.now()),
        who.terminal,
    )


def _locked(ctx: Context, request: Request, action: Execution, notify: Notify) -> int:
    for part in ctx.workspace.our_parts:  # of a run that was killed at its very end
        with contextlib.suppress(OSError):  # mostly there is none
            part.unlink()
    prepare: Callable[[], None] | None = getattr(action, "prepare", None)
    if prepare is not None:  # only what makes the ledger itself anew
        prepare()
    connection = _open_ledger(ctx)
    upgrade_ledger(ctx, connection, new_run_id(ctx, "upgrade"))
    run = ActiveRun(ctx, connection, request)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _frame: run.cancel(n))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the line dropped: the run goes on
    try:
        _register(run)
        notify({"run": run.id, "pid": os.getpid()})
        status, code, message = _guarded(ctx, connection, action, run)
        if run.messages:
            message = "; ".join([message, *run.messages])
        _say_end(run, status, message)
        action.close()  # workers let go of the ledger, so that closing it leaves no -wal behind
        run.finish(status, code, message)
        _after(ctx, connection, run)
        return code
    finally:
        connection.close()


def _register(run: ActiveRun) -> None:
    """The run's row. Raises NotStartedError where there is no room for it: without a row there is no run."""
    try:
        run.register()
    except sqlite3.OperationalError as error:
        raise NotStartedError(
            f"the run could not start: {in_words(error)}",
            file=str(run.ctx.workspace.ledger),
            untouched="all data and the ledger",
            next_step="free some room on that file system, then try again",
        ) from error


def _open_ledger(ctx: Context) -> sqlite3.Connection:
    """The ledger for writing; on a full disk the reserve makes room for it."""
    try:
        return open_writer(ctx.workspace.ledger)
    except LedgerError:
        if room(ctx.workspace.private)[0] >= _TIGHT:
            raise
    release_reserve(ctx)
    try:
        return open_writer(ctx.workspace.ledger)
    except LedgerError as error:
        raise NotStartedError(
            f"Insufficient disk space: the ledger cannot be written, {size(room(ctx.workspace.private)[0])} free",
            file=str(ctx.workspace.ledger),
            untouched="all data",
            next_step="free some room on that file system, then try again",
        ) from error


def _guarded(
    ctx: Context, connection: sqlite3.Connection, action: Execution, run: ActiveRun
) -> tuple[RunStatus, int, str]:
    """Recover and execute; whatever is raised becomes the run's result, with the traceback in its stderr file."""
    try:
        run.phase("recover")
        run.log.add("INFO", f"Starting {run.request.action}", command=run.request.command)
        held = maintenance_item(ctx, run.request.action)  # before anything is settled: somebody works on the data
        if held.refuses:
            run.gate = [held]
            raise refusal([held]) or RefusedError(held.evidence)
        run.messages += _recovered(ctx, connection, action, run)
        return action.execute(run)
    except RefusedError as error:
        return RunStatus.REFUSED, error.exit_status, error.sentence()
    except EngineError as error:
        return RunStatus.FAILED, error.exit_status, error.sentence()
    except (OSError, sqlite3.OperationalError) as error:
        release_reserve(ctx)
        _keep_traceback(ctx, run.id)
        return RunStatus.FAILED, 1, f"{in_words(error)}; the next run settles what was begun"
    except Exception as error:  # noqa: BLE001 - recorded with its traceback; nothing of it is hidden
        release_reserve(ctx)
        _keep_traceback(ctx, run.id)
        where = f"{ctx.workspace.run_folder(run.id).relative_to(ctx.workspace.root)}/traceback"
        return (
            RunStatus.FAILED,
            1,
            f"{type(error).__name__}: {error}; the next run settles what was begun; see {where}",
        )


def _recovered(ctx: Context, connection: sqlite3.Connection, action: Execution, run: ActiveRun) -> list[str]:
    """What dead runs left is settled; a sentence each. Most often there is none, and nothing to load for it."""
    if connection.execute(f"SELECT 1 FROM runs WHERE {UNSETTLED} LIMIT 1", [run.seq]).fetchone() is None:
        return []
    from console.engine.runs.recover import recover_all

    return recover_all(ctx, connection, action.rules, run)


def _keep_traceback(ctx: Context, run: str) -> None:
    try:
        path = ctx.workspace.run_folder(run) / "traceback"
        write_shared(path, traceback.format_exc().encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # the disk is full: standard error has it


def _say_end(run: ActiveRun, status: RunStatus, message: str) -> None:
    level = {RunStatus.DONE: "INFO", RunStatus.CANCELLED: "WARNING", RunStatus.PARTIAL: "WARNING"}.get(status, "ERROR")
    run.log.add(
        level,
        f"{run.request.action.capitalize()} complete: {status}",
        detail=message,
        stats=run.counts.to_json(),
    )
    run.log.close()


def _after(ctx: Context, connection: sqlite3.Connection, run: ActiveRun) -> None:
    """Samples of the disks, then report and a copy of the ledger, side by side: useful, not vital.

    A full disk does not change the result.
    """
    from console.engine.observe.samples import take_samples  # here: a run has begun before it needs them

    counts = run.counts
    found = counts.whole + counts.damaged + counts.lost
    settled = bool(run.messages)  # what a dead run left changed the ledger too
    done = (counts.processed, counts.failed, counts.revalidated, counts.adopted, counts.changed, found)
    worked = settled or any(done)
    try:
        # what a dead run had kept is known by looking only
        seq = 0 if settled else run.seq
        take_samples(ctx, connection, changed=worked or counts.sidecars + counts.moved > 0, run=seq)
    except (OSError, sqlite3.Error) as error:
        print(f"how full the disks are was not recorded: {error}", file=sys.stderr)  # noqa: T201 - its stderr file
    jobs: list[Callable[[], None]] = [lambda: _report(ctx, connection, run)]
    if worked or _copy_is_behind(ctx, connection):
        jobs.append(lambda: backup(ctx.workspace.ledger, ctx.workspace.ledger_backup))
    with ThreadPoolExecutor(len(jobs)) as threads:
        for job in [threads.submit(job) for job in jobs]:
            try:
                job.result()
            except (OSError, sqlite3.Error) as error:
                print(f"report or ledger copy not written: {error}", file=sys.stderr)  # noqa: T201 - its stderr file
    if ctx.settings.notify.command or ctx.settings.notify.apprise:
        _notify(ctx, connection, run)


def _copy_is_behind(ctx: Context, connection: sqlite3.Connection) -> bool:
    """Whether the ledger's copy lacks the last run that did something: it was ended before it could make one."""
    row = connection.execute(
        "SELECT ended_at FROM runs WHERE seq = (SELECT run FROM outcomes ORDER BY run DESC LIMIT 1)"
    ).fetchone()
    if row is None or row[0] is None:
        return False
    try:
        return ctx.workspace.ledger_backup.stat().st_mtime < datetime.fromisoformat(row[0]).timestamp()
    except (OSError, ValueError):
        return True


def _notify(ctx: Context, connection: sqlite3.Connection, run: ActiveRun) -> None:
    """Tell whom the configuration names; that it failed is logged, and changes nothing."""
    try:
        from console.engine.checks.alerts.notify import notify_run
        from console.engine.runs.query import run_row

        row = run_row(connection.execute("SELECT * FROM runs WHERE seq = ?", [run.seq]).fetchone())
        trouble = notify_run(ctx, row)
        if trouble:
            log = MigrationLog(ctx, run.id)
            log.add("WARNING", "Notification failed", detail=trouble)
            log.close()
    except Exception:  # noqa: BLE001 - the run is over and recorded, whatever this does
        traceback.print_exc(file=sys.stderr)


def _report(ctx: Context, connection: sqlite3.Connection, run: ActiveRun) -> None:
    from console.engine.observe.report import report_lines

    report, part = ctx.workspace.run_folder(run.id) / "report.md", ctx.workspace.report_part
    try:
        with open(open_shared(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in report_lines(ctx, connection, run.seq))
        os.replace(part, report)
    finally:
        part.unlink(missing_ok=True)
    ctx.env.failpoints.reach("report.written")


def main(argv: list[str] | None = None) -> int:
    """Entry of the run's own process."""
    words = sys.argv[1:] if argv is None else argv
    given = dict(zip(words[::2], words[1::2], strict=False))  # no parser: nobody but `start` writes them
    if set(given) != _OPTIONS:
        raise SystemExit(f"usage: {' X '.join(sorted(_OPTIONS))} X, in any order; `opsconsole` starts it")
    os.umask(0o002)
    pipe = int(given["--notify"])

    def notify(document: dict[str, Any]) -> None:
        try:
            os.write(pipe, json.dumps(document).encode() + b"\n")
        except OSError:
            pass  # the starter is gone: that is allowed

    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        request = Request(**json.loads(sys.stdin.buffer.read()))
        ctx = open_context(Path(given["--root"]), given["--config"])
        ctx = with_who(ctx, request)
        with told_plainly():
            return run_request(ctx, request, notify)
    except EngineError as error:
        notify({"error": type(error).__name__, "lines": error.lines(), **_fields(error)})
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - said to the starter, with the traceback in the stderr file
        traceback.print_exc(file=sys.stderr)
        notify({"error": "EngineError", "what": f"the run could not start: {type(error).__name__}: {error}"})
        return 1


def with_who(ctx: Context, request: Request) -> Context:
    """The person who asked is the starter's, not this process's: it has no terminal."""
    return replace(ctx, env=replace(ctx.env, who=Who(**request.who))) if request.who else ctx


def _fields(error: EngineError) -> dict[str, str]:
    return {
        "what": error.what,
        "file": error.file,
        "untouched": error.untouched,
        "next_step": error.next_step,
    }


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # all is written and closed; to take every object apart takes as long as 200 files
