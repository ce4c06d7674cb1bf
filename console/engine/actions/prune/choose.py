"""Which backups go, which stay, and why: the policy, and what the last good state needs whatever the policy says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from console.engine.actions.prune.model import PruneParams
from console.engine.actions.prune.retention import kept
from console.engine.actions.rollback.page import ON_DISK
from console.engine.actions.rollback.undo import undone_by
from console.engine.context import Context
from console.engine.observe.backups import Backup, backup_folder, changed_later, list_backups
from console.engine.runs.migration_log import workspace_zone

_WORDS = {
    "last": "one of the last {0.keep_last}",
    "daily": "of one of {0.keep_daily} days",
    "weekly": "of one of {0.keep_weekly} weeks",
    "within": "made within {0.keep_within} of the newest",
}


@dataclass(slots=True)
class Choice:
    """gone and stays: each with its reason, newest first."""

    gone: list[tuple[Backup, str]] = field(default_factory=list)
    stays: list[tuple[Backup, str]] = field(default_factory=list)


def choose(
    ctx: Context,
    connection: sqlite3.Connection,
    params: PruneParams,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Choice:
    """Raises UsageError as `PruneParams.policy`."""
    policy = params.policy()
    every = list_backups(ctx, connection, cancelled=cancelled)
    # of one that was killed while it was pruned only folders may be left
    backups = [backup for backup in every if backup.files or (backup.pruned and not backup.foreign)]
    needed = _needed(ctx, connection, backups)
    first = [backup for backup in backups if _first(ctx, backup)]
    counted = [backup for backup in backups if not _first(ctx, backup)]
    zone = workspace_zone(ctx.settings)
    moments = [datetime.fromisoformat(backup.run.started_at).astimezone(zone) for backup in counted]
    by_policy = dict(zip((b.run.seq for b in counted), kept(moments, policy, ctx.env.now()), strict=True))
    choice = Choice()
    for backup in backups:
        seq = backup.run.seq
        if seq in needed:
            choice.stays.append((backup, needed[seq]))
        elif by_policy.get(seq):
            choice.stays.append((backup, ", ".join(_WORDS[name].format(params) for name in by_policy[seq])))
        elif backup in first:
            choice.gone.append((backup, "the configuration asks for no backups (create_backups)"))
        elif backup.pruned:
            choice.gone.append((backup, f"run {backup.pruned} began to prune it"))
        else:
            choice.gone.append((backup, "the policy does not keep it"))
    return choice


def _first(ctx: Context, backup: Backup) -> bool:
    """Made by a migration under a configuration that asks for no backups: no rule of the policy keeps it."""
    asked = not ctx.settings.create_backups and backup.run.settings_digest == ctx.settings.digest
    return asked and backup.run.action in ("migrate", "reprocess")


def _needed(ctx: Context, connection: sqlite3.Connection, backups: list[Backup]) -> dict[int, str]:
    """seq -> why the last good state needs this backup."""
    needed: dict[int, str] = {}
    for run, by in connection.execute("SELECT run, by FROM undone").fetchall():
        if undone_by(connection, by) or not _stands(connection, by):
            continue
        taken, taker = (
            connection.execute("SELECT id FROM runs WHERE seq = ?", [seq]).fetchone()[0] for seq in (run, by)
        )
        needed[by] = f"needed to roll back {taker} again, which took {taken} back"
        needed[run] = f"needed once {taker} is rolled back, which took it back"
    by_id = {backup.run.id: backup.run.seq for backup in backups}
    cut = len(backup_folder(ctx, ""))
    for dest, backup in _only_good_copies(connection):
        seq = by_id.get(backup[cut:].partition("/")[0])
        if seq is not None:
            needed[seq] = f"it has the only good copy of {dest}, which is damaged"
    whole = [backup for backup in backups if not backup.pruned]
    if whole:
        needed.setdefault(whole[0].run.seq, "the newest backup")
    return needed


def _stands(connection: sqlite3.Connection, seq: int) -> bool:
    """Whether something of what this run did is still as it left it."""
    found = connection.execute(
        f"SELECT 1 FROM outcomes o WHERE run = ? AND outcome IN ({ON_DISK}) AND NOT {changed_later('o')} LIMIT 1", [seq]
    )
    return found.fetchone() is not None


def _only_good_copies(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """(damaged published file, backup with its bytes) where the last verification knew no other good copy."""
    rows = connection.execute(
        """SELECT v.path, o.backup FROM verified v JOIN outcomes o ON o.replaced_sha256 = v.expected
        WHERE v.zone = 'validated' AND v.found <> v.expected AND o.backup <> '' AND v.good IN ('', o.backup)
        UNION SELECT path, good FROM verified WHERE zone = 'validated' AND found <> expected AND good <> ''"""
    )
    return [(row[0], row[1]) for row in rows]
