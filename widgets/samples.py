"""Invented data for the demos and the tests of the widgets: `python -m widgets.overview` and so on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.engine.model import (
    Check,
    Counts,
    FileStatus,
    GateItem,
    Identity,
    MigrateParams,
    Outcome,
    OutcomeRow,
    Plan,
    PlanItem,
    RunRow,
    RunStatus,
    ZoneSpace,
)
from console.engine.observe.disk import ZoneDisk
from console.engine.observe.disk_tree import FolderTree
from console.engine.observe.files_causes import CauseGroup
from console.engine.observe.files_list import FileRow
from console.engine.observe.forecast import Growth
from console.engine.observe.runs_compare import Change, Difference, FileChange, RunsCompared, Standing
from console.engine.observe.samples import DiskGrowth, Usage
from console.engine.observe.trends import Trends

START = datetime(2026, 3, 4, 14, 2, tzinfo=UTC)
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


def sample_run(seq: int = 7, status: RunStatus = RunStatus.PARTIAL, **changes: object) -> RunRow:
    """A migrate of 77 files that ended after 4.1 s; `changes` replace fields of RunRow."""
    running = status == RunStatus.RUNNING
    started = START - timedelta(hours=seq)
    run = RunRow(
        seq=seq,
        id=f"{started:%Y%m%dT%H%M%SZ}-migrate-{0x7F00 + seq:04x}",
        action="migrate",
        status=status,
        phase="publish" if running else "",
        params={},
        command="opsconsole migrate --yes",
        who={"login": "ann", "user": "ann"},
        started_at=started.strftime(STAMP),
        ended_at=None if running else (started + timedelta(seconds=4.1)).strftime(STAMP),
        pid=4711,
        pid_started=0.0,
        host="db7",
        heartbeat_at=started.strftime(STAMP),
        total_files=1304,
        done_files=812 if running else 1304,
        total_bytes=184_000_000,
        done_bytes=0,
        counts=Counts(processed=40, failed=37, skipped=1204, sidecars=17, ignored=9),
        exit_status=None if running else 1,
        message="",
        settings_digest="",
        durability="syncfs on ext4",
        timings={},
        gate=[{"name": "disk", "verdict": "pass"}, {"name": "backups", "verdict": "warn", "evidence": "9 days"}],
        overrides={},
        verification=[{"name": "published", "verdict": "pass"}],
        cancel_by=None,
        cancel_at=None,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def sample_trends(mount: str = "/srv") -> Trends:
    """Two weeks: a day on which much failed, two on which nothing ran, a disk that fills."""
    today = START.date()
    judged = (40, 52, None, 44, 61, 48, 77, 0, 51, None, 60, 312, 58, 40)
    failed = (0, 1, None, 0, 2, 0, 37, 0, 1, None, 0, 3, 1, 4)
    return Trends(
        tuple(today - timedelta(days=back) for back in range(13, -1, -1)),
        tuple(None if many is None else many - (bad or 0) for many, bad in zip(judged, failed, strict=True)),
        failed,
        judged,
        tuple(0.02 + many / 20_000 if many else None for many in judged),
        tuple(380e9 + 1.5e9 * day for day in range(14)),
        mount,
        1_000_000_000_000,
    )


def sample_comparison(path: str = "data/raw/funding_sources/sff/data.json", **changes: object) -> RunsCompared:
    """A run after which 300 files newly fail, one is new, two have other bytes; `changes` replace fields of its run."""
    before, after = sample_run(1), replace(sample_run(2), **changes)  # type: ignore[arg-type]
    found = RunsCompared(before, after)
    found.params, found.rules = [Difference("source", "", path)], [Difference(path, "", "0123456789ab")]
    found.counts, found.seconds = [("processed", 77, 40), ("failed", 0, 37)], (4.1, 12.0)
    found.phases, found.between = [("scan", 0.5, 0.5), ("publish", 3.0, 11.0)], [("verify", 2)]
    found.files = {Change.NEW: 1, Change.OTHER_CHECKSUM: 2, Change.NEWLY_FAILING: 300}
    return found


def sample_changes(change: Change, start: int, number: int, path: str = "", reason: str = "") -> list[FileChange]:
    """A page of files of `sample_comparison`."""
    good, other = Standing(Outcome.PUBLISHED, "a" * 64), Standing(Outcome.PUBLISHED, "b" * 64)
    bad = Standing(Outcome.FAILED, "", reason or "3 of 96 records fail: date is missing (3)")
    stood = {Change.NEW: (None, good), Change.OTHER_CHECKSUM: (good, other)}.get(change, (good, bad))
    at = "data/raw/funding_sources/sff/2025-10-30/part-{:05}.json"
    return [FileChange(path or at.format(each), change, *stood) for each in range(start, start + number)]


def sample_outcome(number: int, outcome: Outcome = Outcome.PUBLISHED, path: str = "", reason: str = "") -> OutcomeRow:
    """What a run did to one file."""
    path = path or f"data/raw/funding_sources/sff/2025-10-30/part-{number:05}.json"
    return OutcomeRow(number, path, outcome, "", 3800 + number, "", "", "", reason)


def sample_plan(files: int = 52, *, depth: str = "scan", refused: bool = False) -> Plan:
    """A plan of new and changed files; a full one has failing causes, a refused one a brake."""
    items = [
        PlanItem(
            f"data/raw/funding_sources/sff/2025-10-30/part-{number:05}.json",
            f"data/transformed/validated/sff/2025-10-30/part-{number:05}.json",
            FileStatus.NEW if number % 3 else FileStatus.CHANGED,
            Identity(3800 + number, 0, number),
            not number % 3,
            "",
            "" if depth == "scan" else "12 of 96 records fail: date is missing (12)" if not number % 5 else "ok",
        )
        for number in range(files)
    ]
    changed = sum(item.replaces for item in items)
    failing = sum(item.verdict not in ("", "ok") for item in items)
    plan = Plan("migrate", MigrateParams(), depth, START.strftime(STAMP), "opsconsole migrate --yes", items=items)
    plan.counts = {
        "new": files - changed,
        "changed": changed,
        "unchanged": 1204,
        "known_failed": 41,
        "sidecars": 17,
        "backups": changed,
    }
    if depth == "full":
        plan.counts.update(publish=files - failing, fail=failing)
        plan.failing = [("required:date", failing, 12 * failing)] if failing else []
    plan.ignored = [("data/raw/funding_sources/README.md", "unknown suffix")] * 9
    plan.bytes, plan.backup_bytes, plan.seconds, plan.seconds_from = 184_000_000, 2_000_000, 6.0, 5
    plan.space = [ZoneSpace(("raw", "validated"), "/srv", 190_000_000, 212_000_000_000, 140, 9_000_000)]
    plan.gate = [
        GateItem("disk", Check.PASS, True, "212 GB free"),
        GateItem("lock", Check.PASS, True, "no other run"),
        GateItem("mirror", Check.PASS, True, "the state file loads"),
        GateItem("backups", Check.WARN, False, "not verified for 9 days", "opsconsole verify"),
    ]
    if refused:
        plan.gate.append(
            GateItem("source-empty", Check.FAIL, True, "sff had 40 files and has none", "is the share mounted?")
        )
    return plan


def sample_tree(names: Sequence[str] = ("sff", "open_philanthropy", "beri")) -> FolderTree:
    """The folders of a workspace with sources of these names, in gigabytes."""
    tree = FolderTree("/srv/pdoom-data")
    data, logs = tree.add(0, "data"), tree.add(0, "logs")
    raw, backups = tree.add(data, "raw"), tree.add(data, "_backups")
    for number, name in enumerate(names, 1):
        tree.count(tree.add(raw, name), 4_000_000 * number, 2_000_000_000 * number, 1200 * number, 1_772_600_000, 0)
    for number in range(3):
        tree.count(
            tree.add(backups, f"2026030{number}T140200Z-migrate-7f3a"), 900_000, 440_000_000, 300, 1_772_000_000, 0
        )
    tree.count(logs, 80_000, 40_000_000, 12, 1_772_700_000, 0)
    tree.finished(START.strftime(STAMP), 1.4)
    return tree


def sample_usage() -> Usage:
    """Two file systems: one of them grows, the other has no history yet."""
    data = ZoneDisk(("raw", "validated"), "/srv", "ext4", 10**12, 62 * 10**10, 38 * 10**10, 10**8, 93 * 10**6, 62.0)
    other = ZoneDisk(("backups",), "/mnt/backups", "xfs", 10**12, 91 * 10**10, 9 * 10**10, 0, -1, 91.0)
    grows = DiskGrowth(Growth(1.8e9, 14), Growth(2000, 14), 211.0, "bytes")
    return Usage(
        (data, other), {"/srv": grows, "/mnt/backups": DiskGrowth(Growth(None, 1), Growth(None, 1), None, "")}, {}, {}
    )


def sample_file(number: int, status: FileStatus = FileStatus.PROCESSED, path: str = "", cause: str = "") -> FileRow:
    """One file as the ledger has it."""
    source = ("sff", "open_philanthropy", "longview")[number % 3]
    path = path or f"data/raw/funding_sources/{source}/2025-10-30/part-{number:07}.json"
    failing = status == FileStatus.FAILED
    cause = cause or ("required:date" if failing else "")
    at = (START - timedelta(hours=number)).strftime(STAMP)
    errors = number % 7 + 1 if failing else 0
    run = sample_run(7).id
    return FileRow(path, source, status, True, "", 3800 + number, 96, errors, errors, cause, at, run)


def sample_causes() -> list[CauseGroup]:
    """40,012 files that fail for three causes."""
    run, at = sample_run(7).id, START.strftime(STAMP)
    examples = tuple(sample_file(number).path for number in range(3))
    changed = "schema changed: funding_v1.json"
    return [
        CauseGroup("required:date", "date is missing", 31_204, 412_901, 412_901, 31, 0, run, at, examples, changed),
        CauseGroup(
            "enum:source",
            "source is none of the allowed values",
            8_790,
            17_580,
            17_580,
            4,
            12,
            run,
            at,
            examples,
            changed,
        ),
        CauseGroup("csv-quote", "a quote is not closed or out of place", 18, 18, 18, 1, 18, run, at, examples[:1], ""),
    ]
