"""The state of a workspace for monitoring: one status with its reasons, as Nagios plugins say it.

Formats: "Monitoring Plugins Development Guidelines" (status line, exit status, performance data).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from console.engine.checks.alerts.model import Measured, Reading, weight, worst
from console.engine.checks.alerts.settle import Settled, settled
from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.model import Check
from console.engine.observe.alerts import Alert, Level
from console.engine.text import plural, visible

STATUS = {Check.PASS: 0, Check.WARN: 1, Check.FAIL: 2, Check.UNKNOWN: 3}
WORDS = {Check.PASS: "OK", Check.WARN: "WARNING", Check.FAIL: "CRITICAL", Check.UNKNOWN: "UNKNOWN"}
_TOLD = 4  # alerts in the status line; the others are counted
_LINE = 1000  # characters of it before the performance data: readers cut after 4 kB


@dataclass(frozen=True, slots=True)
class Checked:
    """verdict: of the whole workspace. text: in one line, why. settled: what was seen, None where nothing could be."""

    verdict: Check
    text: str
    settled: Settled | None = None

    @property
    def exit_status(self) -> int:
        return STATUS[self.verdict]


def check_workspace(ctx: Context) -> Checked:
    """Look at everything. What has no history yet, or was acknowledged, is told and does not count."""
    seen = settled(ctx)
    overview = seen.overview
    if not overview.has_ledger:
        text = "opsconsole has not worked here yet: there is no ledger"
        return Checked(worst((Check.UNKNOWN, *(alert.verdict for alert in seen.alerts))), text, seen)
    alerts = sorted(seen.alerts, key=lambda alert: -weight(alert.verdict))
    verdict = worst(alert.verdict for alert in alerts)
    return Checked(verdict, _alarm(alerts) if alerts else _calm(seen), seen)


def broken(error: Exception) -> Checked:
    """Where nothing can be told: the configuration does not load, there is no such folder. Never OK."""
    if isinstance(error, EngineError):
        where = f": {error.file}" if error.file and error.file not in error.what else ""
        return Checked(Check.UNKNOWN, f"{error.what}{where}" + (f"; {error.next_step}" if error.next_step else ""))
    return Checked(Check.UNKNOWN, f"{type(error).__name__}: {error}")


def _alarm(alerts: list[Alert]) -> str:
    said = "; ".join(f"{alert.text} {alert.at}".rstrip() for alert in alerts[:_TOLD])
    more = f"; and {len(alerts) - _TOLD} more" if len(alerts) > _TOLD else ""
    return f"{plural(len(alerts), 'alert')}: {said}{more}"


def _calm(seen: Settled) -> str:
    overview = seen.overview
    last = overview.last_run
    at = (last.ended_at or last.started_at) if last else ""
    parts = [f"last run {last.action} {last.status} {at[:10]} {at[11:16]} UTC" if last else "no run yet"]
    parts.append(f"{plural(overview.published, 'file')} published")
    collecting = sum(reading.collecting for reading in seen.looked.readings)
    if collecting:
        parts.append(f"{plural(collecting, 'check')} without history yet")
    answered = sum(alert.answer is not None for alert in overview.alerts)
    if answered:
        parts.append(f"{plural(answered, 'alert')} acknowledged")
    return ", ".join(parts)


# ── as Nagios reads it ────────────────────────────────────────────────────────────────────────────────────────────


def status_line(checked: Checked) -> str:
    """`OPSCONSOLE WARNING - 2 alerts: …`, on one line, whatever the names are."""
    text = visible(checked.text)
    text = text if len(text) <= _LINE else text[: _LINE - 1] + "…"
    return f"OPSCONSOLE {WORDS[checked.verdict]} - {text}"


def nagios_line(checked: Checked) -> str:
    """The status line with performance data behind `|`."""
    readings = checked.settled.looked.readings if checked.settled else ()
    data = " ".join(_performance(each) for reading in readings for each in reading.measured)
    line = status_line(checked).replace("|", "¦")
    return f"{line} | {data}" if data else line


def _performance(each: Measured) -> str:
    """`'label'=value[unit];warn;crit;min;max`. A label holds neither `=` nor a control; a quote is doubled."""
    label = visible(each.label).replace("=", "_").replace("|", "_").replace("'", "''")
    limits = [number(each.warn), number(each.fail), "0", "100" if each.unit == "%" else ""]
    return f"'{label}'={number(each.value)}{each.unit};{';'.join(limits)}".rstrip(";")


def number(value: float | None) -> str:
    """Without an exponent; '' for None."""
    if value is None:
        return ""
    return re.sub(r"\.?0+\Z", "", f"{value:.6f}") if value % 1 else f"{value:.0f}"


# ── as programs read it ───────────────────────────────────────────────────────────────────────────────────────────


def document(checked: Checked, now: str) -> dict[str, Any]:
    """Everything that was seen, for --json. now: UTC ISO 8601."""
    base = {"event": "check", "status": WORDS[checked.verdict], "exit_status": checked.exit_status}
    base |= {"text": checked.text, "at": now}
    if checked.settled is None:
        return {**base, "alerts": [], "rules": []}
    overview = checked.settled.overview
    return {
        **base,
        "workspace": overview.name,
        "root": overview.root,
        "host": overview.host,
        "alerts": [alert_json(alert) for alert in overview.alerts],
        "rules": [_reading_json(reading) for reading in checked.settled.looked.readings],
    }


def alert_json(alert: Alert) -> dict[str, Any]:
    """An alert as plain data. acknowledged: null, or by whom, when, with what note."""
    answer = alert.answer
    return {
        "key": alert.key,
        "level": str(alert.level),
        "verdict": str(alert.verdict),
        "text": f"{alert.text} {alert.at}".rstrip(),
        "next_step": "" if answer else alert.next_step.removeprefix("or "),
        "since": alert.since,
        "run": alert.run,
        "details": list(alert.details),
        "acknowledged": {"by": answer.by, "at": answer.at, "note": answer.note} if answer else None,
    }


def _reading_json(reading: Reading) -> dict[str, Any]:
    return {
        "rule": reading.rule,
        "key": reading.key,
        "verdict": str(reading.verdict),
        "text": reading.text,
        "collecting": reading.collecting,
        "since": reading.since,
        "measured": [asdict(each) for each in reading.measured],
    }


def lines(checked: Checked) -> Iterator[tuple[Check, str, str]]:
    """Verdict, text and next step of everything that was looked at, the alerts first: for people."""
    if checked.settled is None:
        return
    shown = set()
    for alert in checked.settled.overview.alerts:
        if alert.level == Level.ALERT or alert.answer:
            shown.add(alert.key)
            verdict = Check.PASS if alert.answer else alert.verdict
            yield verdict, f"{alert.text} {alert.at}".rstrip(), alert.next_step.removeprefix("or ")
    for reading in checked.settled.looked.readings:
        if reading.key not in shown:
            yield reading.verdict, reading.text, reading.next_step if reading.alerts else ""
