"""Executing a migrate: under the lock, with workers that stage and one process that publishes."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from console.engine.actions.change.verify import verify_changes
from console.engine.actions.migrate.again import again_of
from console.engine.actions.migrate.archive_source import archive_published
from console.engine.actions.migrate.batch import Batches, RunStopped
from console.engine.actions.migrate.model import (
    Groups,
    Staged,
    pack_answers,
    unpack_answers,
    unpack_groups,
)
from console.engine.actions.migrate.plan import binding, chosen_sources, is_whole
from console.engine.actions.migrate.record import note_unread, remember_seen, take_over_copies, warm
from console.engine.actions.migrate.rows import Recorder
from console.engine.actions.migrate.scan import Scanner, Selection
from console.engine.actions.migrate.survey import Survey, read_seen
from console.engine.actions.migrate.tasks import Task, changed_since_plan, chunks, split_chunk, weight
from console.engine.actions.migrate.verify import verify_published
from console.engine.actions.migrate.worker import Stager
from console.engine.checks.adoption import adoption_item
from console.engine.checks.brakes import failures_brake
from console.engine.checks.gate import apply_settings, refusal
from console.engine.checks.preflight import preflight_items
from console.engine.checks.writable import writable_item
from console.engine.context import Context, for_action
from console.engine.environment import Failpoints
from console.engine.errors import EXIT_REFUSED, EngineError, RefusedError
from console.engine.globs import compile_glob
from console.engine.ledger.checkpoint import keep_state
from console.engine.ledger.mirror import honour_difference, read_mirror, write_mirror
from console.engine.ledger.store import open_reader, reading, transaction
from console.engine.model import Check, MigrateParams, ReprocessParams, RunStatus
from console.engine.records.rules import load_rules
from console.engine.runs.active import ActiveRun, make_reserve, release_reserve
from console.engine.runs.pool import Pool, TaskError, WorkerDied, close_lock, divert_stderr
from console.engine.runs.request import Request
from console.engine.text import plural, recordable
from console.engine.transfer.filesystem import Flusher
from console.engine.transfer.publish import Publisher
from console.engine.workspace.shared import open_shared, write_shared

_WINDOW = 2_000  # files judged before the first rename, where there is a last run to compare failures with
_FAILING = ("failed", "unreadable", "damaged", "changed-while-read", "changed-since-plan")


class Migrate:
    """One execution. Made before the lock is taken: it forks the workers."""

    def __init__(self, ctx: Context, request: Request) -> None:
        self._ctx, self._request = for_action(ctx, request.action), request
        self._params = self._parse(request.params)
        self.rules = load_rules(ctx.workspace.root, ctx.settings)
        for problem in self.rules.problems:
            raise problem
        self._check_usage()
        self._operation = self._params.operation or ctx.settings.operation
        self._strict = request.binding is not None
        self._judged = self._failed = 0
        self._answers = 0
        self._warm = False
        self._stopped: RunStopped | None = None
        self._braked: EngineError | None = None
        self._pool = Pool(ctx.settings.workers or os.cpu_count() or 1, self._make_handler)

    def _parse(self, params: dict[str, Any]) -> MigrateParams:
        return MigrateParams(**params)

    def _check_usage(self) -> None:
        """Wrong usage is said before there is a run to record. Raises UsageError."""
        apply_settings([], {}, self._request.overrides, self._ctx.settings.checklists.names)
        if self._params.pattern:
            compile_glob(self._params.pattern)
        with reading(self._ctx.workspace.ledger) as connection:
            chosen_sources(self._ctx, self._params, connection)
            again_of(self._params, connection)

    # --- in the workers --------------------------------------------------------------------------------

    def _make_handler(self) -> Callable[[Task], Any]:
        close_lock(str(self._ctx.workspace.lock))
        ctx = self._ctx
        divert_stderr(ctx.workspace.run_folder(self._request.run) / "stderr")
        text = os.environ.get("OPSCONSOLE_FAILPOINT", "")
        failpoints = Failpoints(text, victim=os.getppid()) if text.startswith("stage.") else Failpoints()
        root = str(ctx.workspace.root)
        stager = Stager(root, ctx.settings, self.rules, self._request.run, failpoints)
        scanners: list[Scanner] = []

        def handle(task: Task) -> Any:
            kind, payload = task
            if kind == "stage":
                groups = unpack_groups(payload)
                return pack_answers([answer for group in groups for answer in stager.group(group, self._strict)])
            if not scanners:
                connection = open_reader(ctx.workspace.ledger)
                scanners.append(Scanner(root, ctx.settings, self.rules, connection, ctx.env.now()))
            source, selection = payload
            return scanners[0].scan(source, selection)

        return handle

    def close(self, *, kill: bool = False) -> None:
        self._pool.close(kill=kill)

    # --- in the process that holds the lock ------------------------------------------------------------

    def execute(self, run: ActiveRun) -> tuple[RunStatus, int, str]:
        """Scan, gate, publish, verify. Returns status, exit status and one sentence. Raises EngineError."""
        run.phase("scan")
        recorder = Recorder(run, self.rules)
        self._check_binding(run)
        able = writable_item(self._ctx, moves=self._operation == "move")  # destinations: when they are known
        run.gate = apply_settings([able, adoption_item(self._ctx, run.connection)], self._ctx.settings.gate, {})
        if (refused := refusal(run.gate)) is not None:
            raise refused
        self._honour_edits(run)
        with transaction(run.connection) as connection:
            recorder.register_rules(connection)
        survey = self._survey(run)
        take_over_copies(run, survey)
        run.gate = survey.gate(run.connection, run.request.overrides)
        checklist, run.checked = preflight_items(
            self._ctx, run.connection, self.rules, survey.space(), run.request.overrides, own=True
        )
        run.gate += checklist
        refused = refusal(run.gate)
        if refused is not None:
            raise refused
        changed = self._confirm(survey) if self._strict else []
        self._write_plan(run, survey)
        self._keep_state(run)
        self._publish(run, recorder, survey, changed)
        self._withdraw(run)
        run.phase("record")
        if self._operation == "move":
            archive_published(run)  # first of all: what is published and not archived nobody would move later
        note_unread(run, survey, self._ctx)
        write_mirror(self._ctx, run.connection, run.seq, tell=_tell(run))
        run.phase("verify")
        run.verification = [*verify_published(run), *(verify_changes(run) if run.counts.removed else [])]
        run.phase("record")
        if self._braked is None:
            remember_seen(run, survey, self.rules)
        return self._result(run, survey)

    def _honour_edits(self, run: ActiveRun) -> None:
        """What somebody changed in the state file since we wrote it, entry by entry."""
        difference = read_mirror(self._ctx, run.connection)
        honour_difference(self._ctx, run.connection, difference, run.seq, tell=_tell(run))

    def _check_binding(self, run: ActiveRun) -> None:
        if run.request.binding is None:
            return
        now = binding(self._ctx, self._params, self.rules, run.connection, before=run.seq)
        changed = [name for name, value in run.request.binding.items() if now.get(name) != value]
        if changed:
            raise RefusedError(
                f"the plan is out of date: {', '.join(changed)} changed since it was made",
                untouched="everything",
                next_step="look at the new plan and confirm that",
            )

    def _survey(self, run: ActiveRun) -> Survey:
        params = self._params
        survey = Survey(self._ctx, whole=is_whole(params), moves=self._operation == "move")
        selection = Selection(params.pattern, params.checksum, again=again_of(params, run.connection))
        sources = chosen_sources(self._ctx, params, run.connection)
        tasks: Iterator[Task] = (("scan", (source, selection)) for source in sources)
        for task, answer in self._pool.run(tasks, tick=run.beat):
            if isinstance(answer, TaskError | WorkerDied):
                raise EngineError(f"the source {task[1][0]} could not be scanned: {answer}")
            survey.add(answer)
        if params.sample:
            survey.sample(params.sample)
        run.total_files, run.total_bytes = survey.candidates, survey.bytes
        return survey

    def _confirm(self, survey: Survey) -> list[Staged]:
        """Keep what the confirmed plan names; what came later waits, what changed since is answered as such."""
        planned: dict[str, tuple[int, int, int]] = {}
        cut = len(self._ctx.settings.zones.raw.rstrip("/")) + 1
        with open(self._ctx.workspace.run_folder(self._request.run) / "confirmed.jsonl", "rb") as file:
            for line in file:
                entry = orjson.loads(line)
                planned[entry["path"][cut:]] = (entry["size"], entry["mtime_ns"], entry["inode"])
        changed: list[Staged] = []
        groups = []
        for group in survey.groups:
            kept = []
            for candidate in group.candidates:
                identity = planned.pop(recordable(candidate.path), None)
                if identity is not None and identity != candidate[2:5]:
                    changed.append(changed_since_plan(candidate.path, candidate[2:5]))
                elif identity is not None:
                    kept.append(candidate)
            if kept or group.sidecar_alone:
                groups.append(group._replace(candidates=kept))
        changed += [changed_since_plan(path, identity) for path, identity in planned.items()]
        survey.groups = Groups(groups)
        survey.candidates = sum(len(group.candidates) for group in groups)
        return changed

    def _write_plan(self, run: ActiveRun, survey: Survey) -> None:
        """Every destination that will be staged beside, durable before the first one: recovery goes by it."""
        folder = self._ctx.workspace.run_folder(run.id)
        zone = self._ctx.settings.zones.validated.rstrip("/")
        statuses: Counter[str] = Counter()
        with open(open_shared(folder / "plan.jsonl", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            for _, candidates, sidecar, _ in survey.groups.packed():
                for path, status, size, mtime_ns, inode, *_ in [*candidates, sidecar] if sidecar else candidates:
                    statuses[status] += 1
                    shown = recordable(path)
                    line = {
                        "path": shown,
                        "dest": f"{zone}/{shown}",
                        "status": status,
                        "size": size,
                        "mtime_ns": mtime_ns,
                        "inode": inode,
                    }
                    file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())
        totals = {"statuses": statuses, "bytes": survey.bytes}
        write_shared(folder / "plan.json", orjson.dumps(totals))
        run.ctx.env.failpoints.reach("run.planned")

    def _keep_state(self, run: ActiveRun) -> None:
        """A migrate needs no checkpoint: what it replaces is in its backup."""

    # --- publishing ------------------------------------------------------------------------------------

    def _publish(self, run: ActiveRun, recorder: Recorder, survey: Survey, changed: list[Staged]) -> None:
        run.phase("publish")
        if not survey.groups and not changed:
            return
        ctx = self._ctx
        make_reserve(ctx)
        per_file = ctx.settings.durability == "file"
        flusher = Flusher(ctx.workspace.path(ctx.settings.zones.validated), per_file=per_file)
        run.durability = flusher.mode
        publisher = Publisher(str(ctx.workspace.root), ctx.settings.zones.backups, ctx.env.failpoints.reach)
        batches = Batches(run, recorder, publisher, flusher)
        seen = read_seen(run.connection)
        batches.holding = seen.failing_share is not None and survey.whole
        try:
            for answer in changed:
                self._take(run, batches, answer)
            self._pool.before_fork = batches.pause
            self._feed(run, batches, survey, chunks(survey.groups.packed()))
            if batches.holding and self._stopped is None:
                self._brake(run, batches, survey)
            self._finish(batches)
        finally:
            batches.close()
            publisher.close()
            flusher.close()

    def _feed(self, run: ActiveRun, batches: Batches, survey: Survey, tasks: Iterator[Task]) -> None:
        split: deque[Task] = deque()

        def tick() -> bool:
            return run.beat() or self._stopped is not None or self._braked is not None

        for task, answer in self._pool.run(tasks, tick=tick, weigh=weight):
            if isinstance(answer, TaskError):
                raise RuntimeError(f"a worker failed: {answer}")
            if isinstance(answer, WorkerDied):
                answer = pack_answers(split_chunk(list(unpack_groups(task[1])), str(answer), split))
            for staged in unpack_answers(answer):
                self._take(run, batches, staged)
            if not self._warm and batches.busy:
                self._warm = True
                warm()
            if self._judged and self._judged // _WINDOW != self._answers:
                self._answers = self._judged // _WINDOW
                self._brake(run, batches, survey)
        if split and not tick():
            self._feed(run, batches, survey, iter(split))

    def _take(self, run: ActiveRun, batches: Batches, staged: Staged) -> None:
        if staged.kind == "full":
            self._stop(batches, RunStopped(f"Insufficient disk space: {staged.reason}", full=True))
            return
        if staged.kind != "sidecar":
            self._judged += 1
            run.answered_files += 1
            run.answered_bytes += staged.size
            self._failed += staged.kind in _FAILING
        try:
            batches.add(staged)
        except RunStopped as stop:
            self._stop(batches, stop)

    def _finish(self, batches: Batches) -> None:
        """The last batch is published, or taken back where the run was stopped; what was renamed is recorded."""
        try:
            if self._stopped is None and self._braked is None:
                batches.hand_over()
            batches.finish()
        except RunStopped as stop:
            self._stop(batches, stop)
        if self._stopped is not None or self._braked is not None:
            batches.abandon()

    def _stop(self, batches: Batches, stop: RunStopped) -> None:
        if self._stopped is None:
            self._stopped = stop
        if stop.full:
            release_reserve(self._ctx)  # or what is renamed already could not be recorded
        batches.holding = True  # what is still on its way is collected and taken back

    def _brake(self, run: ActiveRun, batches: Batches, survey: Survey) -> None:
        """Failures up by many points: refuse before the first rename, or stop where it is."""
        if not survey.whole or self._stopped is not None or self._braked is not None:
            return
        item = failures_brake(
            self._ctx.settings.brakes,
            read_seen(run.connection),
            failed=self._failed,
            judged=self._judged,
            waiting=survey.candidates,
            known=survey.counts["known_failed"] + survey.counts["accepted"],
            files=survey.files,
        )
        names = self._ctx.settings.checklists.names
        items = apply_settings([item], self._ctx.settings.gate, run.request.overrides, names)
        run.gate = [*(i for i in run.gate if i.name != "failures"), *items]
        self._braked = refusal(items)
        batches.holding = self._braked is not None

    def _withdraw(self, run: ActiveRun) -> None:
        """A migrate never takes a published copy away."""

    # --- the end ---------------------------------------------------------------------------------------

    def _result(self, run: ActiveRun, survey: Survey) -> tuple[RunStatus, int, str]:
        counts = run.counts
        left = survey.candidates - run.done_files
        if self._stopped is not None:
            counts.not_tried = max(0, left)
            advice = "free some room and migrate again" if self._stopped.full else "see `opsconsole doctor`"
            message = f"{self._stopped.reason}; {plural(max(0, left), 'file')} not tried: {advice}"
            run.log.add("ERROR", message)
            return RunStatus.FAILED, 1, message
        if self._braked is not None:
            counts.not_tried = max(0, left)
            return RunStatus.REFUSED, EXIT_REFUSED, self._braked.sentence()
        if run.cancelled and left > 0:
            counts.not_tried = left
            status = 130 if run.cancel_signal in (0, 2) else 128 + run.cancel_signal
            return RunStatus.CANCELLED, status, f"cancelled; {plural(left, 'file')} left for the next run"
        wrong = [item for item in run.verification if item.verdict == Check.FAIL]
        failing = counts.failed + counts.known_failed
        if wrong:
            return RunStatus.PARTIAL, 1, "verification failed: " + "; ".join(item.evidence for item in wrong)
        if failing:
            return (
                RunStatus.PARTIAL,
                1,
                f"{plural(counts.processed, 'file')} published, {plural(failing, 'file')} failing",
            )
        if counts.processed or counts.revalidated or counts.sidecars:
            return RunStatus.DONE, 0, f"{plural(counts.processed, 'file')} published"
        return RunStatus.DONE, 0, "nothing to do"


class Reprocess(Migrate):
    """Published files judged again by today's rules, through the same stages: what would be the same is recorded as
    revalidated and not rewritten, what fails is flagged and stays published, unless it is to be withdrawn."""

    def _parse(self, params: dict[str, Any]) -> MigrateParams:
        return ReprocessParams(**params)

    def _withdraw(self, run: ActiveRun) -> None:
        whole = self._stopped is None and self._braked is None and not run.cancelled
        if isinstance(self._params, ReprocessParams) and self._params.withdraw and whole:
            from console.engine.actions.migrate.withdraw import withdraw_failed  # few runs have a use for it

            self._stopped = withdraw_failed(run)

    def _keep_state(self, run: ActiveRun) -> None:
        keep_state(self._ctx, self._ctx.workspace.run_folder(run.id), run.id, run=run.id)


def _tell(run: ActiveRun) -> Callable[[str, str, str, str], None]:
    """Writes (level, message, file, detail) into the run's log."""
    return lambda level, message, file, detail: run.log.add(level, message, file=file, detail=detail)
