"""What restoring a schema would do."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator

from console.engine.actions.change.binding import binding, new_plan, recovery_lines, without_ledger
from console.engine.actions.change.model import Change, ChangePlan, Left, PlannedChange
from console.engine.actions.rollback.undo import keep_place
from console.engine.actions.schema.model import SchemaRestoreParams
from console.engine.checks.gate import apply_settings
from console.engine.checks.runs import lock_item
from console.engine.context import Context
from console.engine.errors import LedgerError, UsageError
from console.engine.ledger.store import reading
from console.engine.model import Check, GateItem, Outcome
from console.engine.observe.rules_seen import files_of, find_rule
from console.engine.runs.query import current_run
from console.engine.transfer.publish import hash_file
from console.engine.workspace.people import refusing, who_can

ACTION = "schema restore"


def source_place(run: str, path: str) -> str:
    """Where the run puts the old bytes before they are copied into their place."""
    return f".opsconsole/runs/{run}/restored/{path}"


def schema_changes(ctx: Context, files: dict[str, bytes], run: str) -> Iterator[Change | Left]:
    """The changes that put these files (path relative to the root -> content) back; none for one that stands so."""
    for path, content in files.items():
        try:
            confined = ctx.workspace.confine(path)
        except UsageError as error:
            yield Left(path, path, error.what)
            continue
        if confined != os.path.normpath(path):  # confine follows links of folders; a change does not
            yield Left(path, path, "a link lies on the way to it")
            continue
        place = str(ctx.workspace.path(path))
        after, before, mode = hashlib.sha256(content).hexdigest(), "", -1
        try:
            facts = os.lstat(place)
        except FileNotFoundError:
            pass
        except OSError as error:
            yield Left(path, path, f"it cannot be looked at: {error.strerror}")
            continue
        else:
            if not stat.S_ISREG(facts.st_mode):
                yield Left(path, path, "what stands there is no regular file")
                continue
            try:
                before = hash_file(place)
            except OSError as error:
                yield Left(path, path, f"it cannot be read: {error.strerror}")
                continue
            mode = stat.S_IMODE(facts.st_mode)
        if before == after:
            continue
        keep = keep_place(ctx.settings, run, path) if before else ""
        source = source_place(run, path)
        yield Change("put", path, keep, source, before, after, len(content), Outcome.RESTORED, path, "", [], mode)


def plan_schema_restore(
    ctx: Context,
    params: SchemaRestoreParams,
    *,
    connection: sqlite3.Connection | None = None,
    before: int = 1 << 62,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ChangePlan:
    """The plan. connection, before: of the run that executes it, which holds the lock and does not see itself.

    Raises UsageError where no rule has that checksum.
    """
    plan = new_plan(ctx, ACTION, params)
    plan.undo = "a rollback of the run puts back what stands there now, which it keeps"
    try:
        rule, document = find_rule(ctx, params.checksum)
        if connection is not None:
            plan.binding = binding(ctx, ACTION, params, connection, before)
        else:
            plan.gate.append(lock_item(ctx, current_run(ctx)))
            plan.recovery = recovery_lines(ctx)
            with reading(ctx.workspace.ledger) as reader:
                if reader is not None:
                    plan.binding = binding(ctx, ACTION, params, reader, before)
    except LedgerError as error:
        without_ledger(plan, error)
        return plan
    plan.facts = [
        ("schema", f"{rule.name}, checksum {rule.short}"),
        (
            "judged",
            f"since {rule.first_at} by {rule.first_by}, run {rule.first_run}" if rule.first_at else "no run yet",
        ),
        ("last judge of", f"{rule.published} published and {rule.failing} failing files"),
    ]
    standing = hashlib.sha256()
    for change in schema_changes(ctx, files_of(document), "PLAN"):
        if isinstance(change, Left):
            plan.leave(change.dest, change.reason)
            continue
        standing.update(change.before.encode())
        detail = f"{change.before[:12] or 'nothing'} becomes {change.after[:12]}"
        plan.add(PlannedChange(change.path, "restore", detail, change.size), "restored")
        plan.gate += _writable(ctx, change.path)
    plan.binding["schema"] = standing.hexdigest()
    plan.notes.append("published files are not judged again by this: `opsconsole reprocess --stale-schema` does that")
    plan.gate = apply_settings(plan.gate, ctx.settings.gate, {})
    return plan


def _writable(ctx: Context, path: str) -> list[GateItem]:
    folder = os.path.dirname(str(ctx.workspace.path(path)))
    found = refusing(folder, os.W_OK | os.X_OK)
    if found is None:
        return []
    return [GateItem("writable", Check.FAIL, True, f"Permission denied: {found[0]}: {who_can(found[0], found[1])}")]
