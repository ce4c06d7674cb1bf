"""What adoption needs of the state file: its entries one by one, and that the ledger agrees with it from then on.

A file of hundreds of thousands of entries is read once, in constant memory, and afterwards known by stat alone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.errors import EngineError, MirrorError
from console.engine.ledger.mirror_find import Moved, Patience, being_written, look, opened, with_repairs
from console.engine.ledger.mirror_foreign import keep_foreign
from console.engine.ledger.mirror_memory import (
    Remembered,
    fingerprint,
    identity_of,
    inside,
    last_written,
    mirror_path,
    remember,
    remembered,
)
from console.engine.ledger.mirror_read import (
    Enough,
    MirrorEntry,
    MirrorReader,
    absolute_zones,
    fold,
    parse_entry,
)
from console.engine.model import Identity

__all__ = ["StateEntries", "StateEntry", "iter_entries", "keep_foreign", "needs_adoption", "settle_adoption"]


@dataclass(frozen=True, slots=True)
class StateEntry:
    """One entry of the state file.

    key: as it is spelled. path: folded, relative to the root; '' where the key is none. entry: what it says;
    None where it says nothing that could be adopted, with the reason. value: as it stands there.
    """

    key: str
    path: str
    entry: MirrorEntry | None
    reason: str
    value: Any


class StateEntries:
    """Iterates over the entries of the state file. After the last one sha256, identity and last_updated are
    known; identity stays None where there is no file.
    """

    def __init__(self, ctx: Context, restarted: Callable[[], None] | None) -> None:
        self._ctx, self._restarted = ctx, restarted
        self.sha256 = ""
        self.identity: Identity | None = None
        self.last_updated: Any = None

    def __iter__(self) -> Iterator[StateEntry]:
        path = mirror_path(self._ctx)
        patience = Patience(self._ctx, path)
        while True:
            given = False
            try:
                for entry in self._once(path):
                    given = True
                    yield entry
                return
            except Moved:
                error = being_written(self._ctx)
            except MirrorError as problem:
                error = problem
            if not patience.again():
                raise with_repairs(self._ctx, error)
            if given and self._restarted is None:
                raise with_repairs(self._ctx, being_written(self._ctx))
            if self._restarted is not None:
                self._restarted()

    def _once(self, path: Path) -> Iterator[StateEntry]:
        name, root = self._ctx.settings.state_file, str(self._ctx.workspace.root)
        zones = absolute_zones(self._ctx.settings)
        try:
            with opened(self._ctx, path) as descriptor:
                identity = identity_of(os.fstat(descriptor))
                reader = MirrorReader(descriptor, name)
                for key, value in reader:
                    yield _parsed(key, value, root, zones)
                if identity_of(os.fstat(descriptor)) != identity or look(path) != identity:
                    raise Moved
        except FileNotFoundError:
            return
        except OSError as error:
            raise MirrorError(f"the state file cannot be read: {error.strerror}", file=name) from error
        self.sha256, self.identity, self.last_updated = reader.sha256, identity, reader.last_updated


def iter_entries(ctx: Context, restarted: Callable[[], None] | None = None) -> StateEntries:
    """Every entry of the state file, in the file's order, in constant memory; two spellings are two entries.

    A file that does not parse is looked at again while a writer moves, as read_mirror does it; so is one that
    changed while it was read. What was given out before that is void then: `restarted` is called and the
    entries come again from the first; without it MirrorError says that another program writes the file.
    Raises MirrorError, and RefusedError for a folder that is a link outwards. A missing file has no entries.
    """
    return StateEntries(ctx, restarted)


def _parsed(key: str, value: Any, root: str, zones: tuple[str, ...]) -> StateEntry:
    try:
        path = fold(key, root, zones)
    except ValueError as error:
        return StateEntry(key, "", None, str(error), value)
    try:
        return StateEntry(key, path, parse_entry(path, value, root, zones), "", value)
    except ValueError as error:
        return StateEntry(key, path, None, str(error), value)


def settle_adoption(
    ctx: Context,
    connection: sqlite3.Connection,
    sha256: str,
    identity: Identity,
    run_seq: int,
    last_updated: Any = None,
) -> None:
    """The version with this digest and identity says what the ledger says as of run `run_seq`: from now on stat
    alone tells that nobody changed it. To be called when every row is in the ledger; in the caller's transaction
    if there is one.

    last_updated: what the file says of itself, so that its writer is not taken for a new one.
    """
    judged = {"sha256": sha256, **asdict(identity), "last_updated": last_updated}
    with inside(connection):
        remember(connection, Remembered(run_seq, fingerprint=fingerprint(connection), judged=judged))


def needs_adoption(ctx: Context, connection: sqlite3.Connection | None) -> int:
    """How many entries (about) a state file has that this ledger never wrote, judged or adopted; 0 where there is
    none, it has none, or the ledger knows it. connection: None where there is no ledger. At most the first window of
    the file is read; a file that does not parse from its first entry on has none here: read_mirror says why.
    """
    if connection is not None and (remembered(connection) != Remembered() or last_written(connection) is not None):
        return 0
    seen = 0
    try:
        with opened(ctx, mirror_path(ctx)) as descriptor:
            size = os.fstat(descriptor).st_size
            reader = MirrorReader(descriptor, ctx.settings.state_file, first_window=True)
            try:
                for _ in reader:
                    seen += 1
            except Enough:
                return max(1, seen * size // max(reader.read, 1))
    except (OSError, EngineError):
        pass
    return seen
