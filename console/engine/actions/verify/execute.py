"""Verify as a run: under the lock, nothing of the data changed, everything that was read recorded."""

from __future__ import annotations

import os

from console.engine.actions.migrate.plan import check_source
from console.engine.actions.verify.found import Bad
from console.engine.actions.verify.model import Answer, Item, State, VerifyParams
from console.engine.actions.verify.scrub import Scrub, Scrubbed, check_ledger, look_for_good, record_now
from console.engine.context import Context
from console.engine.ledger.store import transaction
from console.engine.model import Check, GateItem, Outcome, RunStatus
from console.engine.records.rules import load_rules
from console.engine.runs.active import ActiveRun
from console.engine.runs.pool import close_lock, divert_stderr
from console.engine.runs.request import Request

_NAMED = 500  # outcomes that are recorded together


class Verify:
    """One execution. Killed or cancelled, what was read stays recorded. Raises UsageError for a source that is not
    there, before there is a run."""

    def __init__(self, ctx: Context, request: Request) -> None:
        self._ctx, self._request = ctx, request
        self._params = VerifyParams(**request.params)
        check_source(ctx, self._params.source)
        self.rules = load_rules(ctx.workspace.root, ctx.settings)
        self._scrub = Scrub(ctx, self._params, ctx.settings.workers or os.cpu_count() or 1, self._in_worker)

    def _in_worker(self) -> None:
        close_lock(str(self._ctx.workspace.lock))
        divert_stderr(self._ctx.workspace.run_folder(self._request.run) / "stderr")

    def close(self, *, kill: bool = False) -> None:
        self._scrub.pool.close(kill=kill)

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Read everything, look for good copies, check the ledger. Raises EngineError."""
        run.phase("verify")
        run.total_files = self._scrub.about(run.connection)
        run.ctx.env.failpoints.reach("run.planned")

        def told(files: int, size: int) -> None:
            run.done_files, run.done_bytes = files, size
            run.total_files = max(run.total_files, files)

        def commit(answers: list[tuple[Item, Answer]]) -> None:
            with run.guard, transaction(run.connection) as connection:
                record_now(self._ctx, connection, answers, run.seq, mends=True)
                run.progress_in(connection)

        result = self._scrub.run(run.connection, run.seq, tick=run.beat, told=told, commit=commit)
        run.total_files = run.done_files
        run.counts.whole = result.states[State.WHOLE]
        run.counts.damaged = result.states[State.DAMAGED] + result.states[State.UNREADABLE]
        run.counts.lost = result.states[State.MISSING]
        run.phase("search")
        self._name(run, result)
        if not self._params.source and not run.cancelled:
            run.phase("ledger")
            check_ledger(run.connection, result)
        if self._whole and not run.cancelled:
            self._forget(run)
        run.verification = _checks(result)
        self._say(run, result)
        return self._result(run, result)

    @property
    def _whole(self) -> bool:
        """Whether everything was chosen."""
        return not self._params.source and self._params.part() == (1, 1)

    def _forget(self, run: ActiveRun) -> None:
        """What no row vouches for any more was not read by this run."""
        with run.guard, transaction(run.connection) as connection:
            connection.execute("DELETE FROM verified WHERE run <> ?", [run.seq])

    def _name(self, run: ActiveRun, result: Scrubbed) -> None:
        """Each file that is not whole, with where a good copy lies: outcome and log line."""
        tick = (lambda: False) if run.cancelled else run.beat
        together: list[Bad] = []
        for bad in look_for_good(self._ctx, run.connection, run.seq, tick=tick):
            result.with_good += bool(bad.good)
            _log(run, bad)
            together.append(bad)
            if len(together) >= _NAMED:
                self._record_bad(run, together)
                together = []
        self._record_bad(run, together)
        run.log.flush()

    def _record_bad(self, run: ActiveRun, bad: list[Bad]) -> None:
        with run.guard, transaction(run.connection) as connection:
            connection.executemany("UPDATE verified SET good = ? WHERE path = ?", [(b.good, b.path) for b in bad])
            run.outcomes_in(connection, map(_outcome, bad))

    def _say(self, run: ActiveRun, result: Scrubbed) -> None:
        for sentence in (*result.ledger, *result.broken):
            run.log.add("ERROR", "Ledger damaged", detail=sentence)
        for path, text in result.odd.items():
            run.log.add("ERROR", "Checksum mismatch", file=path, detail=text)
        if result.states[State.CHANGED]:
            run.log.add("INFO", f"{result.states[State.CHANGED]:,} raw files changed: the next migrate judges them")

    def _result(self, run: ActiveRun, result: Scrubbed) -> tuple[RunStatus, int, str]:
        if run.cancelled:
            status = 130 if run.cancel_signal in (0, 2) else 128 + run.cancel_signal
            return RunStatus.CANCELLED, status, f"cancelled; {result.sentence()}"
        if result.found:
            return RunStatus.PARTIAL, 1, result.sentence()
        return RunStatus.DONE, 0, result.sentence()


def _outcome(bad: Bad) -> tuple[str, str, str, int, str, str, str, str]:
    outcome = Outcome.LOST if bad.state == State.MISSING else Outcome.DAMAGED
    where = f"a good copy is {bad.good}" if bad.good else "no good copy was found"
    reason = f"Checksum mismatch: recorded {bad.expected}; {bad.what}; {where}"
    return (bad.subject, outcome, bad.path, 0, bad.found, "", "", reason)


def _log(run: ActiveRun, bad: Bad) -> None:
    where = f"good copy {bad.good}" if bad.good else "no good copy"
    message = "Missing" if bad.state == State.MISSING else "Checksum mismatch"
    detail = f"recorded {bad.expected}, found {bad.found or 'nothing'} ({bad.what}); {where}"
    run.log.add("ERROR", message, file=bad.path, detail=detail, checksum=bad.found)


def _checks(result: Scrubbed) -> list[GateItem]:
    """For the report: what was checked beside the files."""
    items = []
    for name, problems, good in (
        ("ledger", result.ledger, "SQLite's integrity check finds nothing"),
        ("digests", result.broken, "every run that ended has the rows that it ended with"),
        ("manifests", [f"{path}: {text}" for path, text in result.odd.items()], "they say what the ledger says"),
    ):
        verdict = Check.FAIL if problems else Check.PASS
        items.append(GateItem(name, verdict, False, "; ".join(problems[:5]) or good))
    if result.how:
        items.append(GateItem("readback", Check.PASS, False, result.read_from()))
    return items
