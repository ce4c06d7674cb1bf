"""Names near to one that is not there: what an operator meant who mistyped a path. A few looks, never a walk."""

from __future__ import annotations

import os
from difflib import get_close_matches
from itertools import islice

from console.engine.context import Context
from console.engine.observe.files_list import list_files

NEAR = 3  # names offered
_LOOKED = 2000  # names of one folder that are compared


def near_names(ctx: Context, path: str) -> list[str]:
    """Up to NEAR paths relative to the root: like `path` on the disk, else files of that name in the ledger."""
    raw = ctx.settings.zones.raw.rstrip("/")
    bases = ("",) if path.startswith(raw + "/") else ("", raw)  # below a source, as every list names files
    for base in bases:
        found = _like(ctx, base, path.split("/"))
        if found:
            return found
    name = os.path.basename(path)
    page = list_files(ctx, filter="/" + name, limit=NEAR) if name and not set(name) & set("*?[") else None
    # a name that every folder has says nothing
    return [row.path for row in page.rows] if page is not None and not page.next_after else []


def _like(ctx: Context, folder: str, parts: list[str]) -> list[str]:
    """Follow `parts` down from `folder` to the first that is not there; what stands beside it and is spelt like it."""
    left = list(parts)
    while left and os.path.lexists(ctx.workspace.path(_join(folder, left[0]))):
        folder = _join(folder, left.pop(0))
    if not left:
        return []
    try:
        with os.scandir(ctx.workspace.path(folder)) as entries:
            names = [entry.name for entry in islice(entries, _LOOKED)]
    except OSError:
        return []
    near = [_join(folder, name) for name in get_close_matches(left[0], names, NEAR)]
    whole = ["/".join([name, *left[1:]]) for name in near] if left[1:] else []
    return [name for name in whole if os.path.lexists(ctx.workspace.path(name))] or near


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
