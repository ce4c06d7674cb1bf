"""Help as it is written in the code, in lines of any width, made fit for a window of any width."""

from __future__ import annotations

import re

_COLUMNS = re.compile(r"\S {2,}\S")  # what it is about, and what is said of it
_GOES_ON = " " * 6


def flow(text: str) -> str:
    """Lines that go on joined: sentences of one paragraph, and what is said of one key; each then wraps by itself."""
    out: list[str] = []
    for line in text.split("\n"):
        before = out[-1] if out else ""
        plain = bool(line) and line[0] not in "# " and not _COLUMNS.search(line)
        goes_on = line.startswith(_GOES_ON) and line.strip() and bool(_COLUMNS.search(before))
        sentence = plain and bool(before) and before[0] not in "# " and not _COLUMNS.search(before)
        if goes_on or sentence:
            out[-1] = f"{before} {line.strip()}"
        else:
            out.append(line)
    return "\n".join(out)
