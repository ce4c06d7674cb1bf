"""Whether a procedure makes sense: every step has what its kind needs, names what there is, and leads on to an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from console.engine.actions.parameters import parameters_of
from console.engine.actions.registry import ACTIONS
from console.engine.errors import ConfigurationError
from console.engine.procedures.acts import ACTS
from console.engine.procedures.fill import BUILT_IN, named
from console.engine.procedures.model import END, Procedure, Step
from console.engine.procedures.shell import quoted_values
from console.engine.settings.check import nearest
from console.engine.settings.checklists import read_probe

# What a step of each kind must have, and may have besides what every step may.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "explain": ("text",),
    "probe": ("checks",),
    "action": ("action",),
    "choose": ("branches",),
    "input": ("value",),
    "manual": ("text",),
    "command": ("command",),
    "record": ("text",),
}
# Keys of the file that belong to one kind; what another kind would not heed is no mere ornament there.
_OWN: Mapping[str, str] = {
    "checks": "probe",
    "action": "action",
    "with": "action",
    "partial": "action",
    "branch": "choose",
    "value": "input",
    "of": "input",
    "default": "input",
    "optional": "input",
    "command": "command",
    "seconds": "command",
    "statuses": "command",
}
_NOT_OF_A_CHOICE = {"next": "its branches say where it leads", "after": "a choice is not ticked"}
_WORDS = {"branches": "branch"}


def check_keys(entries: Iterable[Mapping[str, Any]], file: str) -> None:
    """Raise ConfigurationError for a key that a step of its kind does not heed. entries: as the schema has them."""
    for entry in entries:
        kind, step = entry["kind"], Step(entry["id"], entry["kind"], entry["title"])
        for key, whose in _OWN.items():
            if key in entry and kind != whose:
                raise _wrong(file, step, f"`{key}` is for a step of kind {whose}, this is of kind {kind}", key)
        for key, why in _NOT_OF_A_CHOICE.items():
            if key in entry and kind == "choose":
                raise _wrong(file, step, f"`{key}` has no place in a choice: {why}", key)


def check_procedure(procedure: Procedure, file: str) -> None:
    """Raise ConfigurationError for the first thing that is wrong: file, step, reason."""
    _unique(procedure, file)
    for step in procedure.steps:
        _kind(step, file)
        _leads(procedure, step, file)
        _names(step, file)
    _no_loop(procedure, file)
    _reached(procedure, file)
    _values(procedure, file)


def _wrong(file: str, step: Step, what: str, key: str = "", next_step: str = "") -> ConfigurationError:
    place = f"step {step.id}" + (f": {key}" if key else "")
    return ConfigurationError(f"step {step.id}: {what}", file=file, key=place, next_step=next_step)


def _unique(procedure: Procedure, file: str) -> None:
    seen: set[str] = set()
    for step in procedure.steps:
        if step.id in seen:
            raise _wrong(file, step, "two steps have this id", "id")
        if step.id == END:
            raise _wrong(file, step, f"`{END}` is where a procedure ends, no step can be called so", "id")
        seen.add(step.id)


def _kind(step: Step, file: str) -> None:
    for field in _NEEDS[step.kind]:
        if not getattr(step, field):
            word = _WORDS.get(field, field)
            raise _wrong(file, step, f"a step of kind {step.kind} needs `{word}`", word)
    labels = [branch.label for branch in step.branches]
    for label in labels:
        if labels.count(label) > 1:
            raise _wrong(file, step, f"two branches are called {label!r}", "branch")
    for name in quoted_values(step.command):
        what = f"`{{{name}}}` stands between quotes, or behind \\ or $, in the command"
        helps = "leave the quotes out there: a value is quoted where it is filled in, whatever is in it"
        raise _wrong(file, step, what, "command", helps)


def _leads(procedure: Procedure, step: Step, file: str) -> None:
    for target in step.leads_to:
        if target != END and procedure.find(target) is None:
            near = nearest(target, [each.id.replace("-", "_") for each in procedure.steps]).replace("_", "-")
            key = "branch" if step.branches else "next"
            helps = f"perhaps {near} was meant" if near else ""
            raise _wrong(file, step, f"it leads to {target!r}, which is no step", key, helps)


def _names(step: Step, file: str) -> None:
    """Actions, parameters and probes that there are."""
    for key, condition in step.conditions():
        entry = {"probe": condition.probe, "parameters": condition.parameters}
        try:
            read_probe(entry, file, key)
        except ConfigurationError as error:
            raise _wrong(file, step, error.what, key, error.next_step) from None
    if not step.action:
        return
    known = _parameters(step, file)
    for name, value in step.given.items():
        if name not in known:
            has = "it has: " + (", ".join(known) or "none")
            raise _wrong(file, step, f"{step.action} has no parameter {name!r}", f"with.{name}", has)
        kind = known[name]
        if isinstance(value, str) and kind is not bool and any(named(value)):
            continue  # checked when it is filled in
        wants = str if kind is tuple else kind
        if not isinstance(value, wants) or (wants is int and isinstance(value, bool)):
            wanted = {int: "a whole number", bool: "true or false"}.get(kind, "a text in quotes")
            raise _wrong(file, step, f"`with.{name}` must be {wanted}", f"with.{name}")


def _parameters(step: Step, file: str) -> Mapping[str, type]:
    if step.action in ACTS:
        return dict.fromkeys(ACTS[step.action].parameters, str)
    names = [action.name for action in ACTIONS if action.available]
    if step.action not in names:
        near = nearest(step.action, [*names, *ACTS])
        helps = f"perhaps {near} was meant" if near else "one of " + ", ".join([*names, *ACTS])
        raise _wrong(file, step, f"there is no action {step.action!r}", "action", helps)
    return parameters_of(step.action)


def _no_loop(procedure: Procedure, file: str) -> None:
    """A step may not lead back to itself: going back is something that people do, with what they know by then."""
    state: dict[str, int] = {}  # 1: on the way, 2: done

    def walk(step: Step) -> None:
        state[step.id] = 1
        for target in step.leads_to:
            found = procedure.find(target)
            if found is None:
                continue
            if state.get(found.id) == 1:
                raise _wrong(file, step, f"it leads back to {found.id}: a loop", "next")
            if found.id not in state:
                walk(found)
        state[step.id] = 2

    for step in procedure.steps:
        if step.id not in state:
            walk(step)


def _reached(procedure: Procedure, file: str) -> None:
    reached = {procedure.steps[0].id}
    waiting = [procedure.steps[0]]
    while waiting:
        for target in waiting.pop().leads_to:
            found = procedure.find(target)
            if found is not None and found.id not in reached:
                reached.add(found.id)
                waiting.append(found)
    for step in procedure.steps:
        if step.id not in reached:
            raise _wrong(file, step, "no step leads here", "id")


def _values(procedure: Procedure, file: str) -> None:
    """Every value that is named is asked for before, on some way that leads there."""
    before = _inputs_before(procedure)
    for step in procedure.steps:
        known = before[step.id] | set(BUILT_IN)
        for key, text in _texts(step):
            for name in named(text):
                if name not in known:
                    helps = "ask for it in a step of kind input before; a brace that is meant is written {{"
                    raise _wrong(file, step, f"`{{{name}}}` names no value that is known here", key, helps)


def _inputs_before(procedure: Procedure) -> Mapping[str, set[str]]:
    """For each step the values that some way to it has asked for. The steps have no loop."""
    found: dict[str, set[str]] = {step.id: set() for step in procedure.steps}
    changed = True
    while changed:
        changed = False
        for step in procedure.steps:
            out = found[step.id] | ({step.value} if step.value else set())
            for target in step.leads_to:
                if target in found and not out <= found[target]:
                    found[target] |= out
                    changed = True
    return found


def _texts(step: Step) -> Iterable[tuple[str, str]]:
    yield "text", step.text
    yield "command", step.command
    yield "default", step.default
    for name, value in step.given.items():
        if isinstance(value, str):
            yield f"with.{name}", value
    for key, condition in step.conditions():
        yield f"{key}.text", condition.text
        for name, given in condition.parameters.items():
            if isinstance(given, str):
                yield f"{key}.parameters.{name}", given
