"""What a block of a runbook is replaced by: steps that do the same safely, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.engine.procedures.model import COMMAND_SECONDS


@dataclass(frozen=True, slots=True)
class Ask:
    """A value that the safe way needs and the runbook does not have. of: as a step of kind input has it."""

    value: str
    title: str
    of: str = "text"
    default: str = ""
    optional: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class SafeStep:
    """kind: action | command | probe | record. given: of an action; `<value>` of an Ask stands in it as {value}.

    asks: before it. of: what a placeholder in it is (`[source_name]` -> source).
    """

    kind: str
    title: str
    text: str
    action: str = ""
    given: Mapping[str, str | int | bool] = field(default_factory=dict)
    command: str = ""
    partial: bool = False
    checks: tuple[tuple[str, Mapping[str, str]], ...] = ()
    asks: tuple[Ask, ...] = ()
    of: Mapping[str, str] = field(default_factory=dict)
    seconds: int = COMMAND_SECONDS

    @property
    def words(self) -> str:
        """What does it, in two or three words."""
        return self.action or {"command": "opsconsole " + self.command.split()[1] if self.command else ""}.get(
            self.kind, "a check" if self.kind == "probe" else "a note"
        )


@dataclass(frozen=True, slots=True)
class Safe:
    """What a block is replaced by. left: commands of it that change something and that nothing here stands for."""

    steps: tuple[SafeStep, ...]
    left: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return ", then ".join(dict.fromkeys(step.words for step in self.steps))
