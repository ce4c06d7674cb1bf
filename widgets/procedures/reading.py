"""A whole procedure to be read before it is begun, as lines for a pager."""

from __future__ import annotations

from console.engine.procedures.model import END, Condition, Procedure, Step
from widgets.procedures.words import paragraphs


def procedure_lines(procedure: Procedure) -> list[tuple[str, str]]:
    """Every step: what it says, does and asks, and where it leads."""
    rows = [(procedure.title, "accent"), (procedure.about, ""), ("", "")]
    if procedure.symptoms:
        rows.append((f"leads here: {', '.join(procedure.symptoms)}", "dim"))
    for number, step in enumerate(procedure.steps, 1):
        rows += [("", ""), (f"{number} {step.title}   ({step.kind})", "strong")]
        rows += [(f"   {line}", "") for line in paragraphs(step.text) if line]
        rows += _does(step)
        rows += _asks("must hold first", step.before) + _asks("asks", step.checks) + _asks("must hold then", step.after)
        for branch in step.branches:
            rows.append((f"   → {branch.label}: {branch.to}", ""))
            rows += _asks("  speaks for it", branch.evidence)
        following = procedure.steps[number].id if number < len(procedure.steps) else END
        if not step.branches and step.next != following:
            rows.append((f"   then: {step.next}", "dim"))
    return rows


def _does(step: Step) -> list[tuple[str, str]]:
    if step.action:
        given = ", ".join(f"{name} = {value}" for name, value in step.given.items())
        return [(f"   does: {step.action}" + (f" with {given}" if given else ""), "accent")]
    if step.command:
        return [(f"   $ {line}", "accent") for line in step.command.split("\n")]
    return [(f"   asks for: {step.value} ({step.of})", "accent")] if step.value else []


def _asks(label: str, conditions: tuple[Condition, ...]) -> list[tuple[str, str]]:
    return [(f"   {label}: {each.text}  [{each.probe}]", "dim") for each in conditions]
