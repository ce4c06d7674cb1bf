"""Alerts and absences as notices: what they are called, how they look, what Enter does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from console.engine.model import Check, RunStatus
from console.engine.observe.alerts import Alert, Cause, Level
from console.engine.text import count, plural
from widgets.look import short_time
from widgets.overview.notices import Notice

if TYPE_CHECKING:
    from console.engine.observe.visits import Away

_SIGNS = {Level.ALERT: ("!", "warn"), Level.OFFER: ("●", "accent"), Level.NOTE: ("●", "dim")}
_WORSE = {Check.FAIL: ("✗", "bad"), Check.UNKNOWN: ("?", "warn")}
_LABELS = {Level.ALERT: "Alerts", Level.OFFER: "Found here", Level.NOTE: "To know"}
# Whose workspace it is comes before everything else.
FIRST = (Cause.NEWER_LEDGER, Cause.LEFT, Cause.ADOPTION)

_ENTER = {
    Cause.ADOPTION: "plan to adopt them",
    Cause.LEFT: "plan to adopt it again",
    Cause.MAINTENANCE: "lift it",
    Cause.DAMAGE: "plan to repair them",
    Cause.BY_HAND: "which files, and what helps",
    Cause.STATE_FILE: "the difference",
    Cause.BROKEN_STATE_FILE: "how to repair it",
    Cause.NEWER_LEDGER: "what that means",
    Cause.DEAD_RUN: "the run",
    Cause.LAST_RUN: "the run",
    Cause.FAILING: "by cause",
    Cause.EXPIRED: "by cause",
    Cause.DISK: "what fills it",
    Cause.LOG_SIZE: "what fills it",
    Cause.NO_MIGRATION: "plan a migrate",
    Cause.ERRORS: "which files and runs",
    Cause.FAILURE_RATE: "by cause",
    Cause.SCHEMA: "plan to judge them again",
    Cause.VERIFY_OVERDUE: "plan a verify",
    Cause.SLOW: "the run",
    Cause.OTHERS: "",  # quiet; Enter works all the same
    Cause.OLDER_LEDGER: "",
}


def alert_notices(alerts: Sequence[Alert], zone: tzinfo | None, now: datetime, *, most: int = 2) -> list[Notice]:
    """One notice an alert; of those with the same label only the first has it."""
    out: list[Notice] = []
    labels: set[str] = set()
    for alert in alerts:
        sign, tone = _SIGNS[alert.level]
        if alert.level == Level.ALERT and alert.verdict in _WORSE:
            sign, tone = _WORSE[alert.verdict]
        label = _LABELS[alert.level]
        text = f"{alert.text} {short_time(alert.at, zone, now)}" if alert.at else alert.text
        out.append(
            Notice(
                "" if label in labels else label,
                sign,
                tone,
                text,
                "all of it" if alert.verdict == Check.UNKNOWN else _ENTER.get(alert.cause, "all of it"),
                alert.next_step,
                max(most, 4) if alert.cause in FIRST else most,
                alert,
            )
        )
        labels.add(label)
    return out


def away_notice(away: Away, zone: tzinfo | None, now: datetime) -> Notice:
    """`Since you were here (Mon 14:02): 3 runs, 2 done, 1 failed; 12 files published …`, two lines at most."""
    by_status = dict(away.statuses)
    kinds = [status for status in RunStatus if by_status.get(status)]
    if len(kinds) == 1:
        told = f"{plural(away.runs, 'run')}, {kinds[0].value}"
    else:
        told = f"{plural(away.runs, 'run')}, " + ", ".join(f"{count(by_status[kind])} {kind.value}" for kind in kinds)
    files = [
        f"{plural(number, 'file')} {word}" if not at else f"{count(number)} {word}"
        for at, (number, word) in enumerate(
            (number, word)
            for number, word in ((away.published, "published"), (away.adopted, "adopted"), (away.failed, "failed"))
            if number
        )
    ]
    parts = [told, ", ".join(files)]
    if away.state_file is not None:
        who = away.state_file.who.get("login") or away.state_file.who.get("user") or "?"
        parts.append(f"state file written by {who}'s {away.state_file.action}")
    elif away.by:
        parts.append("by " + ", ".join(away.by[:3]) + (" and others" if len(away.by) > 3 else ""))
    bad = any(by_status.get(kind) for kind in (RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.REFUSED))
    since = short_time(away.since, zone, now)
    return Notice(
        "Away",
        "!" if bad else "●",
        "warn" if bad else "accent",
        f"Since you were here ({since}): " + "; ".join(part for part in parts if part),
        "Runs",
        about=away,
    )
