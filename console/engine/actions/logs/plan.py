"""What archiving or trimming the logs would do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from console.engine.actions.change.binding import binding, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import ChangePlan, PlannedChange
from console.engine.actions.logs.model import LogsArchiveParams, LogsTrimParams
from console.engine.checks.gate import apply_settings
from console.engine.checks.runs import lock_item
from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError
from console.engine.ledger.mirror_files import confined_folder
from console.engine.ledger.store import reading
from console.engine.model import ActionParams, Check, GateItem
from console.engine.runs.log_segments import LOGS, Segment, cut_by_lines, cut_by_time, segments_of, writer_of
from console.engine.runs.migration_log import workspace_zone
from console.engine.runs.query import current_run
from console.engine.text import plural, size
from console.engine.workspace.people import refusing, who_can

TRIM, ARCHIVE = "logs trim", "logs archive"


def log_folder(ctx: Context) -> Path:
    """Where the logs are. Raises EngineError for a link that leads out of the workspace."""
    return confined_folder(ctx.workspace, ctx.settings.log_dir)


def relative(ctx: Context, segment: Segment) -> str:
    """A segment's path as plans and outcomes name it."""
    return f"{ctx.settings.log_dir.rstrip('/')}/{segment.name}"


def cuts_of(ctx: Context, params: LogsTrimParams, log: str) -> dict[Segment, int]:
    """Segment -> how many of its first bytes go. Raises OSError."""
    segments = segments_of(log_folder(ctx), log)
    if params.keep_lines:
        return cut_by_lines(segments, params.keep_lines)
    return cut_by_time(segments, ctx.env.now() - timedelta(days=params.keep_days), workspace_zone(ctx.settings))


def archivable(ctx: Context, params: LogsArchiveParams, log: str) -> list[Segment]:
    """The closed segments that go, oldest first."""
    closed = [segment for segment in segments_of(log_folder(ctx), log) if segment.number]
    return closed[params.keep :][::-1]


def held(segment: Segment) -> str:
    """Why a closed segment cannot be touched yet; '' where nobody writes it any more."""
    try:
        writer = writer_of(segment.path)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return f"still written by {writer}: it stays until that is gone" if writer else ""


def plan_trim(
    ctx: Context,
    params: ActionParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: of the run that executes it, which holds the lock and does not see itself."""
    assert isinstance(params, LogsTrimParams)
    plan = _begin(ctx, TRIM, params, connection, before)
    plan.undo = "none: what is trimmed is gone; `opsconsole logs archive --to DIR` keeps it elsewhere first"
    what = f"the newest {params.keep_lines:,} lines" if params.keep_lines else f"{plural(params.keep_days, 'day')}"
    plan.facts = [("keeps", f"{what} of each log"), ("how", "the logger rotates; a segment that is written stays")]
    try:
        for log in LOGS:
            for segment, offset in cuts_of(ctx, params, log).items():
                name = relative(ctx, segment)
                why = held(segment) if segment.number else _not_yet(segment)
                if why and segment.number:
                    plan.leave(name, why)
                    continue
                if why:
                    plan.notes.append(f"{name}: {why}")
                whole = offset >= segment.size
                detail = "the whole segment" if whole else f"its first {size(offset)} of {size(segment.size)}"
                plan.add(PlannedChange(name, "remove" if whole else "shorten", detail, offset), "trimmed")
    except (OSError, EngineError) as error:
        plan.gate.append(_unreadable(error))
    plan.gate += _folder_item(ctx)
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})
    return plan


def _not_yet(segment: Segment) -> str:
    try:
        writer = writer_of(segment.path)
    except OSError:
        return ""
    return f"{writer} has it open: rotated all the same, and trimmed once that is gone" if writer else ""


def plan_archive(
    ctx: Context,
    params: ActionParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan; arguments as of plan_trim."""
    assert isinstance(params, LogsArchiveParams)
    plan = _begin(ctx, ARCHIVE, params, connection, before)
    plan.undo = "none of its own: `gunzip -k` of a file there gives the segment back; the manifest has its checksum"
    plan.facts = [
        ("to", params.to),
        ("removes", "only what was read back from there and is the same, byte for byte"),
        ("stays", f"the open logs, and the newest {plural(params.keep, 'closed segment')} of each"),
    ]
    try:
        for log in LOGS:
            for segment in archivable(ctx, params, log):
                if why := held(segment):
                    plan.leave(relative(ctx, segment), why)
                else:
                    plan.add(PlannedChange(relative(ctx, segment), "archive", "", segment.size), "log_archived")
    except (OSError, EngineError) as error:
        plan.gate.append(_unreadable(error))
    plan.gate += [*_folder_item(ctx), _target_item(ctx, params.to)]
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})
    return plan


def _begin(
    ctx: Context, action: str, params: ActionParams, connection: sqlite3.Connection | None, before: int
) -> ChangePlan:
    plan = new_plan(ctx, action, params)
    try:
        if connection is not None:
            plan.binding = binding(ctx, action, params, connection, before)
            return plan
        plan.gate.append(lock_item(ctx, current_run(ctx)))
        plan.recovery = recovery_lines(ctx)
        with reading(ctx.workspace.ledger) as reader:
            if reader is not None:
                plan.binding = binding(ctx, action, params, reader, before)
    except LedgerError as error:
        without_ledger(plan, error)
    return plan


def _unreadable(error: Exception) -> GateItem:
    return GateItem("logs", Check.FAIL, True, f"the logs cannot be read: {error}")


def _folder_item(ctx: Context) -> list[GateItem]:
    found = refusing(str(ctx.workspace.path(ctx.settings.log_dir)), os.W_OK | os.X_OK)
    if found is None:
        return []
    return [GateItem("writable", Check.FAIL, True, f"Permission denied: {found[0]}: {who_can(*found)}")]


def _target_item(ctx: Context, to: str) -> GateItem:
    if (why := _taken(ctx, to)) and os.path.isdir(to):
        return GateItem("target", Check.FAIL, True, f"{to} is {why}", "name a folder of its own with --to")
    if not os.path.isdir(to):
        what = "is no folder" if os.path.lexists(to) else "does not exist"
        return GateItem("target", Check.FAIL, True, f"{to} {what}", "make it, or name another one with --to")
    found = refusing(to, os.W_OK | os.X_OK)
    if found is not None:
        return GateItem("target", Check.FAIL, True, f"Permission denied: {found[0]}: {who_can(*found)}")
    return GateItem("target", Check.PASS, True, "the folder is there and can be written")


def _taken(ctx: Context, to: str) -> str:
    """What a folder is that archived logs must not go to: they would be taken for data, or for logs."""
    zones, at = ctx.settings.zones, os.path.realpath(to)
    for what, place in (
        ("in the raw zone", zones.raw),
        ("in the validated zone", zones.validated),
        ("in the backup zone", zones.backups),
        ("the log folder itself", ctx.settings.log_dir),
        ("the console's own folder", str(ctx.workspace.private)),
    ):
        folder = os.path.realpath(ctx.workspace.path(place))
        if at == folder or (at.startswith(folder + os.sep) and what != "the log folder itself"):
            return what
    return ""
