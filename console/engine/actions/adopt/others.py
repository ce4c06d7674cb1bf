"""Files that somebody else left: in the validated zone without an entry, below the backup zone without a run."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator

from console.engine.context import Context
from console.engine.observe.doctor_places import PART


def walk(top: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """(path relative to `top`, entry) of every file below it; links are neither followed nor given."""
    stack = [""]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(f"{top}/{folder}" if folder else top) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue  # not there, or not ours to read: `doctor` says so
        for entry in found:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                stack.append(relative)
            elif entry.is_file(follow_symlinks=False):
                yield relative, entry


def foreign_files(ctx: Context, known: Callable[[str], bool]) -> Iterator[tuple[str, os.stat_result]]:
    """(path relative to the root, facts) of files in the validated zone that nothing names.

    known: whether something of ours or of the state file's publishes the raw file of this path (relative to the
    root). A sidecar whose raw folder has one too came with its data.
    """
    zones = ctx.settings.zones
    raw, validated = zones.raw.rstrip("/"), zones.validated.rstrip("/")
    for relative, entry in walk(os.path.realpath(ctx.workspace.path(validated))):
        if PART.match(entry.name) or known(f"{raw}/{relative}"):
            continue
        if entry.name == ctx.settings.sidecar.name and os.path.lexists(ctx.workspace.path(f"{raw}/{relative}")):
            continue
        try:
            yield f"{validated}/{relative}", entry.stat(follow_symlinks=False)
        except OSError:
            continue  # it went meanwhile


def count_foreign_backups(ctx: Context, connection: sqlite3.Connection | None) -> int:
    """Files below the backup zone that lie in no run's folder: they are listed, and never pruned."""
    runs: set[str] = set()
    if connection is not None:
        runs = {row[0] for row in connection.execute("SELECT id FROM runs")}
    top = os.path.realpath(ctx.workspace.path(ctx.settings.zones.backups))
    return sum(1 for relative, _ in walk(top) if relative.partition("/")[0] not in runs)
