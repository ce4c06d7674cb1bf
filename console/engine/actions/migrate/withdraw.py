"""`reprocess --withdraw`: published copies that fail today's rules go into the run's backup."""

from __future__ import annotations

from collections.abc import Iterator

from console.engine.actions.archive.after import emptied_folders
from console.engine.actions.change.batches import ChangeBatches, ChangesStopped, remove_empty
from console.engine.actions.change.model import Change
from console.engine.actions.change.withdraw import withdrawal
from console.engine.actions.migrate.batch import RunStopped
from console.engine.runs.active import ActiveRun

_REASON = "it fails today's rule"


def withdraw_failed(run: ActiveRun) -> RunStopped | None:
    """Withdraw what this run judged and refused; the very bytes that failed, no other version. Returns why it stopped
    before the end, None where it came to it."""
    done = run.done_files, run.done_bytes  # these files have been counted as judged
    zones = run.ctx.settings.zones
    batches = ChangeBatches(run, [zones.validated, zones.backups])
    try:
        batches.run_all(_withdrawals(run))
        remove_empty(run, batches.disk, emptied_folders(run))
    except ChangesStopped as stop:
        return RunStopped(stop.reason, full=stop.full)
    finally:
        batches.close()
        run.done_files, run.done_bytes = done
    return None


def _withdrawals(run: ActiveRun) -> Iterator[Change]:
    last = ""
    while True:  # in pages: what is done meanwhile goes through the same connection
        page = run.connection.execute(
            "SELECT x.path FROM failures x JOIN files f ON f.path = x.path AND f.sha256 = x.sha256"
            " WHERE x.last_run = ? AND x.kind = 'records' AND x.path > ? ORDER BY x.path LIMIT 500",
            [run.seq, last],
        ).fetchall()
        for row in page:
            change = withdrawal(run.ctx.settings, run.connection, row["path"], run.id, _REASON)
            if change is not None:
                yield change
        if not page:
            return
        last = page[-1]["path"]
