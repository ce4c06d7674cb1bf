"""Reconciliation: raw, ledger, validated, backups and archive compared, by stat alone, one source after another.

Bytes are not read: what is damaged is what the last verify found. Headless: plain data for command line and panes.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from console.engine.actions.adopt.others import walk
from console.engine.actions.migrate.scan import LINK, NO_RULE, NOT_A_FILE, Known, Scanner, list_sources
from console.engine.actions.verify.found import rightly_gone
from console.engine.actions.verify.items import MANIFEST, Items
from console.engine.actions.verify.model import IS_BAD, Item
from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading
from console.engine.observe.doctor_places import PART
from console.engine.records.rules import load_rules
from console.engine.text import recordable

ZONES = ("raw", "validated", "backups", "archive")
# missing: the ledger has it, the disk has not. extra: the other way round. altered: another size or time than was
# published. stale: judged by another rule than today's. waiting: new, changed or failed raw files.
KINDS = ("missing", "damaged", "altered", "extra", "stale", "held", "waiting", "ignored")
NAMED = 1000  # lines of each kind that a source names; the others are counted
LOG = "ARCHIVE_LOG.txt"


class Line(NamedTuple):
    """One thing that does not agree. path: relative to the root. subject: the raw file it is of, '' for none."""

    kind: str
    zone: str
    path: str
    detail: str = ""
    subject: str = ""
    size: int = 0  # as it is now; 0 where it is not there
    recorded: int = 0  # size as the ledger has it


@dataclass(slots=True)
class Source:
    """One source; '' stands for what lies in backups and archive and belongs to none. files: how many by zone, and
    `ledger`. counts: by kind and zone."""

    name: str
    files: Counter[str] = field(default_factory=Counter)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    lines: list[Line] = field(default_factory=list)

    def kind(self, kind: str) -> int:
        """How many of a kind, in all zones."""
        return sum(number for (name, _), number in self.counts.items() if name == kind)

    def add(self, line: Line, named: int) -> None:
        self.counts[line.kind, line.zone] += 1
        if self.counts[line.kind, line.zone] <= named:
            self.lines.append(line)


def reconcile(
    ctx: Context,
    source: str = "",
    *,
    named: int = NAMED,
    progress: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Source]:
    """Source by source. progress(files looked at). Raises UsageError where there is no ledger, LedgerError and
    ConfigurationError. Writes nothing."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            raise UsageError("there is no ledger here: nothing was run yet", untouched="everything")
        work = _Reconciler(ctx, connection, named)
        seen = 0
        for name in [source] if source else work.sources():
            found = work.source(name)
            seen += sum(found.files.values())
            if progress:
                progress(seen)
            yield found
            if cancelled and cancelled():
                return
        if not source:
            yield work.unclaimed()


