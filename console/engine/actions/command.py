"""An action as a command line. Light: whoever starts a run needs it, and nothing of what the run does."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.engine.model import ActionParams


def command_line(action: str, params: ActionParams, overrides: dict[str, str] | None = None) -> str:
    """The command line that does the same; the fields of the parameters are its options."""
    words = ["opsconsole", action]
    for field in fields(params):
        value, option = getattr(params, field.name), f"--{field.name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value:
            words += [option, str(value)]
    for name in overrides or {}:
        words += ["--override", name]
    if overrides:
        words += ["--reason", next(iter(overrides.values()))]
    return shlex.join([*words, "--yes"])
