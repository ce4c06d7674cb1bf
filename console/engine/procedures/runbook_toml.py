"""A definition of a procedure as the text of its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Step = dict[str, Any]

_NOT_PLAIN = re.compile(r'[\x00-\x08\x0b-\x1f\x7f"\\]')


def written(head: Mapping[str, str], steps: Iterable[Step]) -> str:
    """A definition as its text."""
    lines = [f"{name} = {_value(value)}" for name, value in head.items()]
    for step in steps:
        lines += ["", "[[step]]"]
        lines += [f"{name} = {_value(value)}" for name, value in step.items() if name != "branch" and value is not None]
        for branch in step.get("branch", ()):
            lines += ["[[step.branch]]", *(f"{name} = {_value(value)}" for name, value in branch.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return _string(str(value))


def _string(text: str) -> str:
    """Over several lines where it has some; many dots on a line are escaped: the reader refuses those."""
    made = _NOT_PLAIN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    made = "\n".join(line.replace(".", "\\u002e") if line.count(".") > 100 else line for line in made.split("\n"))
    return f'"""\n{made}"""' if "\n" in made else f'"{made}"'
