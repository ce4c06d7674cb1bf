"""Checkpoints of the state: the state file's bytes, verified, and a copy of the ledger made by SQLite's own API.

One is a folder with `checkpoint.json` and `state.json` (and `ledger.sqlite`): below `.opsconsole/checkpoints/` where
somebody asked for it, in a run's own folder where a reprocess kept the state as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.errors import EngineError, MirrorError, ReadOnlyError, UsageError
from console.engine.ledger.mirror_files import open_shared, sync_folder, write_all
from console.engine.ledger.mirror_find import being_written, look, opened, with_repairs
from console.engine.ledger.mirror_memory import identity_of, mirror_path
from console.engine.ledger.mirror_read import MirrorReader
from console.engine.ledger.store import backup, is_made, no_room, open_reader
from console.engine.runs.lock import Holder, RootLock
from console.engine.workspace.shared import make_folder, write_shared

FACTS, STATE, LEDGER = "checkpoint.json", "state.json", "ledger.sqlite"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """id: what names it, a run's id where that kept it. folder: relative to the root. at: UTC. sha256: of the state
    file's bytes. entries: how many it has. run: the run that kept it, '' for one that somebody asked for."""

    id: str
    folder: str
    at: str
    by: str
    label: str
    sha256: str
    entries: int
    run: str = ""

    @property
    def state(self) -> str:
        """The state file's copy, relative to the root."""
        return f"{self.folder}/{STATE}"


def keep_state(ctx: Context, folder: Path, name: str, *, label: str = "", run: str = "") -> Checkpoint | None:
    """Copy the state file into `folder` and read the copy back; None where there is no state file.

    Raises MirrorError where it does not parse or is being written, OSError where there is no room.
    """
    try:
        with opened(ctx, mirror_path(ctx)) as source:
            before = identity_of(os.fstat(source))
            sha256 = _copy(source, folder / STATE)
            if identity_of(os.fstat(source)) != before or look(mirror_path(ctx)) != before:
                raise being_written(ctx)
    except FileNotFoundError:
        return None
    entries, found = _entries(ctx, folder / STATE)
    if found != sha256:
        raise OSError(f"the copy of the state file differs from it: {folder / STATE}")
    who = ctx.env.who
    at = ctx.env.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    place = folder.relative_to(ctx.workspace.root).as_posix()
    made = Checkpoint(name, place, at, who.login or who.user, label, sha256, entries, run)
    write_shared(folder / FACTS, json.dumps(asdict(made)).encode())
    sync_folder(folder)
    return made


def _copy(source: int, target: Path) -> str:
    digest = hashlib.sha256()
    copy = open_shared(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        while chunk := os.read(source, 1 << 20):
            digest.update(chunk)
            write_all(copy, chunk)
        os.fsync(copy)
    finally:
        os.close(copy)
    return digest.hexdigest()


def _entries(ctx: Context, path: Path) -> tuple[int, str]:
    """How many entries a copy has, and its digest. Raises MirrorError where it does not parse."""
    with open(path, "rb", buffering=0) as file:
        reader = MirrorReader(file.fileno(), ctx.settings.state_file)
        try:
            return sum(1 for _ in reader), reader.sha256
        except MirrorError as error:
            raise with_repairs(ctx, error) from None


def make_checkpoint(ctx: Context, label: str = "") -> Checkpoint:
    """One that somebody asks for, under the lock: state file and ledger say the same.

    Raises LockedError while a run is in progress, ReadOnlyError, MirrorError, UsageError where there is no state,
    EngineError where it cannot be written.
    """
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything")
    if not is_made(ctx.workspace.ledger):
        raise UsageError("there is no state yet to keep", untouched="everything", next_step="opsconsole migrate")
    now, who = ctx.env.now(), ctx.env.who
    name = f"{now:%Y%m%dT%H%M%SZ}-checkpoint-{ctx.env.token(2)}"
    lock = RootLock(ctx.workspace)
    since = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lock.acquire(Holder(name, "checkpoint", who.login or who.user, who.host, os.getpid(), since, who.terminal))
    try:
        folder = ctx.workspace.checkpoints / name
        open_reader(ctx.workspace.ledger).close()  # a copy of one that was emptied would be worth nothing
        try:
            make_folder(folder, hand_on=True)
            backup(ctx.workspace.ledger, folder / LEDGER)
            made = keep_state(ctx, folder, name, label=label)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)  # half of one is none
            if isinstance(error, OSError | sqlite3.Error):
                raise EngineError(
                    f"the checkpoint could not be written: {no_room(folder.parent) or error}",
                    file=str(folder),
                    untouched="everything; what was begun of it is gone again",
                    next_step="make room: `opsconsole disk` shows what fills it",
                ) from error
            raise
        if made is None:
            shutil.rmtree(folder, ignore_errors=True)
            raise UsageError("there is no state file yet to keep", untouched="everything")
        return made
    finally:
        lock.release()


def list_checkpoints(ctx: Context) -> list[Checkpoint]:
    """All of them, newest first; a folder without `checkpoint.json` is none."""
    found = []
    for top in (ctx.workspace.checkpoints, ctx.workspace.private / "runs"):
        try:
            names = sorted(os.listdir(top))
        except OSError:
            continue
        for name in names:
            try:
                document: dict[str, Any] = json.loads((top / name / FACTS).read_bytes())
                place = (top / name).relative_to(ctx.workspace.root).as_posix()
                found.append(Checkpoint(**{**document, "id": name, "folder": place}))
            except (OSError, ValueError, TypeError):
                continue
    return sorted(found, key=lambda each: (each.at, each.id), reverse=True)


def find_checkpoint(ctx: Context, name: str) -> Checkpoint:
    """The one whose id is `name` or ends with it. Raises UsageError where none or several do."""
    found = [each for each in list_checkpoints(ctx) if name and (each.id == name or each.id.endswith(name))]
    if len(found) == 1:
        return found[0]
    what = f"{name!r} names more than one checkpoint" if found else f"there is no checkpoint {name!r}"
    raise UsageError(what, untouched="everything", next_step="`opsconsole state checkpoints` names them")
