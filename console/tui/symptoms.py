"""Which procedures an alert, a run, a file or an item of a checklist leads to, with the values that are known then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from console.engine.model import RunStatus
from console.engine.observe.alerts import Level

if TYPE_CHECKING:
    from console.engine.model import RunRow
    from console.engine.observe.alerts import Alert
    from console.engine.procedures.load import Library

Led = tuple[str, str, Mapping[str, str]]  # a procedure's name, why, its values


def of_alert(alert: Alert) -> tuple[str, ...]:
    """Its symptoms: by its rule or its cause, and by the words of its key."""
    named = [alert.key.partition(":")[0], str(alert.cause)]
    return tuple(dict.fromkeys(f"alert:{name}" for name in named if name))


def of_run(run: RunRow) -> tuple[str, ...]:
    """Its symptoms: how it ended."""
    found = [f"run:{run.status.value}"]
    if run.exit_status is not None:
        found.append(f"exit:{run.exit_status}")
    return tuple(found)


def led_to(library: Library, symptoms: Iterable[str], why: str, values: Mapping[str, str]) -> list[Led]:
    """The procedures that name one of these, each once, with those of the values that it asks for."""
    found: dict[str, Led] = {}
    for symptom in symptoms:
        for name, procedure in library.procedures.items():
            if symptom in procedure.symptoms and name not in found:
                found[name] = (name, why, {each: text for each, text in values.items() if each in procedure.values})
    return list(found.values())


def suggested(library: Library, alerts: Sequence[Alert], last: RunRow | None) -> list[Led]:
    """What today's alerts and the last run lead to, the most urgent first, each procedure once."""
    found: dict[str, Led] = {}
    for alert in alerts:
        if alert.level == Level.ALERT:
            for led in led_to(library, of_alert(alert), alert.text, {"run": alert.run}):
                found.setdefault(led[0], led)
    if last is not None and last.status not in (RunStatus.RUNNING, RunStatus.DONE):
        why = f"the last run, {last.action} {last.short}, ended as {last.status.value}"
        for led in led_to(library, of_run(last), why, {"run": last.id}):
            found.setdefault(led[0], led)
    return list(found.values())