class _Reconciler:
    def __init__(self, ctx: Context, connection: sqlite3.Connection, named: int) -> None:
        self._ctx, self._connection, self._named = ctx, connection, named
        rules = load_rules(ctx.workspace.root, ctx.settings)
        self._scanner = Scanner(str(ctx.workspace.root), ctx.settings, rules, connection, ctx.env.now())
        zones = ctx.settings.zones
        self._root = str(ctx.workspace.root)
        self._raw, self._validated = zones.raw.rstrip("/"), zones.validated.rstrip("/")
        self._backups, self._archive = zones.backups.rstrip("/"), zones.archive.rstrip("/")

    def sources(self) -> list[str]:
        """Every source that raw zone, validated zone or ledger have."""
        names = set(list_sources(self._scanner.raw)) | {"."}
        names |= {name for name in list_sources(self._scanner.validated) if name != "."}
        names |= {row[0] for row in self._connection.execute("SELECT DISTINCT source FROM files")}
        return sorted(names)

    def _stat(self, path: str) -> os.stat_result | None:
        try:
            return os.lstat(os.path.join(self._root, path))  # a Path for each of a million files takes a second
        except (OSError, ValueError):
            return None

    def source(self, name: str) -> Source:
        """Everything of one source."""
        found = Source(name)
        files, failures, sidecars, holds = self._scanner.known(name)
        found.files["ledger"] = len(files)
        seen = self._raw_zone(found, files, set(failures), holds)
        archived = self._archived(found)
        for relative, known in files.items():
            path = f"{self._raw}/{relative}"
            if relative not in seen and known.status != "archived" and path not in archived:
                item = Item("raw", path, path, known.sha256)
                if not rightly_gone(self._connection, item):
                    found.add(Line("missing", "raw", path, "its source vanished", path, 0, known.size), self._named)
            self._copy(found, relative, known)
        dests = {known.dest for known in files.values()}
        for relative, known_sidecar in sidecars.items():
            dest = f"{self._validated}/{relative}"
            dests.add(dest)
            path = f"{self._raw}/{relative}"
            for zone, place in (("validated", dest), ("raw", path)):
                if self._stat(place) is None and not rightly_gone(self._connection, Item(zone, place, path, "")):
                    found.add(Line("missing", zone, place, "a sidecar", path), self._named)
            facts = self._stat(dest)
            if facts is not None and facts.st_size != known_sidecar[0]:
                line = Line("altered", "validated", dest, "a sidecar", path, facts.st_size, known_sidecar[0])
                found.add(line, self._named)
        self._validated_zone(found, dests)
        self._kept(found)
        self._bad(found)
        return found

    # --- raw --------------------------------------------------------------------------------------------

    def _walk(self, zone: str, name: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """(path relative to the zone, entry) of one source, links and special files included."""
        stack = ["" if name == "." else name]
        while stack:
            folder = stack.pop()
            try:
                with os.scandir(f"{zone}/{folder}" if folder else zone) as entries:
                    found = list(entries)
            except OSError:
                continue
            for entry in found:
                relative = f"{folder}/{entry.name}" if folder else entry.name
                if not entry.is_dir(follow_symlinks=False):
                    yield relative, entry
                elif name != ".":
                    stack.append(relative)

    def _raw_zone(
        self,
        found: Source,
        files: dict[str, Known],
        failed: set[str],
        holds: dict[str, tuple[int, int, int, int | None]],
    ) -> set[str]:
        seen: set[str] = set()
        for relative, entry in self._walk(self._scanner.raw, found.name):
            path = recordable(f"{self._raw}/{relative}")
            found.files["raw"] += 1
            if relative not in files and (why := self._ignored(relative, entry)):
                found.add(Line("ignored", "raw", path, why, path), self._named)
                continue
            seen.add(relative)
            if entry.name == self._scanner.sidecar_name:
                continue
            facts = entry.stat(follow_symlinks=False)
            identity = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
            known = files.get(relative)
            rule = self._scanner.rule_id(relative)
            if holds.get(relative) == (*identity, rule):
                found.add(Line("held", "raw", path, "taken back by a rollback", path, facts.st_size), self._named)
            elif known is None or recordable(relative) in failed:
                state = "failed" if recordable(relative) in failed else "new"
                found.add(Line("waiting", "raw", path, state, path, facts.st_size), self._named)
            elif identity != (known.size, known.mtime_ns, known.inode):
                found.add(Line("waiting", "raw", path, "changed", path, facts.st_size, known.size), self._named)
            elif rule != known.rule and known.status != "adopted":
                found.add(Line("stale", "raw", path, "judged by another rule", path, facts.st_size), self._named)
        return seen

    def _ignored(self, relative: str, entry: os.DirEntry[str]) -> str:
        if not entry.is_file(follow_symlinks=False):
            return LINK if entry.is_symlink() else NOT_A_FILE
        if entry.name == self._scanner.sidecar_name:
            return self._scanner.ignored(relative, ".json")
        reason = self._scanner.ignored(relative, os.path.splitext(entry.name)[1].lower())
        return reason or (NO_RULE if self._scanner.rule_id(relative) is None else "")

    # --- validated --------------------------------------------------------------------------------------

    def _copy(self, found: Source, relative: str, known: Known) -> None:
        if known.status == "held":
            return
        path = f"{self._raw}/{relative}"
        facts = self._stat(known.dest)
        if facts is None:
            if not rightly_gone(self._connection, Item("validated", known.dest, path, known.sha256)):
                line = Line("missing", "validated", known.dest, "its copy is gone", path, 0, known.dest_size)
                found.add(line, self._named)
        elif (facts.st_size, facts.st_mtime_ns) != known[-3:-1]:  # another inode alone: restored, verify reads it
            why = "no plain file" if not stat.S_ISREG(facts.st_mode) else "changed by somebody else"
            line = Line("altered", "validated", known.dest, why, path, facts.st_size, known.dest_size)
            found.add(line, self._named)

    def _validated_zone(self, found: Source, dests: set[str]) -> None:
        for relative, entry in self._walk(self._scanner.validated, found.name):
            found.files["validated"] += 1
            path = recordable(f"{self._validated}/{relative}")
            if path in dests or PART.match(entry.name):
                continue
            foreign = self._connection.execute("SELECT 1 FROM foreign_files WHERE path = ?", [path]).fetchone()
            why = "of another program" if foreign else "no row of the ledger names it"
            size = entry.stat(follow_symlinks=False).st_size
            found.add(Line("extra", "validated", path, why, f"{self._raw}/{relative}", size), self._named)

    # --- backups, archive, damage -----------------------------------------------------------------------

    def _kept(self, found: Source) -> None:
        """Backups that outcomes of this source name."""
        for item in Items(self._ctx, self._connection, found.name).backups() if found.name != "." else ():
            if self._stat(item.path) is None:
                found.add(Line("missing", "backups", item.path, "kept by a run", item.subject), self._named)
            else:
                found.files["backups"] += 1

    def _archived(self, found: Source) -> set[str]:
        """Raw paths of this source that lie in the archive."""
        there: set[str] = set()
        for item in Items(self._ctx, self._connection, found.name).archive() if found.name != "." else ():
            there.add(item.subject)
            if self._stat(item.path) is None:
                line = Line("missing", "archive", item.path, "archived by a run", item.subject, 0, item.size)
                found.add(line, self._named)
            else:
                found.files["archive"] += 1
        return there

    def _bad(self, found: Source) -> None:
        """What verify found damaged, and nobody has mended since."""
        first = f"{self._raw}/{found.name}/"
        where, span = ("subject > ? AND subject < ?", [first, first[:-1] + "0"])
        if found.name == ".":
            where, span = "subject NOT GLOB ?", [f"{self._raw}/*/*"]
        for row in self._connection.execute(
            f"SELECT * FROM verified WHERE {IS_BAD} AND state <> 'missing' AND {where} ORDER BY path", span
        ):
            good = f"a good copy is {row['good']}" if row["good"] else "no good copy"
            detail = f"{row['reason'] or row['state']}, since {row['since'][:16]}; {good}"
            found.add(Line("damaged", row["zone"], row["path"], detail, row["subject"]), self._named)

    def unclaimed(self) -> Source:
        """Files in backups and archive that no row names."""
        found = Source("")
        runs = {row[0] for row in self._connection.execute("SELECT id FROM runs")}
        for relative, entry in walk(str(self._ctx.workspace.path(self._backups))):
            run, _, rest = relative.partition("/")
            path, subject = f"{self._backups}/{relative}", f"{self._raw}/{rest}"
            if PART.match(entry.name):
                continue
            if run in runs and self._named_by("backup", subject, path):
                continue
            why = "no outcome names it" if run in runs else "of no run of ours, never touched"
            found.files["backups"] += 1
            size = entry.stat(follow_symlinks=False).st_size
            found.add(Line("extra", "backups", recordable(path), why, subject, size), self._named)
        base = os.path.dirname(self._archive)
        items = Items(self._ctx, self._connection)
        vouched = {item.path for item in items.manifests()}
        for relative, entry in walk(str(self._ctx.workspace.path(self._archive))):
            rest = relative.partition("/")[2]
            path = f"{self._archive}/{relative}"
            if relative == LOG or rest == MANIFEST or PART.match(entry.name):
                continue
            if path in vouched or (rest and items.known_place(path, f"{base}/{rest}")):
                continue
            found.files["archive"] += 1
            size = entry.stat(follow_symlinks=False).st_size
            found.add(
                Line("extra", "archive", recordable(path), "no row of the ledger names it", "", size), self._named
            )
        return found

    def _named_by(self, column: str, subject: str, path: str) -> bool:
        row = self._connection.execute(
            f"SELECT 1 FROM outcomes WHERE path = ? AND {column} = ?", [recordable(subject), recordable(path)]
        )
        return row.fetchone() is not None
