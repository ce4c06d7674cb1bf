"""Telling people of runs that ended and of new alerts: a command of the operator's, or Apprise.

Whoever tells gets one JSON object on standard input and [notify].timeout_seconds; then it is ended with everything it
has started in its session. Its failure is told to the caller and never fails anything.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from console.engine.checks.alerts.check import alert_json
from console.engine.checks.alerts.model import weight
from console.engine.checks.alerts.settle import Settled, settled
from console.engine.context import Context, workspace_name
from console.engine.errors import LedgerError
from console.engine.ledger.beside import writing_beside
from console.engine.ledger.store import is_made, reading
from console.engine.model import Check, RunRow
from console.engine.observe.alerts import Alert
from console.engine.observe.files_list import timestamp
from console.engine.text import plural, visible

_SAID = 500  # characters of what a failing command said
_APPRISE = "console.engine.checks.alerts.apprise_hook"


def wanted(ctx: Context) -> bool:
    """Whether anybody is to be told of anything."""
    notify = ctx.settings.notify
    return bool(notify.on and (notify.command or notify.apprise))


def notify_run(ctx: Context, run: RunRow) -> str:
    """Tell that a run has ended, with the alerts that are new; what went wrong in words, '' for nothing."""
    if not wanted(ctx):
        return ""
    seen = settled(ctx) if "alert" in ctx.settings.notify.on else None
    alerts = new_alerts(ctx, seen.alerts) if seen else []
    if "run-end" in ctx.settings.notify.on:
        who = run.who.get("login") or run.who.get("user") or "?"
        title = f"{workspace_name(ctx)}: {run.action} {run.status}"
        text = "\n".join([f"{run.action} {run.short} by {who}: {run.status}. {run.message}", *_words(alerts)])
        facts = {
            "run": run.id,
            "action": run.action,
            "status": str(run.status),
            "exit_status": run.exit_status,
            "message": run.message,
            "counts": run.counts.to_json(),
            "by": who,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
        }
        document = {"event": "run-end", **facts}
    elif alerts:
        title, text, document = _of_alerts(ctx, alerts)
    else:
        return _remember(ctx, seen.alerts if seen else (), [])
    told, trouble = tell(ctx, {**document, "title": title, "text": text, "alerts": [alert_json(a) for a in alerts]})
    return _joined(trouble, _remember(ctx, seen.alerts, alerts if told else []) if seen else "")


def notify_alerts(ctx: Context, seen: Settled) -> str:
    """Tell of alerts that are new since somebody was told last; what went wrong in words, '' for nothing."""
    if not wanted(ctx) or "alert" not in ctx.settings.notify.on:
        return ""
    alerts = new_alerts(ctx, seen.alerts)
    told, trouble = False, ""
    if alerts:
        title, text, document = _of_alerts(ctx, alerts)
        told, trouble = tell(ctx, {**document, "title": title, "text": text, "alerts": [alert_json(a) for a in alerts]})
    return _joined(trouble, _remember(ctx, seen.alerts, alerts if told else []))


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _of_alerts(ctx: Context, alerts: Sequence[Alert]) -> tuple[str, str, dict[str, Any]]:
    title = f"{workspace_name(ctx)}: {plural(len(alerts), 'new alert')}"
    return title, "\n".join(_words(alerts)), {"event": "alert"}


def _words(alerts: Iterable[Alert]) -> list[str]:
    return [
        f"! {alert.text} {alert.at}".rstrip()
        + (f" -> {alert.next_step.removeprefix('or ')}" if alert.next_step else "")
        for alert in alerts
    ]


# ── what is new ───────────────────────────────────────────────────────────────────────────────────────────────────


def new_alerts(ctx: Context, alerts: Iterable[Alert]) -> list[Alert]:
    """Those that nobody was told of yet, or that are worse than then: a higher verdict."""
    known: dict[str, Check] = {}
    with suppress(LedgerError), reading(ctx.workspace.ledger) as connection:
        if connection is not None:
            known = {row["key"]: Check(row["verdict"]) for row in connection.execute("SELECT * FROM notified")}
    return [alert for alert in alerts if weight(alert.verdict) > weight(known.get(_key(alert), Check.PASS))]


def _key(alert: Alert) -> str:
    return alert.key or f"{alert.cause}:{alert.text}"


def _remember(ctx: Context, standing: Iterable[Alert], told: Iterable[Alert]) -> str:
    """Keep of what somebody was told; an alert that is over is forgotten, so that it is news when it comes again."""
    at = timestamp(ctx.env.now())
    keys = {_key(alert) for alert in standing}
    rows = [(_key(alert), alert.verdict, alert.measure, at) for alert in told]
    if ctx.read_only or not is_made(ctx.workspace.ledger):
        return ""
    try:
        with reading(ctx.workspace.ledger) as seen:
            known = {row[0] for row in seen.execute("SELECT key FROM notified")} if seen is not None else set()
        if not rows and known <= keys:
            return ""
        with writing_beside(ctx.workspace.ledger, "the ledger did not take it", since=5) as connection:
            connection.executemany("DELETE FROM notified WHERE key = ?", [(key,) for key in known - keys])
            connection.executemany("INSERT OR REPLACE INTO notified VALUES (?, ?, ?, ?)", rows)
    except LedgerError as error:
        return f"who was told could not be kept, the same alerts will be told again: {error}"
    return ""


# ── telling ───────────────────────────────────────────────────────────────────────────────────────────────────────


def tell(ctx: Context, document: dict[str, Any]) -> tuple[bool, str]:
    """Hand the document to whom the configuration names: whether anybody took it, and what went wrong."""
    notify = ctx.settings.notify
    root = str(ctx.workspace.root)
    whole = {**document, "workspace": workspace_name(ctx), "root": root, "host": ctx.env.who.host}
    troubles, told = [], False
    if notify.command:
        trouble = _run(notify.command, whole, root, notify.timeout_seconds)
        troubles.append(f"{notify.command[0]}: {trouble}" if trouble else "")
        told = not trouble
    if notify.apprise:
        command = (sys.executable, "-P", "-m", _APPRISE)
        trouble = _run(command, {**whole, "urls": notify.apprise}, root, notify.timeout_seconds)
        troubles.append(f"Apprise: {trouble}" if trouble else "")
        told = told or not trouble
    return told, _joined(*troubles)


def _run(command: Sequence[str], document: dict[str, Any], root: str, seconds: float) -> str:
    """Run it without a shell; what went wrong, '' for nothing. Files, no pipes: whatever it starts cannot hold us."""
    try:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(json.dumps(document).encode() + b"\n")
            given.seek(0)
            process = subprocess.Popen(
                command, cwd=root, stdin=given, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return f"not done after {seconds:g} s, and ended"
            if status == 0:
                return ""
            said.seek(0)
            words = visible(said.read(_SAID).decode("utf-8", "replace").strip())
            how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
            return f"{how}: {words}" if words else how
    except OSError as error:
        return error.strerror or str(error)
