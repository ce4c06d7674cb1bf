"""What the migration logs say of errors: since somebody acknowledged them, and of the last run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from console.engine.checks.alerts.answers import read_answers
from console.engine.checks.alerts.errors import answered_for
from console.engine.checks.kept import ERRORS, last_acknowledged
from console.engine.checks.probes.look import NO_LEDGER, Finding, Look
from console.engine.model import Check, RunRow, RunStatus
from console.engine.observe.logs_errors import ErrorGroup, LogErrors, log_errors
from console.engine.runs.log_segments import segments_of
from console.engine.runs.migration_log import JSON_LOG, TEXT_LOG
from console.engine.text import count, plural

_NAMED = 50  # groups that are listed


def errors_reviewed(look: Look, *, most: int, days: int) -> Finding:
    """Passes without an error since the last acknowledgement; more than `most` fail, fewer warn; unknown where a log
    cannot be read, or is not there although something ran."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    since = last_acknowledged(look.connection, ERRORS)
    whence = "since they were acknowledged" if since else f"in the last {plural(days, 'day')}"
    # who acknowledged an alert of them has reviewed them
    answered = answered_for(read_answers(look.connection)) if look.connection is not None else {}
    begin = since or look.now - timedelta(days=days)
    found = log_errors(look.ctx, begin, answered=answered, cancelled=look.cancelled)
    if look.cancelled():
        return Finding(Check.UNKNOWN, "interrupted")
    if found.unreadable:
        name, why = found.unreadable[0]
        return Finding(Check.UNKNOWN, f"{name} cannot be read: {why}", "`opsconsole permissions check`")
    if not found.segments:
        return _no_log(look)
    if not found.lines:
        return Finding(Check.PASS, f"no error {whence}")
    never = "" if since else ", none acknowledged"
    return Finding(
        Check.FAIL if found.lines > most else Check.WARN,
        f"{plural(found.lines, 'error')} {whence}{never}; {plural(len(found.groups), 'cause')}: {_first(found.groups)}",
        "look at them (`opsconsole logs errors`), then `opsconsole checklist ack --note TEXT`",
        _lines(found.groups),
    )


def run_log_clean(look: Look) -> Finding:
    """Whether the log has errors of the last migrate or reprocess. Known failures that it did not read again warn."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    if look.connection is None:
        return Finding(Check.UNKNOWN, NO_LEDGER, "`opsconsole migrate`")
    run = look.last_run()
    if run is None:
        return Finding(Check.UNKNOWN, "no migration has come to its end yet", "`opsconsole migrate`")
    found = _log_since(look, run)
    if isinstance(found, Finding):
        return found
    name = f"run {run.short} of {run.started_at[:16]}Z"
    show = f"`opsconsole runs report {run.short}`"
    if found.lines:
        said = f"{plural(found.lines, 'error')} logged by {name}: {_first(found.groups)}"
        return Finding(Check.FAIL, said, show, _lines(found.groups))
    if run.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        return Finding(Check.FAIL, f"{name} {run.status}: {run.message}", show)
    left = run.counts.known_failed
    if left:
        verb = "fails" if left == 1 else "fail"
        return Finding(
            Check.WARN, f"{name}: no error logged; {plural(left, 'file')} still {verb}", "`opsconsole failures list`"
        )
    return Finding(Check.PASS, f"{name}: no error logged")


def _log_since(look: Look, run: RunRow) -> LogErrors | Finding:
    begun = datetime.fromisoformat(run.started_at)
    folder = look.ctx.workspace.path(look.ctx.settings.log_dir)
    segments = segments_of(folder, JSON_LOG)
    if not any(segment.mtime_ns / 1e9 >= begun.timestamp() - 1 for segment in segments):
        return Finding(
            Check.UNKNOWN,
            f"the structured log has nothing of run {run.short}: it was rotated away, moved or deleted",
            f"`opsconsole runs report {run.short}` has what the ledger knows",
        )
    found = log_errors(look.ctx, begun, run=run.id, cancelled=look.cancelled)
    if look.cancelled():
        return Finding(Check.UNKNOWN, "interrupted")
    if found.unreadable:
        name, why = found.unreadable[0]
        return Finding(Check.UNKNOWN, f"{name} cannot be read: {why}", "`opsconsole permissions check`")
    return found


def _no_log(look: Look) -> Finding:
    ended = "SELECT 1 FROM runs WHERE ended_at IS NOT NULL LIMIT 1"  # before its end a run may not have logged yet
    ran = look.connection is not None and look.connection.execute(ended).fetchone()
    where = look.ctx.settings.log_dir
    if not ran:
        return Finding(Check.PASS, "nothing was logged yet")
    return Finding(
        Check.UNKNOWN,
        f"runs are recorded, and {where} has neither {JSON_LOG} nor {TEXT_LOG}",
        "find out who moved the logs; the next run begins new ones",
    )


def _first(groups: Sequence[ErrorGroup]) -> str:
    group = groups[0]
    what = f"{group.message}: {group.cause}" if group.cause else group.message
    return f"{what} ({count(group.count)})" if len(groups) > 1 or group.count > 1 else what


def _lines(groups: Sequence[ErrorGroup]) -> tuple[str, ...]:
    lines = []
    for group in groups[:_NAMED]:
        what = f"{group.message}: {group.cause}" if group.cause else group.message
        file = f", {group.files[0]}" if group.files else ""
        lines.append(f"{count(group.count)} × {what}, last {group.last[:16] or '?'}{file}")
    if len(groups) > _NAMED:
        lines.append(f"and {plural(len(groups) - _NAMED, 'more cause')}")
    return tuple(lines)
