"""What the overview says and what the rules say, as one list: one line a cause, what was answered for is quiet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from console.engine.checks.alerts.look import Looked, look
from console.engine.checks.alerts.model import Reading, alerts_of, answered, still_answered, weight
from console.engine.context import Context
from console.engine.model import Check
from console.engine.observe.alerts import Acknowledged, Alert, Cause, Level
from console.engine.observe.overview import Overview, overview

# What the overview finds by itself, where it is more than a warning. Nothing can be told of a ledger that is closed.
_VERDICTS = {
    Cause.LEDGER: Check.UNKNOWN,
    Cause.NEWER_LEDGER: Check.UNKNOWN,
    Cause.BROKEN_STATE_FILE: Check.FAIL,
    Cause.LAST_RUN: Check.FAIL,
    Cause.DAMAGE: Check.FAIL,
}
_CLOSED = (
    Cause.LEDGER,
    Cause.NEWER_LEDGER,
    Cause.BROKEN_STATE_FILE,
)  # nobody can tell what waits, and one alert says so
_NEVER_QUIET = (Cause.LEDGER, Cause.NEWER_LEDGER, Cause.LEFT, Cause.MAINTENANCE, Cause.OTHER)


@dataclass(frozen=True, slots=True)
class Settled:
    """The state of a workspace at one moment. overview: with all alerts, the answered ones as notes."""

    overview: Overview
    looked: Looked

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Those that are counted."""
        return tuple(alert for alert in self.overview.alerts if alert.level == Level.ALERT)


def settle(seen: Overview, readings: Iterable[Reading], answers: Mapping[str, Acknowledged]) -> Overview:
    """The overview with what the rules say. What was answered for and is no worse becomes a note."""
    closed = any(alert.cause in _CLOSED for alert in seen.alerts)
    seen, readings = _one_trouble(seen, list(readings))
    said = [
        replace(alert, level=Level.NOTE, next_step="")
        if alert.cause == Cause.FAILURE_RATE and not seen.failing
        else alert
        for alert in alerts_of(readings, answers)
        if not (closed and alert.cause == Cause.NO_MIGRATION and alert.verdict == Check.UNKNOWN)
    ]
    causes = {alert.cause for alert in said}
    own = [
        _named(alert, answers) for alert in seen.alerts if not (alert.cause == Cause.DAMAGE and alert.cause in causes)
    ]
    together = sorted((*own, *said), key=_place)
    return replace(seen, alerts=tuple(together))


def _one_trouble(seen: Overview, readings: list[Reading]) -> tuple[Overview, list[Reading]]:
    """Files that fail and the rate of failures are one trouble, told once, as bad as the worse of them. Where each file
    that failed is answered for or mended by now, the rate needs nobody: it says so.
    """
    rate = next((each for each in readings if each.cause == Cause.FAILURE_RATE and each.alerts), None)
    if rate is None:
        return seen, readings
    if not seen.failing:
        over = replace(rate, text=f"{rate.text}; each is answered for or mended by now")
        return seen, [over if each is rate else each for each in readings]
    alerts = tuple(
        replace(each, verdict=max(each.verdict, rate.verdict, key=weight), text=f"{each.text}; {rate.text}")
        if each.cause == Cause.FAILING
        else each
        for each in seen.alerts
    )
    return replace(seen, alerts=alerts), [each for each in readings if each is not rate]


def _place(alert: Alert) -> tuple[int, int]:
    """Offers, and what closes everything, come first; then the worst first; notes last."""
    if alert.level == Level.NOTE:
        return (2, 0)
    first = alert.level == Level.OFFER or alert.cause in _CLOSED
    return (0, 0) if first else (1, -weight(alert.verdict))


def _named(alert: Alert, answers: Mapping[str, Acknowledged]) -> Alert:
    """An alert of the overview with its key and verdict; as a note where somebody has answered for it.

    Worse: more files than then, or another run.
    """
    if alert.level != Level.ALERT:
        return alert
    key = alert.key or ("" if alert.cause in _NEVER_QUIET else f"{alert.cause}:{alert.run}".rstrip(":"))
    alert = replace(alert, key=key, verdict=_VERDICTS.get(alert.cause, alert.verdict))
    answer = answers.get(key) if key else None
    return answered(alert, answer) if answer is not None and still_answered(alert, answer) else alert


def settled(ctx: Context) -> Settled:
    """Overview, state file and all rules, read now. Raises nothing that an alert can say."""
    from console.engine.observe.state_file import look_at_state_file, with_state_file

    seen = overview(ctx)
    if seen.state_file is not None and seen.has_ledger:
        seen = with_state_file(seen, look_at_state_file(ctx))
    looked = look(ctx)
    return Settled(settle(seen, looked.readings, looked.answers), looked)
