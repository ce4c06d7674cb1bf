"""An action as a command line. Light: whoever starts a run needs it, and nothing of what the run does."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING

from console.engine.actions.registry import ACTIONS

if TYPE_CHECKING:
    from console.engine.model import ActionParams


def command_line(action: str, params: ActionParams, overrides: dict[str, str] | None = None, *, word: str = "") -> str:
    """The command line that does the same; the fields of the parameters are its options.

    word: what a dangerous action wants typed. A field whose metadata has `positional` is an argument, one with
    `option` is typed as that; an action's own `reason` serves its overrides too.
    """
    typed = next((known.typed for known in ACTIONS if known.name == action), "") or action
    words = ["opsconsole", *typed.split()]
    for field in fields(params):
        value = getattr(params, field.name)
        option = field.metadata.get("option") or f"--{field.name.replace('_', '-')}"
        if field.metadata.get("positional"):
            values = value if isinstance(value, tuple) else [value] if value else []
            words += [str(each) for each in values]
        elif value is True:
            words.append(option)
        elif value:
            words += [option, str(value)]
    for name in overrides or {}:
        words += ["--override", name]
    if overrides and not getattr(params, "reason", ""):
        words += ["--reason", next(iter(overrides.values()))]
    if word:
        words += ["--confirm", word]
    return shlex.join([*words, "--yes"])
