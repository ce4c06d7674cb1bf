"""What a rule says of the workspace at one moment, and how that becomes an alert or is quiet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from console.engine.context import Context
from console.engine.model import Check
from console.engine.observe.alerts import Acknowledged, Alert, Cause, Level

CLOCK_SECONDS = 300.0  # so far another clock may be ahead of this one
_WEIGHT = {Check.PASS: 0, Check.UNKNOWN: 1, Check.WARN: 2, Check.FAIL: 3}


@dataclass(frozen=True, slots=True)
class Measured:
    """One number behind a reading, for whoever draws it. unit: '', '%', 'B', 's' or 'c' (a counter), as Nagios has
    them; warn, fail: above these; None: no such limit."""

    label: str
    value: float
    unit: str = ""
    warn: float | None = None
    fail: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one rule says. Unsanitised.

    rule: one of settings.ALERT_RULES, or `workspace`. key: what it is about, as it is acknowledged; the same as long
    as it is the same trouble. measure: how bad; step: a rise of `measure` by more than this is worse. since: when it
    began (UTC, ISO 8601), '' where nobody knows; an acknowledgement before that is of an earlier time. collecting:
    unknown only because there is no history yet. next_step: what helps.
    """

    rule: str
    key: str
    verdict: Check
    text: str
    next_step: str = ""
    measure: float = 0.0
    step: float = 0.0
    since: str = ""
    collecting: bool = False
    details: tuple[str, ...] = ()
    cause: Cause = Cause.OTHER
    run: str = ""
    measured: tuple[Measured, ...] = ()

    @property
    def alerts(self) -> bool:
        """Whether somebody is needed."""
        return self.verdict in (Check.WARN, Check.FAIL) or (self.verdict == Check.UNKNOWN and not self.collecting)


def still_answered(reading: Reading | Alert, answer: Acknowledged | None, step: float = 0.0) -> bool:
    """Whether an acknowledgement still holds: what it was given for began before it and has not become worse.

    Worse: a higher verdict than then, or a measure that rose by more than the rule's step.
    """
    if answer is None or (reading.since and reading.since > answer.at):
        return False
    if weight(reading.verdict) > weight(answer.verdict):
        return False
    return reading.measure <= answer.measure + (reading.step if isinstance(reading, Reading) else step)


def alert_of(reading: Reading, answers: Mapping[str, Acknowledged]) -> Alert:
    """The reading as the console shows it; a note that is not counted where somebody has answered for it."""
    alert = Alert(
        reading.text,
        reading.next_step,
        reading.cause,
        run=reading.run,
        details=reading.details,
        key=reading.key,
        verdict=reading.verdict,
        measure=reading.measure,
        since=reading.since,
    )
    answer = answers.get(reading.key)
    return answered(alert, answer) if answer is not None and still_answered(reading, answer) else alert


def answered(alert: Alert, answer: Acknowledged) -> Alert:
    """The alert as a note that says who answered for it."""
    details = alert.details or ((alert.next_step,) if alert.next_step else ())
    return replace(
        alert, level=Level.NOTE, answer=answer, next_step=answer.sentence(), details=(*details, answer.sentence())
    )


def alerts_of(readings: Iterable[Reading], answers: Mapping[str, Acknowledged]) -> tuple[Alert, ...]:
    """Those that need somebody, the worst first, and behind them those that somebody has answered for.

    Of readings with the same key, which are of the same trouble, the first.
    """
    found: dict[str, Alert] = {}
    for reading in readings:
        if reading.alerts:
            found.setdefault(reading.key, alert_of(reading, answers))
    return tuple(sorted(found.values(), key=lambda alert: (alert.level != Level.ALERT, -weight(alert.verdict))))


def worst(verdicts: Iterable[Check]) -> Check:
    """Of these verdicts the one that counts, as Nagios weighs them: fail, warn, unknown, pass."""
    return max(verdicts, key=weight, default=Check.PASS)


def weight(verdict: Check) -> int:
    """How heavy a verdict is: the higher, the worse."""
    return _WEIGHT[verdict]


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def moment(text: str) -> datetime | None:
    """A time of the ledger; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def age(ctx: Context, text: str | None) -> float | None:
    """Seconds since a time of the ledger. None: it is no time, or lies in the future, so that a clock is wrong."""
    found = moment(text or "")
    if found is None:
        return None
    seconds = (ctx.env.now() - found).total_seconds()
    return None if seconds < -CLOCK_SECONDS else max(0.0, seconds)


def ago(ctx: Context, **span: float) -> str:
    """The ledger's form of so long ago (days=, hours=)."""
    return (ctx.env.now() - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def for_people(seconds: float) -> str:
    """`3 h`, `9 days`: as short as a line of alerts wants it."""
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
