"""The rule that looks into the logs: errors by cause, in a window, since somebody has answered for them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from console.engine.checks.alerts.model import Measured, Reading, moment
from console.engine.checks.kept import ERRORS, last_acknowledged
from console.engine.context import Context
from console.engine.model import Check
from console.engine.observe.alerts import Acknowledged, Cause
from console.engine.observe.logs_errors import ErrorGroup, LogErrors, log_errors
from console.engine.records.words import cause_in_words
from console.engine.text import plural

PREFIX = "errors:"
_OURS = re.compile(r"[a-z][a-z-]*(:\S+)?")
_TOLD = 10  # causes; further ones are one reading


def errors(
    ctx: Context,
    connection: sqlite3.Connection | None,
    answers: Mapping[str, Acknowledged],
    found: LogErrors | None = None,
) -> Iterator[Reading]:
    """One reading a cause with more errors in all segments of the logs than the limit; one that passes where none is.

    The window is the last errors_hours; of a cause that was acknowledged only what was logged after that counts, so
    it returns when there are more new errors than the limit. Unknown where there is no log although runs have written
    one, or a segment cannot be read; what could be read is told all the same. found: of log_errors; None: read now.
    """
    limits = ctx.settings.alerts
    span = f"{limits.errors_hours:g} h"
    if found is None:
        since = ctx.env.now() - timedelta(hours=limits.errors_hours)
        if reviewed := last_acknowledged(connection, ERRORS):  # all of them, on the pre-flight list
            since = max(since, reviewed)
        found = log_errors(ctx, since, answered=answered_for(answers))
    if not found.segments:
        yield _no_log(ctx, connection)
        return
    for name, why in found.unreadable:
        text = f"errors are not counted in {name}: {why}"
        yield Reading("errors", f"{PREFIX}{name}", Check.UNKNOWN, text, "`opsconsole doctor`", cause=Cause.ERRORS)
    over = [group for group in found.groups if group.count > limits.errors]
    measured = (Measured("errors", found.lines, "", limits.errors, limits.errors_critical),)
    if not over:
        text = f"{plural(found.lines, 'error')} in the logs in {span}"
        text += f", none of a cause more than {limits.errors:,} times" if found.lines else ""
        yield Reading("errors", "errors", Check.PASS, text, cause=Cause.ERRORS, measured=measured)
        return
    for at, group in enumerate(over[:_TOLD]):
        yield _of_group(ctx, group, span, measured if not at else ())
    rest = over[_TOLD:]
    if rest:
        text = (
            f"{plural(sum(group.count for group in rest), 'error')} of {plural(len(rest), 'further cause')} in {span}"
        )
        names = tuple(f"{group.count:,}  {_words(group)}" for group in rest[:50])
        yield Reading(
            "errors",
            f"{PREFIX}others",
            Check.WARN,
            text,
            "`opsconsole logs errors`",
            len(rest),
            since=min((group.first for group in rest if group.first), default=""),
            details=names,
            cause=Cause.ERRORS,
        )


def _no_log(ctx: Context, connection: sqlite3.Connection | None) -> Reading:
    ended = "SELECT 1 FROM runs WHERE ended_at IS NOT NULL LIMIT 1"  # before its end a run may not have logged yet
    ran = connection is not None and connection.execute(ended).fetchone() is not None
    text = f"there is no log in {ctx.settings.log_dir}" + ("" if ran else " yet")
    step = "`opsconsole doctor`" if ran else ""
    return Reading("errors", "errors", Check.UNKNOWN, text, step, collecting=not ran, cause=Cause.ERRORS)


def answered_for(answers: Mapping[str, Acknowledged]) -> dict[str, datetime]:
    """ErrorGroup.key -> until when somebody has answered for its errors."""
    found = {key.removeprefix(PREFIX): moment(each.at) for key, each in answers.items() if key.startswith(PREFIX)}
    return {key: at for key, at in found.items() if at is not None}


def _words(group: ErrorGroup) -> str:
    if not group.cause:
        return group.message
    ours = _OURS.fullmatch(group.cause)  # a cause as our own log has it; the incumbent's are words already
    return f"{group.message}: {cause_in_words(group.cause) if ours else group.cause}"


def _of_group(ctx: Context, group: ErrorGroup, span: str, measured: tuple[Measured, ...]) -> Reading:
    limits = ctx.settings.alerts
    details = (
        f"first {group.first or '?'}, last {group.last or '?'}",
        *(f"run {run}" for run in sorted(group.runs)[-5:]),
        *group.files,
    )
    return Reading(
        "errors",
        f"{PREFIX}{group.key}",
        Check.FAIL if group.count >= limits.errors_critical else Check.WARN,
        f"{plural(group.count, 'error')} in {span}: {_words(group)}",
        "or `opsconsole logs errors`",
        group.count,
        limits.errors,
        group.first,
        details=details,
        cause=Cause.ERRORS,
        measured=measured,
    )
