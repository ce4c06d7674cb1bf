"""The scan: what is in the raw zone, compared with what the ledger knows. Only stat and ledger; nothing is read.

One source at a time, so that sources can be shared out over processes and memory stays that of one source.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from console.engine.actions.migrate.again import Again
from console.engine.actions.migrate.model import Candidate, Group, SourceScan, pack_groups
from console.engine.actions.verify.model import IS_BAD
from console.engine.globs import compile_any, compile_glob
from console.engine.records.rules import RuleSet
from console.engine.settings import Settings
from console.engine.text import recordable

LINK = "symbolic link, not followed"
NO_RULE = "no rule of the configuration matches"
NOT_A_FILE = "not a regular file"
SUFFIX = "unknown suffix"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the raw zone: '' is all. `gone`: entries taken out of the mirror by hand, not yet recorded."""

    pattern: str = ""
    checksum: bool = False
    gone: frozenset[str] = field(default_factory=frozenset)
    again: Again | None = None  # a reprocess: only what it takes is looked at, and judged whatever it was


class Known(NamedTuple):
    """A row of `files` as far as the scan needs it."""

    status: str
    dest: str
    size: int
    mtime_ns: int
    inode: int
    sha256: str
    rule: int | None
    mirrored: int
    dest_size: int
    dest_mtime_ns: int
    dest_inode: int


class KnownFailure(NamedTuple):
    size: int
    mtime_ns: int
    inode: int
    rule: int | None
    accepted: int
    sha256: str


def list_sources(raw: str) -> list[str]:
    """Names of the folders of the raw zone, sorted; '.' stands for files that lie in the zone itself."""
    try:
        with os.scandir(raw) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    return [".", *names]


class Scanner:
    """Scans sources of one workspace. Made once in each process; `root` and zones are absolute."""

    def __init__(
        self,
        root: str,
        settings: Settings,
        rules: RuleSet,
        connection: sqlite3.Connection | None,
        now: datetime | None = None,
    ) -> None:
        self.raw = os.path.join(root, settings.zones.raw)
        self.validated = os.path.join(root, settings.zones.validated)
        self._root, self._settings, self._rules, self._connection = root, settings, rules, connection
        self._prefix = settings.zones.raw.rstrip("/") + "/"
        self._dest_prefix = settings.zones.validated.rstrip("/") + "/"
        self._ignore = [(compile_glob(item.match), item.reason) for item in settings.ignore]
        self._ignorable = compile_any([item.match for item in settings.ignore])
        self._now = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._rule_ids: dict[str, int] = {}
        self.damaged: set[str] = set()  # copies of which verify has read other bytes than were published
        if connection is not None:
            self._rule_ids = {
                r["fingerprint"]: r["id"] for r in connection.execute("SELECT id, fingerprint FROM rules")
            }
            damaged = f"SELECT path FROM verified WHERE {IS_BAD} AND state = 'damaged' AND zone = 'validated'"
            self.damaged = {r["path"] for r in connection.execute(damaged)}

    def scan(self, source: str, selection: Selection) -> SourceScan:
        """One source. Raises nothing for what lies in it: what cannot be read is listed in `unreadable`."""
        return _SourceScan(self, source, selection).run()

    # --- what the ledger knows of a source -------------------------------------------------------------

    def known(
        self, source: str
    ) -> tuple[
        dict[str, Known],
        dict[str, KnownFailure],
        dict[str, tuple[int, int, int, str]],
        dict[str, tuple[int, int, int, int | None]],
    ]:
        """Files, failures, sidecars and holds of a source, by path relative to the raw zone."""
        if self._connection is None:
            return {}, {}, {}, {}
        cut = len(self._prefix)
        cursor = self._connection.cursor()
        cursor.row_factory = None
        # a source's rows are a range of the paths' own index: '0' is what follows '/'
        first = recordable(self._prefix + source)
        where, span = (
            ("source = ?", [source]) if source == "." else ("path > ? AND path < ?", [first + "/", first + "0"])
        )
        files = {
            row[0][cut:]: Known._make(row[1:])
            for row in cursor.execute(
                "SELECT path, status, dest, size, mtime_ns, inode, sha256, rule, mirrored, dest_size,"
                f" dest_mtime_ns, dest_inode FROM files WHERE {where}",
                span,
            )
        }
        failures = {
            row[0][cut:]: KnownFailure._make(row[1:])
            for row in cursor.execute(
                "SELECT path, size, mtime_ns, inode, rule, accepted_at IS NOT NULL"
                f" AND coalesce(accepted_until > ?, 1), sha256 FROM failures WHERE {where}",
                [self._now, *span],
            )
        }
        sidecars = {
            row[0][cut:]: (row[1], row[2], row[3], row[4])
            for row in cursor.execute(f"SELECT path, size, mtime_ns, inode, sha256 FROM sidecars WHERE {where}", span)
        }
        where, span = (
            ("path NOT GLOB ?", [first[: -len(source)] + "*/*"]) if source == "." else ("path > ? AND path < ?", span)
        )
        holds = {
            row[0][cut:]: (row[1], row[2], row[3], row[4])
            for row in cursor.execute(f"SELECT path, size, mtime_ns, inode, rule FROM holds WHERE {where}", span)
        }
        return files, failures, sidecars, holds

    def ignored(self, relative: str, suffix: str) -> str:
        """Why a raw file is not data, or ''."""
        for matches, reason in self._ignore if self._ignorable(relative) else ():
            if matches(relative):
                return reason
        if suffix not in self._settings.suffixes:
            return f"{SUFFIX} {suffix}" if suffix else "no suffix"
        return ""

    def rule_id(self, relative: str) -> int | None:
        """The ledger's id of today's rule for this file: -1 a rule the ledger has never seen, None no rule."""
        rule = self._rules.rule_for(relative)
        return None if rule is None else self._rule_ids.get(rule.fingerprint, -1)

    def path(self, relative: str) -> str:
        return self._prefix + relative

    def dest(self, relative: str) -> str:
        return self._dest_prefix + relative

    @property
    def sidecar_name(self) -> str:
        return self._settings.sidecar.name

    @property
    def root(self) -> str:
        return self._root


