"""Backups current: what is kept was read and found whole, not long ago."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import datetime

from console.engine.actions.verify.model import IS_BAD, ZONES
from console.engine.checks.probes.look import Finding, Look
from console.engine.model import Check
from console.engine.text import age, count, plural

_LOOKED_BACK = 400  # verify runs: a part each night for a year is enough to make a whole


def backups_current(look: Look, *, days: int) -> Finding:
    """Passes where every zone was verified within `days` and nothing is damaged; fails for what is damaged."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    if look.connection is None:
        return _without_ledger(look)
    connection = look.connection
    bad = dict(
        tuple(row)
        for row in connection.execute(f"SELECT zone, count(*) FROM verified WHERE {IS_BAD} GROUP BY zone").fetchall()
    )
    verified = last_verified(connection)
    details = _zones(connection, bad, verified) if not look.own and look.space is None else ()
    if bad:
        named = ", ".join(f"{zone} {count(bad[zone])}" for zone in ZONES if zone in bad)
        return Finding(
            Check.FAIL,
            f"the last verify found files that are not whole: {named}",
            "`opsconsole verify --repair` puts back what has a good copy",
            details,
        )
    if verified is None:
        if connection.execute("SELECT 1 FROM files LIMIT 1").fetchone() is None:
            return Finding(Check.PASS, "nothing is kept yet that could be verified")
        return Finding(Check.UNKNOWN, "no zone was ever verified", "`opsconsole verify`, best from a timer", details)
    seconds = (look.now - verified).total_seconds()
    if seconds < -60:
        return Finding(
            Check.UNKNOWN,
            f"the last verify is of {verified:%Y-%m-%d %H:%M} UTC, which is yet to come: a clock is wrong",
            "set the clock right, then `opsconsole verify`",
            details,
        )
    said = f"every zone verified {age(seconds)} ago"
    if seconds > days * 86400:
        return Finding(Check.WARN, f"{said}; {plural(days, 'day')} at most", "`opsconsole verify`", details)
    return Finding(Check.PASS, said, "", details)


def last_verified(connection: sqlite3.Connection) -> datetime | None:
    """Since when every zone has been read as a whole: at once, or part by part; None where that never happened.

    A verify reads all zones, so that one time holds for each of them.
    """
    parts: dict[int, dict[int, str]] = {}  # of how many -> part -> when it ended
    rows = connection.execute(
        "SELECT params, ended_at FROM runs WHERE action = 'verify' AND status IN ('done', 'partial')"
        " ORDER BY seq DESC LIMIT ?",
        [_LOOKED_BACK],
    )
    for row in rows:
        params = json.loads(row["params"])
        if params.get("source"):
            continue
        if not params.get("subset"):
            return datetime.fromisoformat(row["ended_at"])
        number, _, many = str(params["subset"]).partition("/")
        seen = parts.setdefault(int(many), {})
        seen.setdefault(int(number), row["ended_at"])
        if len(seen) == int(many):
            return datetime.fromisoformat(min(seen.values()))
    return None


def _zones(connection: sqlite3.Connection, bad: dict[str, int], verified: datetime | None) -> tuple[str, ...]:
    """Zone by zone: how many files, when the first and the last of them were read."""
    rows = connection.execute("SELECT zone, count(*), min(at), max(at) FROM verified GROUP BY zone").fetchall()
    seen = {row[0]: row for row in rows}
    lines = []
    for zone in ZONES:
        if zone not in seen:
            lines.append(f"{zone}: nothing kept when it was verified" if verified else f"{zone}: never verified")
            continue
        _, files, first, last = seen[zone]
        when = f"{first[:16]}Z" if first[:16] == last[:16] else f"{first[:16]}Z to {last[:16]}Z"
        wrong = f", {count(bad[zone])} not whole" if zone in bad else ""
        lines.append(f"{zone}: {plural(files, 'file')} read {when}{wrong}")
    return tuple(lines)


def _without_ledger(look: Look) -> Finding:
    zones = look.ctx.settings.zones
    for zone in (zones.backups, zones.validated):
        try:
            with os.scandir(look.ctx.workspace.path(zone)) as entries:
                there = next((entry.name for entry in entries if not entry.name.startswith(".")), None)
        except FileNotFoundError:
            continue
        if there is not None:
            return Finding(
                Check.UNKNOWN,
                f"files lie in {zone}, and no ledger says what they have to be",
                "`opsconsole adopt` takes over what another program published",
            )
    return Finding(Check.PASS, "nothing is kept yet that could be verified")
