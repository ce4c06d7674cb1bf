"""What there is to verify: every file of which the ledger or a manifest has a checksum, in pages."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from console.engine.actions.verify.model import Item
from console.engine.context import Context

_PAGE = 1000
MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"^(\\?)([0-9a-f]{64}) [ *](.+)$")  # sha256sum(1)
_ESCAPED = {"n": "\n", "r": "\r"}


class Items:
    """Goes through the ledger in pages, so that what is recorded meanwhile goes through the same connection.

    source: one source's name, '' for all. odd: manifests that say other than the ledger, path -> sentence; known
    when `all` has come to its end.
    """

    def __init__(self, ctx: Context, connection: sqlite3.Connection, source: str = "") -> None:
        self._ctx, self._connection, self._source = ctx, connection, source
        zones = ctx.settings.zones
        self._raw, self._validated = zones.raw.rstrip("/") + "/", zones.validated.rstrip("/") + "/"
        self._archive = zones.archive.rstrip("/")
        self._base = os.path.dirname(self._archive)  # what paths of manifests are relative to
        self.odd: dict[str, str] = {}

    def all(self) -> Iterator[Item]:
        """Every file, by zone; a file may come twice where two rows vouch for it."""
        yield from self._files()
        yield from self._sidecars()
        yield from self._failures()
        yield from self.backups()
        yield from self.archive()
        yield from self.manifests()

    def about(self) -> int:
        """How many that is, about."""
        where, span = self._span("path")
        queries = (
            f"SELECT 2 * count(*) FROM files WHERE {where}",
            f"SELECT 2 * count(*) FROM sidecars WHERE {where}",
            f"SELECT count(*) FROM failures WHERE {where}",
            f"SELECT count(*) FROM archived WHERE {where}",
            f"SELECT count(*) FROM outcomes WHERE {where} AND replaced_sha256 <> '' AND backup <> ''",
            f"SELECT count(*) FROM outcomes WHERE {where} AND outcome = 'moved'",
        )
        return sum(int(self._connection.execute(query, span).fetchone()[0]) for query in queries)

    def _span(self, column: str) -> tuple[str, list[Any]]:
        if not self._source:
            return f"{column} > ''", []
        first = self._raw + self._source
        return f"{column} > ? AND {column} < ?", [first + "/", first + "0"]  # '0' is what follows '/'

    def _by_path(self, table: str, where: str = "1") -> Iterator[sqlite3.Row]:
        span, values = self._span("path")
        last = ""
        while True:
            rows = self._connection.execute(
                f"SELECT * FROM {table} t WHERE {span} AND path > ? AND {where} ORDER BY path LIMIT {_PAGE}",
                [*values, last],
            ).fetchall()
            yield from rows
            if len(rows) < _PAGE:
                return
            last = rows[-1]["path"]

    def _by_id(self, where: str) -> Iterator[sqlite3.Row]:
        span, values = self._span("path")
        last = 0
        while True:
            rows = self._connection.execute(
                f"SELECT * FROM outcomes o WHERE id > ? AND {span} AND {where} ORDER BY id LIMIT {_PAGE}",
                [last, *values],
            ).fetchall()
            yield from rows
            if len(rows) < _PAGE:
                return
            last = rows[-1]["id"]

    # --- published files and their sources --------------------------------------------------------------

    def _files(self) -> Iterator[Item]:
        newer = self._connection.execute("SELECT 1 FROM failures LIMIT 1").fetchone() is not None
        for row in self._by_path("files"):
            if row["status"] != "held":
                dest = (row["dest_size"], row["dest_mtime_ns"], row["dest_inode"])
                yield Item("validated", row["dest"], row["path"], row["sha256"], row["dest_size"], dest)
            if row["status"] == "archived" or (newer and self._failed_since(row["path"])):
                continue
            identity = (row["size"], row["mtime_ns"], row["inode"])
            yield Item("raw", row["path"], row["path"], row["sha256"], row["size"], identity)

    def _failed_since(self, path: str) -> bool:
        """Whether a newer version of it failed: that is what was seen last, and `_failures` has it."""
        row = self._connection.execute(
            "SELECT 1 FROM failures WHERE path = ? AND sha256 <> '' AND kind <> 'damaged'", [path]
        )
        return row.fetchone() is not None

    def _sidecars(self) -> Iterator[Item]:
        for row in self._by_path("sidecars"):
            identity = (row["size"], row["mtime_ns"], row["inode"])
            yield Item("validated", row["dest"], row["path"], row["sha256"], row["size"])
            yield Item("raw", row["path"], row["path"], row["sha256"], row["size"], identity)

    def _failures(self) -> Iterator[Item]:
        known = "kind <> 'damaged' OR NOT EXISTS (SELECT 1 FROM files f WHERE f.path = t.path)"
        for row in self._by_path("failures", f"sha256 <> '' AND ({known})"):
            identity = (row["size"], row["mtime_ns"], row["inode"])
            yield Item("raw", row["path"], row["path"], row["sha256"], row["size"], identity, published=False)

    # --- backups and archives ---------------------------------------------------------------------------

    def backups(self) -> Iterator[Item]:
        """What runs kept and nobody pruned."""
        kept = "backup <> '' AND replaced_sha256 <> '' AND run NOT IN (SELECT run FROM pruned)"
        for row in self._by_id(kept):
            yield Item("backups", row["backup"], row["path"], row["replaced_sha256"])

    def archive(self) -> Iterator[Item]:
        """What lies in the archive by a run of ours."""
        yield from self._archived()
        yield from self._moved()

    def _archived(self) -> Iterator[Item]:
        for row in self._by_path("archived"):
            yield Item("archive", row["place"], row["path"], row["sha256"], row["size"])

    def _moved(self) -> Iterator[Item]:
        """What runs moved to the archive and the table of the archive does not have: `--operation move`."""
        there = (
            "outcome IN ('moved', 'archived') AND NOT EXISTS (SELECT 1 FROM archived a WHERE a.place = o.dest)"
            " AND NOT EXISTS (SELECT 1 FROM outcomes r WHERE r.path = o.path AND r.id > o.id"
            " AND r.outcome = 'returned' AND r.backup = o.dest)"
        )
        for row in self._by_id(there):
            yield Item("archive", row["dest"], row["path"], row["sha256"], row["size"])

    def manifests(self) -> Iterator[Item]:
        """Lines of SHA256SUMS: those of which the ledger knows nothing are read, the others have to say the same."""
        try:
            labels = sorted(os.listdir(self._ctx.workspace.path(self._archive)))
        except OSError:
            return
        for label in labels:
            manifest = f"{self._archive}/{label}/{MANIFEST}"
            for number, (sha256, place) in enumerate(read_manifest(self._ctx, manifest, self._base), 1):
                subject = f"{self._base}/{place[len(self._archive) + len(label) + 2 :]}"
                if not place.startswith(f"{self._archive}/{label}/"):
                    self.odd.setdefault(manifest, f"line {number} names a file outside of {self._archive}/{label}")
                    continue
                if self._source and not subject.startswith(f"{self._raw}{self._source}/"):
                    continue
                known = self.known_place(place, subject)
                if known == "":
                    yield Item("archive", place, subject, sha256)
                elif known != sha256:
                    self.odd.setdefault(manifest, f"line {number}, {place}: the ledger has another checksum")

    def known_place(self, place: str, subject: str) -> str:
        """The checksum that the ledger has of a place in the archive, '' for none."""
        row = self._connection.execute(
            "SELECT sha256 FROM archived WHERE place = ? UNION ALL SELECT sha256 FROM outcomes WHERE path = ?"
            " AND dest = ? AND outcome IN ('moved', 'archived')",
            [place, subject, place],
        ).fetchone()
        return str(row[0]) if row else ""


def read_manifest(ctx: Context, manifest: str, base: str) -> Iterator[tuple[str, str]]:
    """(sha256, path relative to the root) of each line that is one; `..` and absolute paths come as they are folded,
    and lead nowhere. Nothing for a manifest that is not there."""
    try:
        with open(ctx.workspace.path(manifest), encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            for line in lines:
                found = _LINE.match(line.rstrip("\n"))
                if found is None:
                    yield "", ""
                    continue
                name = found[3]
                if found[1]:
                    name = re.sub(r"\\(.)", lambda m: _ESCAPED.get(m[1], m[1]), name)
                yield found[2], os.path.normpath(f"{base}/{name}" if base else name)
    except OSError:
        return
