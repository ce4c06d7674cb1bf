"""The words around the tables: how many there are, which keys help, why a list is empty."""

from __future__ import annotations

from collections.abc import Sequence

from console.engine.model import FileStatus
from console.engine.observe.files_waiting import OnDisk
from console.engine.text import count
from widgets.look import width_of
from widgets.state.scope import FILES, Scope
from widgets.state.words import order_words, scope_words

HINTS = {
    "choices": ("Enter: list these", "Esc: back"),
    "file": ("Esc: back", "n p: next", "l: log lines", "u: its run", "r: reprocess", "y: copy path"),
    "groups": ("Enter: its files", "A: accept", "r: reprocess", "e: export", "f: all files"),
    "failing": ("Enter: why", "A: accept", "r: reprocess", "/: filter", "o: order", "e: export", "Esc: back"),
    "files": ("Enter: why", "/: filter", "c: by cause", "s: status", "o: order", "e: export", "r: reprocess"),
}


def hints(front: str, scope: Scope, width: int, *, read_only: bool) -> str:
    """Keys that help here, as many as fit into one line."""
    kind = front if front in ("choices", "file") else "groups" if scope.view != FILES else "files"
    if kind == "files" and scope.failing:
        kind = "failing"
    said = ""
    for hint in HINTS[kind]:
        if read_only and hint[:2] in ("A:", "r:"):
            continue
        more = f"{said}   {hint}" if said else hint
        if width_of(more) > width:
            break
        said = more
    return said


def count_words(scope: Scope, listed: int, complete: bool, disk: OnDisk) -> str:
    """How many files are listed, of what, in which order."""
    words = [f"{count(listed)}{'' if complete else '…'} files" if listed != 1 else "1 file"]
    if scope.disk and not scope.filter and disk.counts.get(FileStatus(scope.disk), 0) > listed:
        words = [f"the first {count(listed)} of {count(disk.counts[FileStatus(scope.disk)])} files"]
    if scope.order != "path" or scope.descending:
        words.insert(0, order_words(scope))
    if scope.filter:
        words.insert(0, f"/{scope.filter}")
    return "  ".join(words)


def groups_words(groups: Sequence[object], word: str, known: bool) -> str:
    """`3 causes`."""
    return (f"{count(len(groups))} {word}{'' if len(groups) == 1 else 's'}") if known else "reading…"


def empty_words(scope: Scope, complete: bool, disk: OnDisk) -> str:
    """What an empty list says: what would fill it."""
    if scope.disk and not disk.at:
        return "the raw zone was not looked at yet; ctrl+r looks"
    if not complete:
        return "sorting…" if scope.order != "path" or scope.descending else "looking…"
    if scope.filter and any(sign in scope.filter for sign in "*?["):
        meant = ", where [ ] stands for one of the characters in it" if "[" in scope.filter else ""
        return f"no path here is like {scope.filter!r}{meant}; Esc drops the filter"
    if scope.filter:
        return f"no path here holds {scope.filter!r}; Esc drops the filter"
    if scope.listing() == Scope():
        return "the ledger knows no file yet: `a m` plans the first migrate"
    return f"no file is like that: {scope_words(scope)}; f lists all"
