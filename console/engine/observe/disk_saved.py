"""The last whole scan, kept for the next visit: its largest folders, as JSON in our own folder."""

from __future__ import annotations

import heapq
import json
import os
from array import array
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.observe.disk_tree import ROOT, FolderTree
from console.engine.workspace.shared import open_shared

SAVED = 20_000  # folders; the rest is counted with those above them
LIMIT = 64 * 1024 * 1024  # bytes that are read of such a file
_FORM = 1
_COLUMNS = ("blocks", "bytes", "files", "newest", "linked", "linked_bytes", "freed")


def saved_place(ctx: Context) -> Path:
    return ctx.workspace.private / "disk.json"


def save_tree(ctx: Context, tree: FolderTree) -> bool:
    """Keep it, where this session may write and our folder is there; whether that was done."""
    place = saved_place(ctx)
    part = ctx.workspace.disk_part
    if ctx.read_only or not os.access(place.parent, os.W_OK):
        return False
    try:
        with open(open_shared(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="ascii") as file:
            json.dump(_document(reduced(tree, SAVED)), file, separators=(",", ":"))
        os.replace(part, place)
    except OSError:
        part.unlink(missing_ok=True)
        return False
    return True


def saved_tree(ctx: Context) -> FolderTree | None:
    """The tree of the last scan; None where there is none, or none that can be believed."""
    try:
        with open(saved_place(ctx), encoding="ascii") as file:
            document = json.loads(file.read(LIMIT))
        return _tree(document, str(ctx.workspace.root))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, IndexError, RecursionError):
        return None


def reduced(tree: FolderTree, limit: int) -> FolderTree:
    """The same tree with its `limit` largest folders alone, each with those above it; the others count there."""
    if len(tree) <= limit:
        return tree
    sizes = [tree.row(number).size for number in range(len(tree))]
    kept = {ROOT, *heapq.nlargest(limit, range(len(tree)), key=lambda number: (sizes[number], -number)), *tree.outer}
    for number in list(kept):
        while number != ROOT and (number := tree.parents[number]) not in kept:
            kept.add(number)
    small = FolderTree(tree.root)
    small.inexact = tree.inexact
    places = [ROOT]
    for number in range(len(tree)):
        if number:
            above = places[tree.parents[number]]
            if number in kept:
                places.append(small.add(above, tree.names[number], tree.outer.get(number, "")))
            else:
                small.collapsed.add(above)
                places.append(above)
        place = places[number]
        problem = tree.problems.get(number, 0)
        small.count(place, tree.blocks[number], tree.bytes[number], tree.files[number], tree.newest[number], problem)
        small.linked[place] += tree.linked[number]
        small.linked_bytes[place] += tree.linked_bytes[number]
        small.freed[place] += tree.freed[number]
        if number in tree.collapsed:
            small.collapsed.add(place)
    small.finished(tree.at, tree.seconds)
    return small


def _document(tree: FolderTree) -> dict[str, Any]:
    return {
        "form": _FORM,
        "root": tree.root,
        "at": tree.at,
        "seconds": tree.seconds,
        "inexact": tree.inexact,
        "names": tree.names,
        "parents": list(tree.parents),
        **{name: list(getattr(tree, name)) for name in _COLUMNS},
        "problems": list(tree.problems.items()),
        "collapsed": sorted(tree.collapsed),
        "outer": list(tree.outer.items()),
    }


def _tree(document: Any, root: str) -> FolderTree | None:
    """Everything in the file may be wrong: others of the group can write it."""
    if document["form"] != _FORM or document["root"] != root:
        return None
    tree = FolderTree(root)
    outer = {int(number): str(place) for number, place in document["outer"]}
    names, parents = document["names"], document["parents"]
    for number in range(1, len(names)):
        above, name = int(parents[number]), str(names[number])
        if not 0 <= above < number or tree.add(above, name, outer.get(number, "")) != number:
            return None
    for name in _COLUMNS:
        column = array("q", document[name])
        if len(column) != len(names):
            return None
        setattr(tree, name, column)
    tree.problems = {int(number): int(problem) for number, problem in document["problems"]}
    tree.collapsed = {int(number) for number in document["collapsed"]}
    tree.inexact = bool(document["inexact"])
    tree.finished(str(document["at"]), float(document["seconds"]))
    return tree
