"""What a procedure is made of. A definition is data: a TOML file below config/procedures, ours or the workspace's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from console.engine.model import Check

END = "end"  # where the last step leads
KINDS = ("explain", "probe", "action", "choose", "input", "manual", "command", "record")
COMMAND_SECONDS = 120

Given = str | int | bool | dict[str, int]


@dataclass(frozen=True, slots=True)
class Condition:
    """A probe that is asked, and the verdicts that let one go on. parameters: may name values as `{source}`."""

    probe: str
    text: str
    parameters: Mapping[str, Given] = field(default_factory=dict)
    good: tuple[Check, ...] = (Check.PASS,)


@dataclass(frozen=True, slots=True)
class Branch:
    """One answer of a choice: where it leads, and the probes that speak for it."""

    label: str
    to: str
    evidence: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step. before: must hold before it is done; checks: what a probe asks; after: must hold before it is ticked.

    action, given: of an action, with its parameters; partial: a run in which some files failed will do.
    value, of, default, optional: of an input. branches: of a choice. command, seconds, statuses: of a command, which
    the shell runs in the root. next: the step that follows, END for none.
    """

    id: str
    kind: str
    title: str
    text: str = ""
    next: str = END
    before: tuple[Condition, ...] = ()
    checks: tuple[Condition, ...] = ()
    after: tuple[Condition, ...] = ()
    action: str = ""
    given: Mapping[str, str | int | bool] = field(default_factory=dict)
    partial: bool = False
    value: str = ""
    of: str = "text"
    default: str = ""
    optional: bool = False
    branches: tuple[Branch, ...] = ()
    command: str = ""
    seconds: int = COMMAND_SECONDS
    statuses: tuple[int, ...] = (0,)

    @property
    def leads_to(self) -> tuple[str, ...]:
        """The steps that may follow, END among them."""
        return tuple(branch.to for branch in self.branches) or (self.next,)

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Everything that it may ask, with the key it has in the file."""
        for name, conditions in (("before", self.before), ("checks", self.checks), ("after", self.after)):
            yield from ((f"{name}[{number}]", each) for number, each in enumerate(conditions))
        for at, branch in enumerate(self.branches):
            yield from ((f"branch[{at}].evidence[{number}]", each) for number, each in enumerate(branch.evidence))


@dataclass(frozen=True, slots=True)
class Procedure:
    """name: of its file, without the suffix. symptoms: what leads here, as `alert:errors`. own: of the workspace.

    source: the TOML text; a session keeps it, so that it goes on as it began whatever becomes of the file.
    """

    name: str
    title: str
    about: str
    steps: tuple[Step, ...]
    symptoms: tuple[str, ...] = ()
    own: bool = False
    source: str = ""

    def find(self, step: str) -> Step | None:
        return next((each for each in self.steps if each.id == step), None)

    def number(self, step: str) -> int:
        """The place of a step in the file, from 1; 0 where there is none of that name."""
        return next((at for at, each in enumerate(self.steps, 1) if each.id == step), 0)

    @property
    def values(self) -> Mapping[str, Step]:
        """The inputs by the name of their value."""
        return {step.value: step for step in self.steps if step.kind == "input"}
