"""One entry of the other program's state file, compared with what stands on the disk."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from typing import NamedTuple

from console.engine.ledger.mirror_judge import seconds
from console.engine.ledger.mirror_read import MirrorEntry
from console.engine.settings import Settings
from console.engine.transfer.publish import hash_file


class Found(StrEnum):
    """What became of an entry. The first three are adopted."""

    AGREES = "agrees"  # source and published copy are what the entry says
    SOURCE_CHANGED = "source changed"  # the copy is; its source has other bytes now: the next migrate looks at it
    SOURCE_GONE = "source gone"  # the copy is; its source is not there any more
    MISSING = "copy missing"  # nothing stands at the destination
    DIFFERS = "copy differs"  # other bytes stand there
    FOREIGN = "of another place"  # not a file of these zones, or an entry that nobody understands
    SIDECAR = "sidecar"  # travels with its data; not in our state file

    @property
    def adopted(self) -> bool:
        return self in (Found.AGREES, Found.SOURCE_CHANGED, Found.SOURCE_GONE)


class Compared(NamedTuple):
    """The verdict on one entry, with what the ledger will keep. Identities: size, mtime_ns, inode."""

    found: Found
    reason: str = ""
    source: tuple[int, int, int] = (0, 0, 0)
    dest: tuple[int, int, int] = (0, 0, 0)


class Comparer:
    """Compares entries with raw and validated. `thorough`: reads the published copy; else sizes must do."""

    def __init__(self, root: str, settings: Settings, *, thorough: bool) -> None:
        self._root, self._thorough = root, thorough
        self._raw = settings.zones.raw.rstrip("/") + "/"
        self._validated = settings.zones.validated.rstrip("/") + "/"
        self._sidecar = settings.sidecar.name
        self._real = {zone: os.path.realpath(self._absolute(zone.rstrip("/"))) for zone in (self._raw, self._validated)}
        self._folders: dict[str, bool] = {}  # whether a folder really lies where its name says, links resolved

    def compare(self, entry: MirrorEntry) -> Compared:
        """Raises nothing: what cannot be read is a reason."""
        if not entry.path.startswith(self._raw):
            return Compared(Found.FOREIGN, "its source does not lie in the raw zone")
        relative = entry.path[len(self._raw) :]
        if entry.dest != self._validated + relative:
            return Compared(Found.FOREIGN, f"its destination is not {self._validated}{relative}")
        if os.path.basename(relative) == self._sidecar:
            return Compared(Found.SIDECAR, "a sidecar: it travels with its data")
        return self._on_disk(entry, relative)

    def _on_disk(self, entry: MirrorEntry, relative: str) -> Compared:
        try:
            dest = self._facts(self._validated, relative)
        except FileNotFoundError:
            return Compared(Found.MISSING, "nothing stands at its destination")
        except OSError as error:
            return Compared(Found.DIFFERS, f"its destination cannot be read: {error.strerror}")
        if dest is None:
            return Compared(Found.DIFFERS, "its destination is not a plain file of the zone")
        if dest.st_size != entry.size:
            return Compared(Found.DIFFERS, f"its destination has {dest.st_size} bytes, the entry says {entry.size}")
        standing = (dest.st_size, dest.st_mtime_ns, dest.st_ino)
        if self._thorough:
            try:
                if hash_file(self._absolute(entry.dest)) != entry.checksum:
                    return Compared(Found.DIFFERS, "its destination has another checksum")
            except OSError as error:
                return Compared(Found.DIFFERS, f"its destination cannot be read: {error.strerror}")
        return self._source(entry, relative, standing)

    def _source(self, entry: MirrorEntry, relative: str, dest: tuple[int, int, int]) -> Compared:
        then = (entry.size, int(entry.modified * 1e9), 0)  # inode 0: no file of today is this one
        try:
            facts = self._facts(self._raw, relative)
        except FileNotFoundError:
            return Compared(Found.SOURCE_GONE, "its source is not there any more", then, dest)
        except OSError as error:
            return Compared(Found.SOURCE_CHANGED, f"its source cannot be read: {error.strerror}", then, dest)
        if facts is None:
            return Compared(Found.SOURCE_CHANGED, "its source is not a plain file of the zone", then, dest)
        now = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
        changed = Compared(Found.SOURCE_CHANGED, "its source has changed since", then, dest)
        if facts.st_size != entry.size:
            return changed
        # the time that the other program wrote down is that of Python's os.stat: equal means untouched
        if seconds(facts.st_mtime_ns) != entry.modified:
            if not self._thorough:
                return changed._replace(reason="its source was touched since")
            try:
                if hash_file(self._absolute(entry.path)) != entry.checksum:
                    return changed
            except OSError as error:
                return changed._replace(reason=f"its source cannot be read: {error.strerror}")
        return Compared(Found.AGREES, "", now, dest)

    def _facts(self, zone: str, relative: str) -> os.stat_result | None:
        """lstat of zone/relative; None where it is no regular file or lies behind a link. Raises OSError."""
        path = self._absolute(zone + relative)
        facts = os.lstat(path)
        if not self._thorough:
            return facts if stat.S_ISREG(facts.st_mode) else None
        folder = os.path.dirname(relative)
        key = zone + folder
        inside = self._folders.get(key)
        if inside is None:
            if len(self._folders) > 10_000:
                self._folders.clear()
            wanted = os.path.join(self._real[zone], folder) if folder else self._real[zone]
            inside = self._folders[key] = os.path.realpath(os.path.dirname(path)) == wanted
        return facts if inside and stat.S_ISREG(facts.st_mode) else None

    def _absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._root}/{path}"
