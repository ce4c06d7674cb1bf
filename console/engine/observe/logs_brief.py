"""A record of the pipeline's logs without what repeats: time of day, level, what happened, to which file,
why.

`2025-10-30 14:25:12 - migration - ERROR - Validation failed: data/a.json` becomes
`14:25:12 ERROR Validation failed: data/a.json`; a JSON line becomes the same from its keys timestamp, level,
message,
file (or source) and detail (or errors). Any other line stays as it is. Times are the workspace's where the line has
them (a structured record under asctime), else as they are written.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from console.engine.text import visible

_TEXT = re.compile(r"\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d)(?:[.,]\d+)? - \S+ - ([A-Z]+) - (.*)", re.DOTALL)
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d[T ](\d\d:\d\d:\d\d)")


def brief(head: bytes, text: str) -> str:
    """The short form of a line; `head`: its bytes, `text`: the same, sanitised. Sanitised."""
    if head.startswith(b"{"):
        try:
            record = orjson.loads(head)
        except orjson.JSONDecodeError:
            return text
        return _record(record) or text
    found = _TEXT.match(text)
    return f"{found[1]} {found[2]} {found[3]}" if found else text


def _record(record: dict[str, Any]) -> str:
    """'' where these are not the keys of the pipeline's records."""
    time, level, message = (record.get(key) for key in ("timestamp", "level", "message"))
    if not (isinstance(time, str) and isinstance(level, str) and isinstance(message, str)):
        return ""
    local = record.get("asctime")
    clock = (_CLOCK.match(local) if isinstance(local, str) else None) or _CLOCK.match(time)
    parts = [clock[1] if clock else time, level, message]
    about = record.get("file") or record.get("source")
    if isinstance(about, str) and about not in message:
        parts[-1] += f": {about}"
    why = record.get("detail") or record.get("errors")
    if isinstance(why, list):
        why = "; ".join(str(item) for item in why)
    if isinstance(why, str) and why:
        parts.append(f"– {why}")
    return visible(" ".join(parts))
