"""Maintenance as asked for, and nothing left of runs that died."""

from __future__ import annotations

import os
import sqlite3

from console.engine.checks.maintenance import read_maintenance
from console.engine.checks.probes.look import Finding, Look, closed, interrupted
from console.engine.checks.probes.traces import Traces, traces_of_runs
from console.engine.checks.probes.walk import below
from console.engine.model import Check, RunRow
from console.engine.observe.doctor_places import PART
from console.engine.runs.lock import read_holder
from console.engine.runs.query import current_run, process_started, unrecovered
from console.engine.text import count, plural, recordable

_NAMED = 50


def maintenance_as_asked(look: Look, *, on: bool) -> Finding:
    """Passes where maintenance is on, or off, as asked. A note that is there and cannot be read counts as on, as it
    does for every run; unknown where nobody can tell whether there is one."""
    note = look.ctx.workspace.maintenance
    try:
        os.lstat(note)
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except OSError as error:
        return closed(look, OSError(error.errno, error.strerror, str(note)))
    else:
        found = read_maintenance(look.ctx)  # None: it was lifted just now
    if found is None and on:
        step = "`opsconsole maintenance on --reason TEXT`"
        return Finding(Check.FAIL, "maintenance is off: runs still start", step)
    if found is None:
        return Finding(Check.PASS, "maintenance is off: runs may start")
    if on:
        return Finding(Check.PASS, found.sentence())
    return Finding(Check.FAIL, found.sentence(), "`opsconsole maintenance off` when the work is done")


def nothing_unsettled(look: Look) -> Finding:
    """Fails for a run that died and that no later one settled, for a batch that was never settled, and for staged
    files of runs that died; warns for half-written files of our own, which the next run replaces. Unknown while a run
    is in progress, without a ledger to go by, and where a zone cannot be looked into."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    live = None if look.own else current_run(look.ctx)
    if live is not None:
        step = f"wait, or `opsconsole runs attach {live.short}`"
        return Finding(Check.UNKNOWN, f"run {live.short} is in progress: what it leaves is known when it ends", step)
    if look.connection is None and (traces := traces_of_runs(look.ctx)):
        return _without_ledger(traces)
    dead = [] if look.connection is None else [run for run in unrecovered(look.ctx) if run.id]
    try:
        staged = _staged(look)
    except OSError as error:
        return closed(look, error)
    if look.cancelled():
        return interrupted()
    wrong, step = _wrong(look.connection, dead, staged)
    details = tuple(
        f"{run.id}: died in {run.phase or 'its start'}, last heard of at {run.heartbeat_at}" for run in dead
    )
    details += tuple(staged[:_NAMED]) + ((f"and {count(len(staged) - _NAMED)} more",) if len(staged) > _NAMED else ())
    if wrong:
        return Finding(Check.FAIL, "; ".join(wrong), step, details)
    halves = _halves(look)
    if halves:
        said = f"half written, by a run that died or a console: {', '.join(halves[:3])}"
        return Finding(Check.WARN, said, "the next run replaces it; `opsconsole doctor --repair` removes it")
    if look.connection is None:
        return Finding(Check.PASS, "nothing was run here yet, and nothing was left behind")
    return Finding(Check.PASS, "no dead run is unsettled, and nothing was left behind")


def _without_ledger(traces: Traces) -> Finding:
    return Finding(Check.UNKNOWN, f"there is no ledger, and {traces}", traces.next_step)


def _staged(look: Look) -> list[str]:
    """Staged files in the zones that runs write, of no run that goes on, each with whose it is."""
    zones = look.ctx.settings.zones
    found = []
    for zone in dict.fromkeys((zones.validated, zones.backups, zones.archive)):
        for relative, entry in below(look, zone):
            if entry.name.endswith(".part") and (of := PART.match(entry.name)):
                found.append(f"{zone.rstrip('/')}/{recordable(relative)}: staged by run {of[1]}")
    return sorted(found)


def _wrong(connection: sqlite3.Connection | None, dead: list[RunRow], staged: list[str]) -> tuple[list[str], str]:
    """What is not settled, and what helps."""
    wrong = []
    if dead:
        others = f" and {count(len(dead) - 1)} more" if len(dead) > 1 else ""
        wrong.append(f"run {dead[0].short} ({dead[0].action}){others} died and is not settled")
    batches = 0
    if connection is not None:
        batches = connection.execute(
            "SELECT count(*) FROM intents i LEFT JOIN runs r ON r.seq = i.run WHERE coalesce(r.status, '') <> 'running'"
        ).fetchone()[0]
    if batches:
        wrong.append(f"{plural(batches, 'batch', 'batches')} of ended runs were never settled")
    strays = [line for line in staged if not any(line.endswith(run.id) for run in dead)]
    if len(staged) > len(strays):
        wrong.append(f"{plural(len(staged) - len(strays), 'staged file')} of it")
    if strays:
        wrong.append(f"{plural(len(strays), 'staged file')} that no unfinished run names")
    if dead or batches:
        return wrong, "`opsconsole migrate` finishes or undoes what was left, before anything else"
    return wrong, "look whose they are; no run of ours touches them: remove by hand what nobody needs"


def _halves(look: Look) -> list[str]:
    """Files of our own that are half written, and the note of a lock whose process is gone."""
    workspace = look.ctx.workspace
    state = workspace.path(look.ctx.settings.state_file)
    places = [state.with_name(state.name + suffix) for suffix in (".part", ".bak.part")]
    places += [*workspace.our_parts, workspace.holder.with_suffix(".part")]
    found = [os.path.relpath(path, workspace.root) for path in places if os.path.lexists(path)]
    holder = None if look.own else read_holder(workspace)
    if holder is not None and holder.host == os.uname().nodename and not process_started(holder.pid):
        found.append(os.path.relpath(workspace.holder, workspace.root))
    return found
