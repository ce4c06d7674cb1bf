"""The raw zone: what a source holds, what waits, and whether one file is what it was or a new version."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from console.engine.actions.migrate.model import Candidate, unpack_groups
from console.engine.actions.migrate.plan import chosen_sources
from console.engine.actions.migrate.scan import LINK, NO_RULE, NOT_A_FILE, Scanner, Selection
from console.engine.actions.verify.found import rightly_gone
from console.engine.actions.verify.model import Item
from console.engine.checks.probes.look import Finding, Look, closed, interrupted, lacking
from console.engine.checks.probes.walk import below
from console.engine.ledger.mirror import read_mirror
from console.engine.model import Check, MigrateParams
from console.engine.observe.files_list import storable
from console.engine.text import count, plural, recordable, size
from console.engine.transfer.publish import hash_file

_NAMED = 50


# ── a source ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Seen:
    kinds: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    newest: float = 0.0
    newest_path: str = ""
    sidecars: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)


def source_has_data(look: Look, *, source: str) -> Finding:
    """Fails for a source without data files or without a folder, warns where something in it is ignored; unknown where
    a rule does not load or a folder cannot be looked into."""
    if not source:
        return lacking("source", "name a source")
    for problem in look.rules.problems:
        return Finding(Check.UNKNOWN, problem.what, problem.next_step)
    raw = look.ctx.settings.zones.raw.rstrip("/")
    name = source.rstrip("/").rpartition("/")[2]
    folder = look.ctx.workspace.path(f"{raw}/{name}")
    if name in ("", ".", "..") or not folder.is_dir() or folder.is_symlink():
        return Finding(Check.FAIL, f"there is no source {name!r} in {raw}", "put its files there, below its own folder")
    try:
        seen = _walk(look, f"{raw}/{name}", name)
    except OSError as error:
        return closed(look, error)
    if look.cancelled():
        return interrupted()
    files = sum(seen.kinds.values())
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in seen.kinds.most_common(5))
    ignored = sum(seen.ignored.values())
    why = ", ".join(f"{count(number)}: {reason}" for reason, number in seen.ignored.most_common(3))
    details = [f"newest: {seen.newest_path}, {_when(seen.newest)}"] if files else []
    details += [f"{plural(seen.sidecars, 'sidecar')}"] if seen.sidecars else []
    details += [f"ignored {line}" for line in seen.named]
    details += [f"and {count(ignored - len(seen.named))} more"] if ignored > len(seen.named) else []
    if not files:
        what = f"{name} has no data file" + (f"; ignored {why}" if ignored else "")
        return Finding(Check.FAIL, what, "`opsconsole explain FILE` says why one is not taken", tuple(details))
    said = f"{name} has {plural(files, 'data file')} ({kinds}), {size(seen.bytes)}, newest {_when(seen.newest)}"
    if ignored:
        step = "`opsconsole explain FILE` says why; suffixes and rules are in the configuration"
        return Finding(Check.WARN, f"{said}; ignored {why}", step, tuple(details))
    return Finding(Check.PASS, said, "", tuple(details))


def _walk(look: Look, zone: str, name: str) -> _Seen:
    scanner = _scanner(look)
    seen = _Seen()
    for inside, entry in below(look, zone):
        relative = f"{name}/{inside}"
        suffix = os.path.splitext(entry.name)[1].lower()
        sidecar = entry.name == scanner.sidecar_name
        why = _ignored(scanner, relative, entry, ".json" if sidecar else suffix, sidecar=sidecar)
        if why:
            seen.ignored[why] += 1
            if len(seen.named) < _NAMED:
                seen.named.append(f"{recordable(relative)}: {why}")
        elif sidecar:
            seen.sidecars += 1
        else:
            facts = entry.stat(follow_symlinks=False)
            seen.kinds[suffix] += 1
            seen.bytes += facts.st_size
            if facts.st_mtime > seen.newest:
                seen.newest, seen.newest_path = facts.st_mtime, recordable(relative)
    return seen


def _ignored(scanner: Scanner, relative: str, entry: os.DirEntry[str], suffix: str, *, sidecar: bool) -> str:
    if not entry.is_file(follow_symlinks=False):
        return LINK if entry.is_symlink() else NOT_A_FILE
    reason = scanner.ignored(relative, suffix)
    return reason or (NO_RULE if not sidecar and scanner.rule_id(relative) is None else "")


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _scanner(look: Look) -> Scanner:
    return Scanner(str(look.ctx.workspace.root), look.ctx.settings, look.rules, look.connection, look.now)


# ── what waits ───────────────────────────────────────────────────────────────────────────────────────────────────


def no_more_wait(look: Look, *, source: str, most: int) -> Finding:
    """Fails where more than `most` files are new or changed and were not judged yet; what fails, is held or ignored
    does not wait. Unknown where raw zone, rules, ledger or state file cannot be read."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    for problem in look.rules.problems:
        return Finding(Check.UNKNOWN, problem.what, problem.next_step)
    raw = look.ctx.settings.zones.raw
    if not look.ctx.workspace.path(raw).is_dir():
        return Finding(Check.UNKNOWN, f"{raw} is not there, or not to be looked at", "mount it, then look again")
    gone = frozenset(read_mirror(look.ctx, look.connection).gone)  # counts as not processed
    scanner, waiting, missing = _scanner(look), list[str](), 0
    for name in chosen_sources(look.ctx, MigrateParams(source=source), look.connection):
        if look.cancelled():
            return interrupted()
        scan = scanner.scan(name, Selection(gone=gone))
        if scan.unreadable:
            path, why = scan.unreadable[0]
            step = "`opsconsole permissions check`"
            return Finding(Check.UNKNOWN, f"{recordable(f'{raw}/{path}')} cannot be looked into: {why}", step)
        for group in unpack_groups(scan.groups):
            missing += sum(candidate.status == "missing" for candidate in group.candidates)
            waiting += _waiting(look.connection, scanner, group.candidates)
    where = f" of {source}" if source else ""
    said = f"{plural(len(waiting), 'file')}{where} {'waits' if len(waiting) == 1 else 'wait'}"
    said += f"; {plural(missing, 'published copy', 'published copies')} missing at the destination" if missing else ""
    details = tuple(waiting[:_NAMED])
    if len(waiting) > most:
        return Finding(Check.FAIL, said, "`opsconsole migrate --dry-run` shows what would become of them", details)
    if look.connection is None:
        return Finding(Check.UNKNOWN, f"{said}, and nothing was run here yet", "`opsconsole migrate`", details)
    return Finding(Check.PASS, said, "", details)


