"""What needs somebody, as plain data: one alert a cause, with what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from console.engine.model import Check


class Cause(StrEnum):
    """What an alert is about. A front opens by it what helps."""

    OTHER = ""
    ADOPTION = "adoption"  # what another program published waits to be adopted
    LEFT = "left"  # the workspace was given back
    STATE_FILE = "state-file"  # somebody else changed or deleted it
    BROKEN_STATE_FILE = "broken-state-file"
    NEWER_LEDGER = "newer-ledger"
    OLDER_LEDGER = "older-ledger"
    LEDGER = "ledger"  # it cannot be read
    DEAD_RUN = "dead-run"
    LAST_RUN = "last-run"  # refused, or stopped before its end
    FAILING = "failing"
    EXPIRED = "expired"
    HELD = "held"  # taken back by a rollback, waiting for somebody
    DAMAGE = "damage"  # verify found files that are not whole
    BY_HAND = "by-hand"  # somebody moved, copied, changed or removed files
    MAINTENANCE = "maintenance"  # somebody has stopped processing
    DISK = "disk"  # nearly full, in bytes or inodes
    NO_MIGRATION = "no-migration"  # files wait, and no run came for them
    ERRORS = "errors"  # in the logs
    FAILURE_RATE = "failure-rate"
    SCHEMA = "schema"  # does not load, or published files were judged by another
    VERIFY_OVERDUE = "verify-overdue"
    SLOW = "time-per-file"
    LOG_SIZE = "log-size"
    CLOCK = "clock"  # what was recorded lies in the future
    OTHERS = "others"  # files, entries and backups that are not ours and stay as they are


class Level(StrEnum):
    """How loud: only an ALERT is counted."""

    ALERT = "alert"
    OFFER = "offer"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """That somebody answered for an alert. verdict, measure, text: what it was then; at: UTC, ISO 8601."""

    key: str
    verdict: Check
    measure: float
    text: str
    at: str
    by: str
    note: str

    def sentence(self) -> str:
        return f"acknowledged by {self.by} {self.at[:10]} {self.at[11:16]}: {self.note}"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs somebody, and what to do about it: often a command line. Unsanitised.

    at: a time (UTC, ISO 8601) that ends the text when it is shown, '' where there is none. run: the id of the run
    that it is about. details: lines for whoever wants to know more. key: by what it can be acknowledged, '' where it
    cannot; verdict, measure: how bad; since: when it began, '' where nobody knows; answer: who acknowledged it.
    """

    text: str
    next_step: str = ""
    cause: Cause = Cause.OTHER
    level: Level = Level.ALERT
    at: str = ""
    run: str = ""
    details: tuple[str, ...] = ()
    key: str = ""
    verdict: Check = Check.WARN
    measure: float = 0.0
    since: str = ""
    answer: Acknowledged | None = None


_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?")


def short_times(text: str) -> str:
    """`text` with its ISO times cut to the minute."""
    return _TIME.sub(r"\1 \2", text)
