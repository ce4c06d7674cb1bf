"""What a step can do besides the actions of the registry: short acts that need no run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.engine.context import Context

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


ACTS: Mapping[str, Act] = {
    "maintenance on": Act(("reason",), "opsconsole maintenance on --reason {reason}", _maintenance_on),
    "maintenance off": Act((), "opsconsole maintenance off", _maintenance_off),
}
