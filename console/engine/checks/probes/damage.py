"""What a verify said: everything read since a moment, nothing damaged or lost; an archive as its manifest has it."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import UTC, datetime

from console.engine.actions.migrate.plan import check_source
from console.engine.actions.verify.found import bad_files
from console.engine.actions.verify.items import MANIFEST, read_manifest
from console.engine.actions.verify.model import IS_BAD
from console.engine.checks.probes.look import Finding, Look, closed, interrupted, lacking
from console.engine.model import Check
from console.engine.observe.backups import plain_file
from console.engine.text import count, on_disk, plural, recordable
from console.engine.transfer.publish import hash_file

_NAMED = 50
_REPAIR = "`opsconsole verify --repair` puts back what has a good copy"


def moment_of(text: str) -> datetime | None:
    """A UTC time as a parameter gives it, with or without its zone; None for what is none."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# ── verified, damage ─────────────────────────────────────────────────────────────────────────────────────────────


def verified_since(look: Look, *, since: str, source: str) -> Finding:
    """Passes where a verify of everything, or of the source, began and ended since then (in parts, all of them) and
    nothing is damaged or lost; fails where something is; unknown where nobody has read it all since."""
    if not since:
        return lacking("since", "a time, UTC")
    moment = moment_of(since)
    if moment is None:
        return Finding(
            Check.UNKNOWN, f"the parameter `since` is {since!r}, which is no time", "write 2026-03-01T03:12Z"
        )
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    check_source(look.ctx, source)
    if (bad := _bad(look, found, source)) is not None:
        return bad
    of = f" of {source}" if source else ""
    run = _verify_since(found, moment, source)
    if not run:
        what = f"no verify of everything has begun and ended since {moment:%Y-%m-%d %H:%M} UTC"
        if source:
            what = f"no verify of {source} has begun and ended since {moment:%Y-%m-%d %H:%M} UTC"
        return Finding(Check.UNKNOWN, what, "`opsconsole verify`" + (f" --source {source}" if source else ""))
    return Finding(Check.PASS, f"verify {run}: everything{of} read since {moment:%Y-%m-%d %H:%M} UTC, nothing damaged")


def _verify_since(connection: sqlite3.Connection, moment: datetime, source: str) -> str:
    """The newest run that makes it whole, by the last part of its name; '' for none."""
    parts: dict[int, set[int]] = {}
    rows = connection.execute(
        "SELECT id, params, started_at FROM runs WHERE action = 'verify' AND status IN ('done', 'partial')"
        " ORDER BY seq DESC LIMIT 1000"
    )
    for row in rows:
        begun = moment_of(str(row["started_at"]))
        if begun is None or begun < moment:
            continue
        params = json.loads(row["params"])
        name = str(row["id"]).rpartition("-")[2]
        if params.get("source") and params["source"] != source:
            continue
        number, _, many = str(params.get("subset") or "1/1").partition("/")
        seen = parts.setdefault(int(many), set())
        seen.add(int(number))
        if len(seen) == int(many):
            return name
    return ""


def _bad(look: Look, connection: sqlite3.Connection, source: str) -> Finding | None:
    """What is known to be damaged or lost, by a verify or while migrating; None where nothing is."""
    raw = look.ctx.settings.zones.raw.rstrip("/")
    prefix = f"{raw}/{source}/" if source else ""
    lines = [f"{bad.path}: {bad.what}; {bad.good or 'no good copy is known'}" for bad in bad_files(connection, prefix)]
    caught = connection.execute(
        "SELECT path FROM failures WHERE kind = 'damaged' AND accepted_at IS NULL"
        f" AND path NOT IN (SELECT path FROM verified WHERE {IS_BAD}) ORDER BY path"
    ).fetchall()
    raws = [f"{row[0]}: changed without a trace" for row in caught if str(row[0]).startswith(prefix)]
    if not lines and not raws:
        return None
    said = f"{plural(len(lines) + len(raws), 'file')} damaged or lost: {(lines or raws)[0]}"
    step = _REPAIR if lines else "`opsconsole verify` reads everything and says what can be put back"
    return Finding(Check.FAIL, said, step, tuple([*lines, *raws][:_NAMED]))


def no_damage_known(look: Look) -> Finding:
    """Fails where a file is known to be damaged or lost; unknown where files are kept and nobody ever read them."""
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    if (bad := _bad(look, found, "")) is not None:
        return bad
    row = found.execute("SELECT count(*), max(at) FROM verified").fetchone()
    if row[0]:
        return Finding(Check.PASS, f"{plural(row[0], 'file')} verified, the last at {row[1][:16]}Z: all as recorded")
    if found.execute("SELECT 1 FROM files LIMIT 1").fetchone() is None:
        return Finding(Check.PASS, "nothing is kept yet that could be damaged")
    return Finding(Check.UNKNOWN, "nothing was verified yet", "`opsconsole verify` reads everything")


# ── an archive ───────────────────────────────────────────────────────────────────────────────────────────────────


def archive_whole(look: Look, *, label: str) -> Finding:
    """Passes where the manifest of this label is there, names what the ledger has in it, and every file that it names
    has the recorded checksum. Reads all of them."""
    if not label:
        return lacking("label", "name an archive")
    zone = look.ctx.settings.zones.archive.rstrip("/")
    manifest = f"{zone}/{label}/{MANIFEST}"
    if "/" in label or label in (".", ".."):
        return Finding(Check.FAIL, f"{label!r} is no label of an archive", "`opsconsole archive list`")
    try:
        with open(look.ctx.workspace.path(manifest), "rb"):
            pass
    except (FileNotFoundError, NotADirectoryError):
        return Finding(Check.FAIL, f"there is no {manifest}", "`opsconsole archive list`; `opsconsole verify`")
    except OSError as error:
        return closed(look, error)
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    wrong, read = [], set[str]()
    for number, (sha256, place) in enumerate(read_manifest(look.ctx, manifest, os.path.dirname(zone)), 1):
        if look.cancelled():
            return interrupted()
        if not place.startswith(f"{zone}/{label}/"):
            wrong.append(f"line {number} of {manifest} names no file below {zone}/{label}")
            continue
        read.add(place)
        try:
            if plain_file(look.ctx.workspace.path(place)) is None:
                wrong.append(f"{recordable(place)}: it is not there")
            elif hash_file(str(look.ctx.workspace.path(place))) != sha256:
                wrong.append(f"{recordable(place)}: Checksum mismatch")
        except OSError as error:
            return closed(look, OSError(error.errno, error.strerror, str(look.ctx.workspace.path(place))))
    rows = found.execute("SELECT place FROM archived WHERE label = ?", [label]).fetchall()
    unnamed = [place for row in rows if (place := on_disk(str(row["place"]))) not in read]
    wrong += [f"{recordable(place)}: in the ledger, and not in {manifest}" for place in unnamed]
    if wrong:
        more = f" and {count(len(wrong) - 1)} more" if len(wrong) > 1 else ""
        return Finding(Check.FAIL, f"{wrong[0]}{more}", "`opsconsole verify`, then its --repair", tuple(wrong[:_NAMED]))
    if not read:
        return Finding(Check.FAIL, f"{manifest} names no file", "`opsconsole archive list`")
    return Finding(Check.PASS, f"{label}: {plural(len(read), 'file')} read, each as its manifest has it")