def _waiting(connection: sqlite3.Connection | None, scanner: Scanner, found: Iterable[Candidate]) -> list[str]:
    """Those that are new or changed. One that a run read too soon after it was written for its inode to be trusted is
    read again by the next, and has been judged all the same."""
    waiting = []
    for each in found:
        if each.status not in ("new", "changed"):
            continue
        if each.known_identity == (each.size, each.mtime_ns, -1):
            continue
        if (
            connection is not None
            and connection.execute(
                "SELECT 1 FROM failures WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = -1",
                [storable(scanner.path(each.path)), each.size, each.mtime_ns],
            ).fetchone()
        ):
            continue
        waiting.append(f"{recordable(scanner.path(each.path))}: {each.status}")
    return waiting


# ── one file ─────────────────────────────────────────────────────────────────────────────────────────────────────


def raw_name(look: Look, file: str) -> str:
    """A raw file as it was named, relative to the root: below the raw zone, or by its published copy. Raises
    UsageError for a place outside of the workspace."""
    zones = look.ctx.settings.zones
    raw, validated = zones.raw.rstrip("/") + "/", zones.validated.rstrip("/") + "/"
    name = look.ctx.workspace.confine(file, zones=look.ctx.settings.folders)
    if name.startswith(validated):
        return raw + name[len(validated) :]
    return name if name.startswith(raw) else raw + name


