"""Which raw files an archive takes: by glob, source and date, folder by folder; links are not followed."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import NamedTuple

from console.engine.actions.archive.model import ArchiveParams, check_params, place_in_archive
from console.engine.actions.change.record import is_data
from console.engine.context import Context
from console.engine.globs import compile_glob
from console.engine.model import ActionParams
from console.engine.text import recordable

_DAY = re.compile(r"(?<!\d)(\d{4})[-_.](\d\d)[-_.](\d\d)(?!\d)", re.ASCII)


class Chosen(NamedTuple):
    """A raw file that goes. Paths relative to the root; identity: size, mtime_ns, inode."""

    path: str
    place: str
    identity: tuple[int, int, int]
    day: str  # '' where no date was asked for
    sidecar: bool = False


class _Entry(NamedTuple):
    relative: str  # to the raw zone
    identity: tuple[int, int, int]


def day_of_path(relative: str) -> date | None:
    """The date in a path: of the innermost name that begins with one, else of the innermost that holds one."""
    names = relative.split("/")[::-1]
    for at_start in (True, False):
        for name in names:
            for found in _DAY.finditer(name):
                if at_start and found.start() > 0:
                    continue
                try:
                    return date(*(int(part) for part in found.groups()))
                except ValueError:
                    continue  # 2023-99-01 is no date
    return None


def day_of_metadata(text: bytes) -> date | None:
    """The UTC date of `extraction_date` in a sidecar; None where it has none."""
    try:
        document = json.loads(text)
        given = document["extraction_date"]
        found = datetime.fromisoformat(given)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (found.astimezone(UTC) if found.tzinfo else found).date()


class Selecting:
    """Looks through the raw zone for one archive. What is not taken and why is in `undated`, `left`, `unreadable`."""

    def __init__(self, ctx: Context, params: ArchiveParams, connection: sqlite3.Connection | None) -> None:
        """Raises UsageError for parameters that cannot be meant."""
        self._ctx, self._params, self._connection = ctx, params, connection
        self._since, self._before = check_params(params)
        self._matches: Callable[[str], bool] = compile_glob(params.match) if params.match else lambda _path: True
        self._raw = ctx.settings.zones.raw.rstrip("/")
        self._zone = str(ctx.workspace.path(self._raw))
        self._dated = self._since is not None or self._before is not None
        self._metadata: tuple[str, date | None] | None = None  # the folder last asked for
        self.undated = 0  # files that match and have no date
        self.left: list[tuple[str, str]] = []  # path relative to the root, reason

    def files(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Chosen]:
        """Data and other files of each folder, then its sidecar if nothing is left that it would belong to."""
        for folder, entries in self._folders():
            if cancelled():
                return
            yield from self._folder(folder, entries)

    def data_left(self, folder: str) -> bool:
        """Whether a data file lies in this folder of the raw zone now."""
        try:
            with os.scandir(os.path.join(self._zone, folder)) as found:
                names = [entry.name for entry in found if entry.is_file(follow_symlinks=False)]
        except OSError:
            return False
        return any(self._is_data(f"{folder}/{name}" if folder else name) for name in names)

    def path(self, relative: str) -> str:
        return f"{self._raw}/{relative}"

    # --- the disk ---------------------------------------------------------------------------------------

    def _folders(self) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        archive = os.path.realpath(self._ctx.workspace.path(self._ctx.settings.zones.archive))
        archive = os.path.relpath(archive, os.path.realpath(self._zone))
        stack = [self._params.source if self._params.source not in ("", ".") else ""]
        while stack:
            folder = stack.pop()
            place = os.path.join(self._zone, folder) if folder else self._zone
            if folder == archive:
                continue
            try:
                with os.scandir(place) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                self.left.append((self.path(folder), f"it cannot be read: {error.strerror}"))
                continue
            if self._params.source != ".":
                below = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
                stack.extend(f"{folder}/{name}" if folder else name for name in reversed(below))
            yield folder, [entry for entry in entries if not entry.is_dir(follow_symlinks=False)]

    def _folder(self, folder: str, entries: list[os.DirEntry[str]]) -> Iterator[Chosen]:
        sidecar: _Entry | None = None
        chosen: list[tuple[_Entry, date | None]] = []
        stays = goes = False
        for entry in entries:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                self._odd(entry, relative)
                continue
            facts = entry.stat(follow_symlinks=False)
            found = _Entry(relative, (facts.st_size, facts.st_mtime_ns, facts.st_ino))
            if entry.name == self._ctx.settings.sidecar.name:
                sidecar = found
                continue
            wanted, day = self._wanted(found)
            if wanted:
                chosen.append((found, day))
                goes = goes or self._is_data(relative)
            else:
                stays = stays or self._is_data(relative)
        yield from (self._chosen(found, day) for found, day in chosen)
        if sidecar is None or stays:
            return
        wanted, day = (True, chosen[0][1]) if goes else self._wanted(sidecar)
        if wanted:
            yield self._chosen(sidecar, day, sidecar=True)

    def _odd(self, entry: os.DirEntry[str], relative: str) -> None:
        """A link or a special file: nothing is moved that is not plain."""
        if self._matches(relative) and (not self._dated or self._within(day_of_path(relative))):
            what = "a symbolic link" if entry.is_symlink() else "no regular file"
            self.left.append((self.path(relative), f"{what}: only plain files are archived"))

    # --- what is wanted ---------------------------------------------------------------------------------

    def _wanted(self, found: _Entry) -> tuple[bool, date | None]:
        if not self._matches(found.relative):
            return False, None
        if not self._dated:
            return True, None
        day = self._day(found)
        if day is None:
            self.undated += found.relative.rpartition("/")[2] != self._ctx.settings.sidecar.name
        return self._within(day), day

    def _within(self, day: date | None) -> bool:
        if day is None:
            return False
        return (self._since is None or day >= self._since) and (self._before is None or day < self._before)

    def _day(self, found: _Entry) -> date | None:
        how = self._params.date_from or "path"
        if how == "mtime":
            return datetime.fromtimestamp(found.identity[1] // 1_000_000_000, UTC).date()
        if how == "path":
            return day_of_path(found.relative)
        folder = found.relative.rpartition("/")[0]
        if self._metadata is None or self._metadata[0] != folder:
            self._metadata = (folder, self._read_metadata(folder))
        return self._metadata[1]

    def _read_metadata(self, folder: str) -> date | None:
        path = os.path.join(self._zone, folder, self._ctx.settings.sidecar.name)
        limit = self._ctx.settings.limits.record_bytes
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:
                text = file.read(limit + 1)
        except OSError:
            return None
        return day_of_metadata(text) if len(text) <= limit else None

    def _is_data(self, relative: str) -> bool:
        if relative.rpartition("/")[2] == self._ctx.settings.sidecar.name:
            return False
        if is_data(self._ctx.settings, relative):
            return True
        if self._connection is None:
            return False
        known = self._connection.execute("SELECT 1 FROM files WHERE path = ?", [recordable(self.path(relative))])
        return known.fetchone() is not None

    def _chosen(self, found: _Entry, day: date | None, *, sidecar: bool = False) -> Chosen:
        path = self.path(found.relative)
        place = place_in_archive(self._ctx.settings, self._params.label, path)
        return Chosen(path, place, found.identity, day.isoformat() if day else "", sidecar)


class Ways:
    """Looks for what is in the way of files that are to be moved; what it has seen of folders it remembers."""

    def __init__(self, ctx: Context, zone: str) -> None:
        """zone: below which they go, relative to the root."""
        self._root, self._zone = str(ctx.workspace.root), zone.rstrip("/")
        self._links: dict[str, str] = {}  # folder -> the link on the way to it, or ''

    def obstacle(self, place: str) -> str:
        """Why nothing can be moved to `place`; '' where it can."""
        link = self._link(os.path.dirname(place))
        if link:
            return f"{link} is a link; links below a zone are not followed"
        if os.path.lexists(os.path.join(self._root, place)):
            return f"something stands at {place} already"
        return ""

    def _link(self, folder: str) -> str:
        if folder in ("", self._zone):
            return ""
        found = self._links.get(folder)
        if found is None:
            found = self._link(os.path.dirname(folder))
            if not found and os.path.islink(os.path.join(self._root, folder)):
                found = folder
            self._links[folder] = found
        return found


def choice_in_words(params: ActionParams) -> str:
    """`sff/**, since 2023-01-01, before 2024-01-01 by path`."""
    assert isinstance(params, ArchiveParams)
    parts = [
        params.match,
        f"source {params.source}" if params.source else "",
        f"since {params.since}" if params.since else "",
        f"before {params.before}" if params.before else "",
    ]
    dated = f" (date from the {params.date_from or 'path'}, UTC)" if params.since or params.before else ""
    return ", ".join(part for part in parts if part) + dated