class _SourceScan:
    def __init__(self, scanner: Scanner, source: str, selection: Selection) -> None:
        self._s, self._source, self._selection = scanner, source, selection
        self._files, self._failures, self._sidecars, self._holds = scanner.known(source)
        self._matches: Callable[[str], bool] | None = compile_glob(selection.pattern) if selection.pattern else None
        self._gone = {path[len(scanner._prefix) :] for path in selection.gone}
        self.counts: Counter[str] = Counter()
        self.groups: list[Group] = []
        self.ignored: list[tuple[str, str]] = []
        self.unreadable: list[tuple[str, str]] = []
        self.altered: list[str] = []
        self.unchanged: list[str] = []
        self.data_files = 0
        self._seen: set[str] = set()

    def run(self) -> SourceScan:
        top = "" if self._source == "." else self._source
        for folder, entries in self._walk(top):
            self._folder(folder, entries)
        vanished = [
            path
            for path, row in self._files.items()
            if path not in self._seen and row.status != "archived" and self._selected(path)
        ]
        if self.unreadable:  # what lies in a folder that cannot be read has not vanished
            lost = tuple(path + "/" for path, _ in self.unreadable)
            vanished = [path for path in vanished if not path.startswith(lost)]
        self.counts["vanished"] = len(vanished)
        return SourceScan(
            self._source,
            self.data_files,
            pack_groups(self.groups),
            dict(self.counts),
            self.ignored,
            self.unreadable,
            vanished,
            self.altered,
            self.unchanged,
        )

    def _walk(self, top: str) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        """Folders below the source with their entries that are no folders, in the order of their names."""
        stack = [top]
        shallow = self._source == "."
        while stack:
            folder = stack.pop()
            try:
                with os.scandir(f"{self._s.raw}/{folder}" if folder else self._s.raw) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except FileNotFoundError:
                continue  # it went since its name was read; a source that is gone has no files
            except OSError as error:
                self.unreadable.append((folder, error.strerror or str(error)))
                continue
            plain, folders = [], []
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}/{entry.name}" if folder else entry.name)
                else:
                    plain.append(entry)
            if not shallow:
                stack.extend(reversed(folders))
            if plain:
                yield folder, plain

    def _selected(self, relative: str) -> bool:
        if self._matches is None:
            return True
        _, _, inside = relative.partition("/")
        return self._matches(relative if self._source == "." else inside)

    def _folder(self, folder: str, entries: list[os.DirEntry[str]]) -> None:
        candidates: list[Candidate] = []
        sidecar: Candidate | None = None
        published = False
        prefix = f"{folder}/" if folder else ""
        for entry in entries:
            relative = prefix + entry.name
            if entry.name == self._s.sidecar_name:
                sidecar = self._sidecar(entry, relative)
                continue
            known = self._files.get(relative)
            if not self._selected(relative):
                self._seen.add(relative)
                published = published or known is not None
                continue
            candidate = self._data(entry, relative, known)
            if candidate is not None:
                candidates.append(candidate)
            published = published or (known is not None and relative in self._seen)
        gone = any(candidate.status == "missing" for candidate in candidates)
        if sidecar is not None and sidecar.known_identity == sidecar[2:5] and not (gone or self._selection.checksum):
            sidecar = None  # unchanged, and nothing says that its copy is gone
        if candidates or (sidecar is not None and published):
            self.groups.append(Group(folder, candidates, sidecar, published))

    def _sidecar(self, entry: os.DirEntry[str], relative: str) -> Candidate | None:
        """The folder's sidecar, with the identity it had when it was published."""
        if self._s.ignored(relative, ".json") or not entry.is_file(follow_symlinks=False):
            self.ignored.append((relative, self._s.ignored(relative, ".json") or LINK))
            return None
        facts = entry.stat(follow_symlinks=False)
        identity = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
        self.counts["sidecar_files"] += 1
        if self._holds and self._holds.get(relative, ())[:3] == identity:
            self.counts["held_sidecars"] += 1
            return None
        known = self._sidecars.get(relative)
        seen = (known[3], known[:3]) if known is not None else ("", None)
        return Candidate(relative, "sidecar", *identity, *seen)

    def _data(self, entry: os.DirEntry[str], relative: str, known: Known | None) -> Candidate | None:
        """The candidate that this entry is, or None when there is nothing to do; counts it either way."""
        if not entry.is_file(follow_symlinks=False):
            self.ignored.append((relative, LINK if entry.is_symlink() else NOT_A_FILE))
            return None
        suffix = os.path.splitext(entry.name)[1].lower()
        if known is None and (reason := self._s.ignored(relative, suffix)):
            self.ignored.append((relative, reason))
            return None
        self.data_files += 1
        self._seen.add(relative)
        facts = entry.stat(follow_symlinks=False)
        identity = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
        rule = self._s.rule_id(relative)
        if rule is None and known is None:
            self.data_files -= 1
            self.ignored.append((relative, NO_RULE))
            return None
        if self._holds and self._holds.get(relative) == (*identity, rule):
            self.counts["held"] += 1  # taken back by a rollback: until source or rule changes, or it is released
            return None
        failure, again = self._failures.get(recordable(relative)), self._selection.again
        wanted = again is not None and failure is not None and again.takes_failure(recordable(self._s.path(relative)))
        if again is not None and known is not None and failure is not None and failure[:4] == (*identity, rule):
            wanted = wanted or again.withdraws(known.status, stale=rule != known.rule and known.status != "adopted")
        if failure is not None and not self._selection.checksum and failure[:4] == (*identity, rule) and not wanted:
            self.counts["accepted" if failure.accepted else "known_failed"] += 1
            return None
        if wanted and known is None:
            self.counts["again"] += 1
            return Candidate(relative, "again", *identity, *_first_seen(failure, identity))
        if known is None:
            self.counts["new" if again is None else "waiting"] += 1
            return Candidate(relative, "new", *identity, *_first_seen(failure, identity)) if again is None else None
        return self._known(relative, known, identity, rule, wanted=wanted)

    def _known(
        self, relative: str, known: Known, identity: tuple[int, int, int], rule: int | None, *, wanted: bool
    ) -> Candidate | None:
        """A file that the ledger has published: unchanged, or why it is looked at again."""
        same = identity == (known.size, known.mtime_ns, known.inode)
        dest_identity = (known.dest_size, known.dest_mtime_ns, known.dest_inode)
        status = ""
        dest = self._s.dest(relative)
        try:
            facts = os.stat(f"{self._s.root}/{dest}" if dest[0] != "/" else dest, follow_symlinks=False)
        except OSError:
            facts = None
        if not known.mirrored or relative in self._gone:
            status = "new"
        elif facts is None:
            status = "missing"  # whatever became of the source meanwhile: the brake has to see it
        elif known.status == "archived":
            status = "again"  # somebody put its source back
        elif not same:
            status = "changed"
        elif self._selection.checksum:
            status = "check"
        else:
            if dest == known.dest and (facts.st_size, facts.st_mtime_ns, facts.st_ino) != dest_identity:
                self.altered.append(relative)
                self.counts["altered"] += 1
            if rule != known.rule and known.status != "adopted":
                self.counts["stale"] += 1
        again = self._selection.again
        if again is not None:
            taken = wanted or again.takes(known.status, stale=rule != known.rule and known.status != "adopted")
            if taken and not status:
                status = "again"
            elif not taken and status:  # migrate's business
                self.counts["waiting"] += 1
                return None
        if not status:
            self.counts["adopted" if known.status == "adopted" else "unchanged"] += 1
            if len(self.unchanged) <= self._s._settings.logs.unchanged_named:
                self.unchanged.append(relative)
            return None
        self.counts["new" if status == "new" else "checked" if status == "check" else status] += 1
        seen = ("", None) if same else _first_seen(self._failures.get(recordable(relative)), identity)
        if seen[0]:  # a newer version than the published one, which failed: that is what it has to be still
            return Candidate(relative, status, *identity, *seen)
        return Candidate(
            relative,
            status,
            *identity,
            known.sha256,
            # asked to be judged again: that its bytes are the old ones is no answer
            None if again is not None and status == "changed" else (known.size, known.mtime_ns, known.inode),
            # a damaged copy is read again: what goes into the backup is recorded as what it is
            dest_identity if known.dest == dest and dest not in self._s.damaged else None,
        )


def _first_seen(
    failure: KnownFailure | None, identity: tuple[int, int, int]
) -> tuple[str, tuple[int, int, int] | None]:
    """Checksum and identity of a version that failed, where that is the one which still lies there."""
    if failure is None or not failure.sha256 or failure[:3] != identity:
        return "", None
    return failure.sha256, failure[:3]
