"""The end of a migrate in the ledger and the log: what was not read, and what the brakes will compare with."""

from __future__ import annotations

import os

from console.engine.actions.migrate.survey import Survey
from console.engine.checks.probes.schemas import remember_rules
from console.engine.context import Context
from console.engine.ledger.store import transaction
from console.engine.model import Outcome
from console.engine.records.rules import RuleSet
from console.engine.runs.active import ActiveRun
from console.engine.text import plural
from console.engine.transfer.publish import hash_file


def take_over_copies(run: ActiveRun, survey: Survey) -> None:
    """Copies that somebody put in the place of ours, with the same bytes: from now on they are the published ones.

    The incumbent does that when it processes a file beside us, a restore from a backup does it to all of them.
    """
    prefix = run.ctx.settings.zones.raw.rstrip("/") + "/"
    others, taken = [], []
    for path in survey.altered:
        run.beat()
        row = run.connection.execute(
            "SELECT id, dest, dest_size, sha256 FROM files WHERE path = ?", [prefix + path]
        ).fetchone()
        identity = _same_bytes(str(run.ctx.workspace.path(row["dest"])), row["dest_size"], row["sha256"])
        if identity is None:
            others.append(path)
        else:
            taken.append((*identity, row["id"]))
    if taken:
        with transaction(run.connection) as connection:
            connection.executemany(
                "UPDATE files SET dest_size = ?, dest_mtime_ns = ?, dest_inode = ? WHERE id = ?", taken
            )
        survey.altered[:] = others
        survey.counts["altered"] = len(others)
        run.log.add("INFO", f"{plural(len(taken), 'published copy', 'published copies')} replaced by the same bytes")


def _same_bytes(dest: str, size: int, sha256: str) -> tuple[int, int, int] | None:
    """Size, time and inode of a published copy that has these bytes; None where it has not."""
    try:
        before = os.lstat(dest)
        if before.st_size != size or hash_file(dest) != sha256:
            return None
        after = os.lstat(dest)
    except OSError:
        return None
    identity = (after.st_size, after.st_mtime_ns, after.st_ino)
    return identity if identity == (before.st_size, before.st_mtime_ns, before.st_ino) else None


def note_unread(run: ActiveRun, survey: Survey, ctx: Context) -> None:
    """Counts and log lines of what the scan settled: unchanged, known failures, ignored, unreadable, vanished."""
    counts, found, log = run.counts, survey.counts, run.log
    raw = ctx.settings.zones.raw.rstrip("/")
    unchanged = found["unchanged"] + found["adopted"]
    counts.skipped += unchanged
    counts.known_failed += found["known_failed"]
    counts.accepted += found["accepted"]
    counts.held += found["held"]
    counts.ignored += len(survey.ignored)
    counts.failed += len(survey.unreadable)
    if unchanged > ctx.settings.logs.unchanged_named:
        log.add("INFO", f"{plural(unchanged, 'file')} already processed")
    else:
        for path in survey.unchanged:
            log.add("INFO", "already processed", file=f"{raw}/{path}")
    if found["known_failed"]:
        log.add("INFO", f"{plural(found['known_failed'], 'file')} unchanged since they failed: not read again")
    if survey.ignored:
        log.add("INFO", f"{plural(len(survey.ignored), 'file')} ignored; the plan names them")
    for path, reason in survey.unreadable:
        log.add(
            "ERROR",
            "Permission denied" if "ermission" in reason else "Cannot read",
            file=f"{raw}/{path}",
            detail=reason,
        )
    for path in survey.vanished[:1000]:
        log.add("WARNING", "Source is gone, its published copy stays", file=f"{raw}/{path}")
    for path in survey.altered[:1000]:
        log.add("WARNING", "Published copy was changed by somebody else, left alone", file=f"{raw}/{path}")
    if survey.unreadable:
        with transaction(run.connection) as connection:
            run.outcomes_in(
                connection,
                [(f"{raw}/{path}", Outcome.FAILED, "", 0, "", "", "", reason) for path, reason in survey.unreadable],
            )
    log.flush()


def remember_seen(run: ActiveRun, survey: Survey, rules: RuleSet) -> None:
    """File systems of the zones and files by source, for the brakes of the next run; the rules that it judged by."""
    with transaction(run.connection) as connection:
        remember_rules(connection, rules.rules)
        for zone, system in survey.filesystems().items():
            connection.execute(
                "INSERT INTO zones_seen (zone, filesystem, run) VALUES (?, ?, ?)"
                " ON CONFLICT (zone) DO UPDATE SET filesystem = excluded.filesystem, run = excluded.run",
                [zone, system.identity, run.seq],
            )
        for source, files in survey.sources.items():
            connection.execute(
                "INSERT INTO sources_seen (source, files, run) VALUES (?, ?, ?)"
                " ON CONFLICT (source) DO UPDATE SET files = excluded.files, run = excluded.run",
                [source, files - run.moved_by_source.get(source, 0), run.seq],
            )


def warm() -> None:
    """Load what the end of a run needs, while its disk is busy and nobody waits."""
    import console.engine.observe.report
    import console.engine.observe.samples  # noqa: F401
