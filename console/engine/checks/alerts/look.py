"""All rules at once: what each says of the workspace now. Reads only, raises nothing: what cannot be told is unknown.

The quick rules ask the ledger and the file systems: milliseconds. The slow ones read logs and schemas and, where a
migrate is overdue, walk the raw zone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from console.engine.checks.alerts.answers import read_answers
from console.engine.checks.alerts.disk import disk, log_size
from console.engine.checks.alerts.errors import errors
from console.engine.checks.alerts.files import mismatch, schema, verify_overdue
from console.engine.checks.alerts.model import Reading
from console.engine.checks.alerts.runs import failure_rate, no_migration, time_per_file
from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError
from console.engine.ledger.store import Reader, reading
from console.engine.model import Check
from console.engine.observe.alerts import Acknowledged
from console.engine.settings.model import ALERT_RULES

QUICK = ("mismatch", "disk", "failure-rate", "verify-overdue", "time-per-file", "log-size")
SLOW = ("no-migration", "errors", "schema")


@dataclass(frozen=True, slots=True)
class Looked:
    """What the rules said, in the order of ALERT_RULES; answers: what somebody has acknowledged."""

    readings: tuple[Reading, ...]
    answers: Mapping[str, Acknowledged]


def look(ctx: Context, rules: Collection[str] = ALERT_RULES, *, before: Collection[str] = ()) -> Looked:
    """What these rules say now. before: keys of alerts that were raised a moment ago, for their hysteresis."""
    wanted = [rule for rule in ALERT_RULES if rule in rules and rule not in ctx.settings.alerts.off]
    try:
        with reading(ctx.workspace.ledger) as connection:
            answers = {} if connection is None else read_answers(connection)
            found = [each for rule in wanted for each in _ask(ctx, connection, rule, answers, before)]
            return Looked(tuple(found), answers)
    except LedgerError as error:
        # one alert says that the ledger cannot be read; what needs none is told all the same
        alone = [each for rule in wanted if rule in ("disk", "log-size") for each in _ask(ctx, None, rule, {}, before)]
        rest = [
            Reading(rule, rule, Check.UNKNOWN, f"{rule}: {error.what}", error.next_step, collecting=True)
            for rule in wanted
            if rule not in ("disk", "log-size")
        ]
        return Looked((*alone, *rest), {})


def _ask(
    ctx: Context,
    connection: Reader | None,
    rule: str,
    answers: Mapping[str, Acknowledged],
    before: Collection[str],
) -> Iterator[Reading]:
    """What one rule says; that it cannot tell where it fails."""
    try:
        if rule == "disk":
            yield from disk(ctx, connection, before=before)
        elif rule == "log-size":
            yield from log_size(ctx, connection)
        elif rule == "errors":
            yield from errors(ctx, connection, answers)
        elif connection is None:
            yield Reading(rule, rule, Check.UNKNOWN, f"{rule}: there is no ledger yet", collecting=True)
        else:
            yield from _OF_LEDGER[rule](ctx, connection)
    except (EngineError, OSError) as error:
        yield Reading(rule, rule, Check.UNKNOWN, f"{rule}: {error}", "`opsconsole doctor`")
    except (sqlite3.Error, ValueError, TypeError, KeyError) as error:  # a row that no program of ours wrote
        text = f"{rule}: the ledger says something that cannot be: {type(error).__name__}: {error}"
        yield Reading(rule, rule, Check.UNKNOWN, text, "`opsconsole doctor`")


_OF_LEDGER: dict[str, Callable[[Context, sqlite3.Connection], Iterator[Reading]]] = {
    "mismatch": mismatch,
    "no-migration": no_migration,
    "failure-rate": failure_rate,
    "schema": schema,
    "verify-overdue": verify_overdue,
    "time-per-file": time_per_file,
}