def has_new_version(look: Look, *, file: str) -> Finding:
    """Passes where the raw file has other bytes than those that failed, or does not fail any more because a later
    version was published; unknown where nothing of it ever failed."""
    if not file:
        return lacking("file", "name a raw file")
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    path = raw_name(look, file)
    failed = found.execute("SELECT sha256, kind, failed_at FROM failures WHERE path = ?", [storable(path)]).fetchone()
    if failed is None:
        return _not_failing(found, path)
    bad = failed["sha256"]
    if failed["kind"] == "damaged":  # there the failure keeps what the bytes have to be, the outcome what they were
        sql = "SELECT sha256 FROM outcomes WHERE path = ? AND outcome = 'damaged' ORDER BY id DESC LIMIT 1"
        row = found.execute(sql, [storable(path)]).fetchone()
        bad = row["sha256"] if row else ""
    try:
        sha256 = hash_file(str(look.ctx.workspace.path(path)))
    except FileNotFoundError:
        return Finding(Check.FAIL, f"there is no {path} any more", "put the new version in its place")
    except OSError as error:
        return closed(look, _named(error, look, path))
    if not bad:
        return Finding(Check.UNKNOWN, f"{path}: what failed could not be read then, so there is nothing to compare")
    when = failed["failed_at"][:16].replace("T", " ")
    if sha256 == bad:
        what = f"{path} has the bytes that failed at {when} UTC"
        return Finding(Check.FAIL, what, "have its source deliver a new version, and put that in its place")
    return Finding(Check.PASS, f"{path} has other bytes than those that failed at {when} UTC")


def _not_failing(connection: sqlite3.Connection, path: str) -> Finding:
    failed = connection.execute(
        "SELECT max(id) FROM outcomes WHERE path = ? AND outcome IN ('failed', 'damaged')", [storable(path)]
    ).fetchone()[0]
    later = connection.execute(
        "SELECT 1 FROM outcomes WHERE path = ? AND id > ? AND outcome IN ('published', 'replaced')",
        [storable(path), failed or 0],
    ).fetchone()
    if failed and later:
        return Finding(Check.PASS, f"{path} does not fail any more: a later version was published")
    return Finding(
        Check.UNKNOWN, f"{path} does not fail: there is nothing to compare with", "`opsconsole explain FILE`"
    )


def raw_is_whole(look: Look, *, file: str) -> Finding:
    """Passes where the raw file, or where a run archived it the archived one, has the bytes that it had when it was
    seen first in this version; a newer version counts when it was published."""
    if not file:
        return lacking("file", "name a raw file")
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    path = raw_name(look, file)
    known = _first_seen(found, path)
    if not known:
        return Finding(Check.UNKNOWN, f"no run has read {path} yet", "`opsconsole migrate`")
    place = path
    if not os.path.lexists(look.ctx.workspace.path(path)):
        row = found.execute(
            "SELECT place, sha256 FROM archived WHERE path = ? ORDER BY run DESC LIMIT 1", [storable(path)]
        ).fetchone()
        if row is None and not rightly_gone(found, Item("raw", path, path, "")):
            return Finding(Check.FAIL, f"{path} is not there", "`opsconsole verify --repair` puts back what is kept")
        if row is None:
            return Finding(Check.UNKNOWN, f"a run took {path} away, and nobody knows where it lies")
        place, known = row["place"], {row["sha256"]}
    try:
        sha256 = hash_file(str(look.ctx.workspace.path(place)))
    except FileNotFoundError:
        return Finding(Check.FAIL, f"{place} is not there", "`opsconsole verify --repair` puts back what is kept")
    except OSError as error:
        return closed(look, _named(error, look, place))
    if sha256 in known:
        return Finding(Check.PASS, f"{place} has its first-seen checksum, {sha256[:12]}")
    what = f"{place} has other bytes than when it was seen first: {sha256[:12]}, not {min(known)[:12]}"
    step = "`opsconsole verify` says whether it is damaged; a new version counts when a migrate has published it"
    return Finding(Check.FAIL, what, step)


def _first_seen(connection: sqlite3.Connection, path: str) -> set[str]:
    """The checksum of the version that was published last, or else of the one that failed."""
    row = connection.execute("SELECT sha256 FROM files WHERE path = ?", [storable(path)]).fetchone()
    newer = connection.execute(
        "SELECT sha256 FROM failures WHERE path = ? AND sha256 <> '' AND kind <> 'damaged'", [storable(path)]
    ).fetchone()
    side = connection.execute("SELECT sha256 FROM sidecars WHERE path = ?", [storable(path)]).fetchone()
    return {str(each[0]) for each in (row, newer, side) if each is not None}


def _named(error: OSError, look: Look, path: str) -> OSError:
    """The error with the file that it is of."""
    return OSError(error.errno, error.strerror, str(look.ctx.workspace.path(path)))
