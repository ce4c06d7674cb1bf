"""Values in a procedure's texts: `{source}` stands for what somebody chose; `{{` is a brace."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace

from console.engine.procedures.model import Condition, Given

_NAMED = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")
# Values that every session has: since when it goes on (UTC), its own name, and since when its step is the current one.
BUILT_IN = ("started", "session", "entered")


def named(text: str) -> Iterator[str]:
    """The values that a text names."""
    for found in _NAMED.finditer(text):
        if found[1]:
            yield found[1]


def fill(text: str, values: Mapping[str, str], *, missing: str = "") -> str:
    """The text with the values in their places; missing: what stands for one that is not known yet, '' for its name
    in braces."""
    return _NAMED.sub(lambda found: _one(found, values, missing), text)


def fill_shell(text: str, values: Mapping[str, str]) -> str:
    """As `fill`, each value quoted so that the shell takes it for one word, whatever is in it."""
    quoted = {name: shlex.quote(value) for name, value in values.items()}
    return _NAMED.sub(lambda found: _one(found, quoted, ""), text)


def _one(found: re.Match[str], values: Mapping[str, str], missing: str) -> str:
    if not found[1]:
        return found[0][0]
    return values.get(found[1], missing or found[0])


def fill_given(given: Mapping[str, Given], values: Mapping[str, str]) -> dict[str, Given]:
    """Parameters with the values in their places."""
    return {name: fill(value, values) if isinstance(value, str) else value for name, value in given.items()}


def fill_condition(condition: Condition, values: Mapping[str, str]) -> Condition:
    return replace(condition, text=fill(condition.text, values), parameters=fill_given(condition.parameters, values))
