"""What leads to a procedure: alerts, the last run, files, probes. Each procedure names its own; an error names one
itself (`EngineError.procedure`).

A symptom is `kind:name`. alert: a rule, a cause, or what was done by hand (`backup-copied-over`); run: how it ended, or
the item of its gate that refused it; file: its status; probe: of the registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from console.engine.context import Context
from console.engine.model import Check, FileStatus, RunRow, RunStatus
from console.engine.observe.alerts import Alert, Cause, short_times
from console.engine.procedures.load import Library
from console.engine.procedures.model import Procedure
from console.engine.procedures.offers import offers

# What observe.reconcile_hand calls what people do by hand.
BY_HAND = (
    "backup-copied-over",
    "flattened-archive",
    "unknown-in-archive",
    "overwritten-in-archive",
    "truncated",
    "tampered",
    "deleted",
    "flat-copies",
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A procedure that helps now. why: the alert or run that leads there, in words, unsanitised. values: of its inputs,
    as far as the symptom tells them. symptom: by which it was found."""

    procedure: Procedure
    why: str
    values: Mapping[str, str] = field(default_factory=dict)
    symptom: str = ""


def for_symptom(library: Library, symptom: str) -> list[Procedure]:
    """The procedures that name it: the workspace's own first, then those that name it earlier among theirs."""
    found = [each for each in library.procedures.values() if symptom in each.symptoms]
    return sorted(found, key=lambda each: (not each.own, each.symptoms.index(symptom), each.name))


def suggested(
    ctx: Context, library: Library, alerts: Iterable[Alert], last_run: RunRow | None = None
) -> list[Suggestion]:
    """What helps with these alerts and with how the last run ended, each procedure once, the first reason first.

    Values are those that the symptom itself names: its run, its file. Raises nothing for a ledger that cannot be read.
    """
    found: dict[str, Suggestion] = {}
    for alert in alerts:
        leads = ((symptom, for_symptom(library, symptom)) for symptom in alert_symptoms(alert))
        symptom, procedures = next((each for each in leads if each[1]), ("", []))  # the narrowest that leads anywhere
        for procedure in procedures:
            values = _values(ctx, procedure, run=alert.run, files=_files_of(alert))
            why = f"{alert.text} {short_times(alert.at)}".rstrip()
            found.setdefault(procedure.name, Suggestion(procedure, why, values, symptom))
    for symptom, why in run_symptoms(last_run):
        assert last_run is not None
        for procedure in for_symptom(library, symptom):
            values = _values(ctx, procedure, run=last_run.id)
            found.setdefault(procedure.name, Suggestion(procedure, why, values, symptom))
    return list(found.values())


def alert_symptoms(alert: Alert) -> list[str]:
    """The symptoms that an alert is, the narrowest first."""
    rule, _, rest = alert.key.partition(":")
    names = [rest if rule == Cause.BY_HAND else "", rule, alert.cause.value]
    return list(dict.fromkeys(f"alert:{name}" for name in names if name))


def run_symptoms(run: RunRow | None) -> Iterator[tuple[str, str]]:
    """(symptom, why) of a run that did not end well: what refused it first, then how it ended."""
    if run is None or run.status in (RunStatus.DONE, RunStatus.RUNNING):
        return
    if run.status == RunStatus.REFUSED:
        for item in run.gate:
            refuses = item.get("blocks") and item.get("verdict") in (Check.FAIL.value, Check.UNKNOWN.value)
            if refuses and not item.get("overridden"):
                yield f"run:{item.get('name')}", f"run {run.short} was refused: {item.get('evidence')}"
    yield f"run:{run.status.value}", f"run {run.short} ({run.action}) is {run.status.value}: {run.message}".rstrip(": ")


def for_file(ctx: Context, library: Library, status: FileStatus | str, path: str) -> list[Suggestion]:
    """What helps with one file. path: raw, relative to the root."""
    symptom = f"file:{FileStatus(status).value}"
    why = f"{path}: {FileStatus(status).value}"
    return [Suggestion(each, why, _values(ctx, each, files=(path,)), symptom) for each in for_symptom(library, symptom)]


def for_probe(library: Library, probe: str) -> list[Procedure]:
    """What helps where this probe does not pass."""
    return for_symptom(library, f"probe:{probe}")


def known_symptoms() -> frozenset[str]:
    """Every symptom that there is: what a file names beside these leads nowhere."""
    from console.engine.checks.gate import ALL
    from console.engine.checks.probes.declared import PROBES
    from console.engine.settings.checklists import DEFAULT
    from console.engine.settings.model import ALERT_RULES

    alerts = {*ALERT_RULES, *(cause.value for cause in Cause if cause), *BY_HAND}
    runs = {*(status.value for status in RunStatus if status != RunStatus.RUNNING), *ALL}
    runs |= {item.name for item in DEFAULT.preflight}
    return frozenset(
        [
            *(f"alert:{name}" for name in alerts),
            *(f"run:{name}" for name in runs),
            *(f"file:{status.value}" for status in FileStatus),
            *(f"probe:{name}" for name in PROBES),
        ]
    )


def _files_of(alert: Alert) -> tuple[str, ...]:
    """The file that an alert of damage names, where it names exactly one: its details are `path: where a copy is`."""
    if alert.cause != Cause.DAMAGE:
        return ()
    names = [line.partition(": ")[0] for line in alert.details]
    return tuple(names) if len(names) == 1 else ()


def _values(ctx: Context, procedure: Procedure, *, run: str = "", files: tuple[str, ...] = ()) -> dict[str, str]:
    """The values that are known: the run, and a file; a failing one where there is only one that it could be."""
    values: dict[str, str] = {}
    for name, step in procedure.values.items():
        if run and (step.of == "run" or name == "run"):
            values[name] = run
        elif step.of == "file":
            known = files or tuple(value for value, _ in offers(ctx, "file")[:2])
            if len(known) == 1:
                values[name] = known[0]
    return values
