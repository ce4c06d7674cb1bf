"""What a step can do besides the actions of the registry: short acts that need no run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.engine.context import Context

if TYPE_CHECKING:
    from console.engine.observe.release import Release

Values = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Act:
    """parameters: all of them texts, all needed. command: what does the same. do: raises EngineError; comes back
    with one sentence when it is done."""

    parameters: tuple[str, ...]
    command: str
    do: Callable[[Context, Values], str]


def _maintenance_on(ctx: Context, values: Values) -> str:
    from console.engine.checks.maintenance import read_maintenance, turn_on

    standing = read_maintenance(ctx)
    if standing is not None:  # somebody's, perhaps one's own of before the line dropped
        return f"it was on already: {standing.sentence()}"
    note, unkept = turn_on(ctx, str(values["reason"]))
    return note.sentence() + (f" (not in the ledger: {unkept})" if unkept else "")


def _maintenance_off(ctx: Context, values: Values) -> str:
    from console.engine.checks.maintenance import turn_off

    lifted, unkept = turn_off(ctx)
    said = "processing is allowed again" if lifted else "it was off already"
    return said + (f" (not in the ledger: {unkept})" if unkept else "")


def _release(ctx: Context, values: Values) -> str:
    from console.engine.observe.release import Release

    return _let_go(ctx, Release(run=str(values["run"])), str(values["reason"]))


def _release_file(ctx: Context, values: Values) -> str:
    from console.engine.observe.release import Release

    return _let_go(ctx, Release(files=(str(values["file"]),)), str(values["reason"]))


def _let_go(ctx: Context, selection: Release, reason: str) -> str:
    from console.engine.errors import UsageError
    from console.engine.observe.release import release
    from console.engine.runs.query import find_run
    from console.engine.text import plural

    if selection.run:
        find_run(ctx, selection.run)  # one that there is not is told as such
    try:
        paths = release(ctx, selection, reason)
    except UsageError as error:
        if "held" not in error.what and "holds nothing" not in error.what:
            raise
        return f"nothing was to be released: {error.what}"  # somebody has, perhaps oneself before the line dropped
    return f"{plural(len(paths), 'file')} released: the next migrate may publish them"


def _accept(ctx: Context, values: Values) -> str:
    from console.engine.observe.failures import FailureSelection
    from console.engine.observe.failures_accept import accept
    from console.engine.text import plural

    done = accept(ctx, FailureSelection((str(values["file"]),)), str(values["reason"]))
    already = f", {done.already} answered for before" if done.already else ""
    return f"{plural(len(done.rows), 'failure')} accepted{already}"


def _doctor(ctx: Context, values: Values) -> str:
    from console.engine.observe.doctor import examine, repair

    done = repair(ctx, [finding for finding in examine(ctx) if finding.repair])
    return "; ".join(done) or "doctor found nothing that it could repair"


def _cancel(ctx: Context, values: Values) -> str:
    from console.engine.errors import UsageError
    from console.engine.runs.cancel import request_cancel
    from console.engine.runs.query import find_run

    row = find_run(ctx, str(values["run"]))
    try:
        request_cancel(ctx, row.id)
    except UsageError as error:
        return f"{error.what}: nothing was to be cancelled"
    return f"run {row.short} was asked to stop: it finishes the batch in hand"


def _errors_reviewed(ctx: Context, values: Values) -> str:
    from console.engine.checks.kept import ACKNOWLEDGE, ERRORS, sign

    signed = sign(ctx, ERRORS, str(values["note"]), kind=ACKNOWLEDGE)
    return f"the errors up to now are acknowledged by {signed.by}"


def _checkpoint(ctx: Context, values: Values) -> str:
    from console.engine.ledger.checkpoint import make_checkpoint

    return f"checkpoint {make_checkpoint(ctx, str(values['label'])).id} is kept"


ACTS: Mapping[str, Act] = {
    "maintenance on": Act(("reason",), "opsconsole maintenance on --reason {reason}", _maintenance_on),
    "maintenance off": Act((), "opsconsole maintenance off", _maintenance_off),
    "state release": Act(("run", "reason"), "opsconsole state release --run {run} --reason {reason}", _release),
    "state release file": Act(("file", "reason"), "opsconsole state release {file} --reason {reason}", _release_file),
    "failures accept": Act(("file", "reason"), "opsconsole failures accept {file} --reason {reason}", _accept),
    "doctor repair": Act((), "opsconsole doctor --repair --yes", _doctor),
    "runs cancel": Act(("run",), "opsconsole runs cancel {run}", _cancel),
    "state checkpoint": Act(("label",), "opsconsole state checkpoint --label {label}", _checkpoint),
    "errors acknowledge": Act(("note",), "opsconsole checklist ack --note {note}", _errors_reviewed),
}
