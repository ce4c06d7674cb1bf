"""Alerts of what verify found damaged and of what somebody did by hand, with what mends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from console.engine.actions.verify.model import IS_BAD
from console.engine.context import Context
from console.engine.observe.alerts import Alert, Cause
from console.engine.observe.reconcile import reconcile
from console.engine.observe.reconcile_hand import ByHand, by_hand
from console.engine.text import plural

_NAMED = 20


def look_by_hand(ctx: Context) -> list[ByHand]:
    """What was done by hand, by stat and a few reads: seconds for a large workspace. Raises LedgerError."""
    return by_hand(ctx, reconcile(ctx))


def hand_alerts(found: Iterable[ByHand]) -> tuple[Alert, ...]:
    """One alert a thing that was done."""
    return tuple(
        Alert(
            one.sentence,
            one.next_step,
            Cause.BY_HAND,
            key=f"{Cause.BY_HAND}:{one.kind}",
            measure=one.number,
            details=(one.next_step.replace("`", ""), "", *one.files, *_more(one.number - len(one.files))),
        )
        for one in found
    )


def damage_alert(connection: sqlite3.Connection) -> Alert | None:
    """What the last verify found damaged or missing, and how much of it can be put back; None where nothing is."""
    rows = connection.execute(
        f"SELECT path, good, since FROM verified WHERE {IS_BAD} ORDER BY path LIMIT {_NAMED}"
    ).fetchall()
    if not rows:
        return None
    number, good, since = connection.execute(
        f"SELECT count(*), total(good <> ''), min(since) FROM verified WHERE {IS_BAD}"
    ).fetchone()
    text = f"{plural(number, 'file')} damaged or missing, {int(good):,} can be put back; found"
    files = tuple(f"{row['path']}: {row['good'] or 'no good copy is known'}" for row in rows)
    return Alert(
        text,
        "`opsconsole verify --repair`",
        Cause.DAMAGE,
        at=since or "",
        details=(*files, *_more(number - len(files))),
    )


def _more(number: int) -> tuple[str, ...]:
    return (f"and {number:,} more",) if number > 0 else ()
