"""Metrics of a workspace in the text format of Prometheus, for a textfile collector.

Format and naming: prometheus.io/docs "Exposition formats" (text format 0.0.4) and "Metric and label naming". No
timestamps: the collector takes the time of the file.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from console import __version__
from console.engine.checks.alerts.check import STATUS, Checked, number
from console.engine.checks.alerts.model import Reading, moment, worst
from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError
from console.engine.ledger.store import Reader, reading
from console.engine.model import Check
from console.engine.observe.alerts import Level
from console.engine.observe.disk import zone_disks
from console.engine.text import visible

_FILES = ("processed", "failed", "revalidated", "restored", "removed", "archived", "damaged", "lost")
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Metric:
    """One metric with its samples; kind: gauge or counter (then its name ends in _total)."""

    name: str
    kind: str
    help: str
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> Metric:
        self.samples.append((tuple(labels.items()), value))
        return self


def render(metrics: Iterable[Metric]) -> str:
    """The text; a metric without samples is left out."""
    out = []
    for metric in metrics:
        if not metric.samples:
            continue
        out += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
            out.append(f"{metric.name}{'{' + inner + '}' if inner else ''} {number(value)}")
    return "\n".join(out) + "\n"


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')


def metrics_of(ctx: Context | None, checked: Checked) -> Iterator[Metric]:
    """Everything that can be told; of a broken workspace that it is broken. Raises nothing."""
    seen = checked.settled
    yield Metric("opsconsole_build_info", "gauge", "The program that wrote this.").add(1, version=__version__)
    readable = seen is not None and seen.overview.has_ledger and checked.verdict != Check.UNKNOWN
    up = Metric("opsconsole_workspace_readable", "gauge", "1 where configuration and ledger could be read, else 0.")
    status = Metric("opsconsole_check_status", "gauge", "The whole check: 0 ok, 1 warning, 2 critical, 3 unknown.")
    yield status.add(checked.exit_status)
    if ctx is None or seen is None:
        yield up.add(0)
        return
    yield from _alerts(seen.overview.alerts, seen.looked.readings)
    yield from _disks(ctx)
    try:
        with reading(ctx.workspace.ledger) as connection:
            found = [] if connection is None else list(_ledger(connection))
            readable = connection is not None
    except LedgerError:
        found, readable = [], False
    yield up.add(int(readable))
    if readable:
        files = Metric("opsconsole_files", "gauge", "Files by what the ledger says of them.")
        for state in ("published", "failing", "accepted", "held"):
            files.add(getattr(seen.overview, state), state=state)
        yield files
        running = Metric("opsconsole_run_in_progress", "gauge", "1 while a run is in progress.")
        yield running.add(int(seen.overview.running is not None))
    yield from found


def _alerts(alerts: Iterable[object], readings: tuple[Reading, ...]) -> Iterator[Metric]:
    from console.engine.observe.alerts import Alert

    counted: Counter[str] = Counter()
    answered = 0
    for alert in alerts:
        if isinstance(alert, Alert):
            counted[str(alert.verdict)] += alert.level == Level.ALERT
            answered += alert.answer is not None
    metric = Metric("opsconsole_alerts", "gauge", "Alerts that nobody has acknowledged, by severity.")
    for severity, verdict in (("warning", Check.WARN), ("critical", Check.FAIL), ("unknown", Check.UNKNOWN)):
        metric.add(counted[str(verdict)], severity=severity)
    yield metric
    yield Metric("opsconsole_alerts_acknowledged", "gauge", "Alerts that somebody has acknowledged.").add(answered)
    rules = Metric(
        "opsconsole_rule_status",
        "gauge",
        "Each rule of alerts: 0 ok, 1 warning, 2 critical, 3 unknown, be it for want of history.",
    )
    verdicts: dict[str, list[Check]] = {}
    for each in readings:
        verdicts.setdefault(each.rule, []).append(each.verdict)
    for rule, found in verdicts.items():
        rules.add(STATUS[worst(found)], rule=rule)
    yield rules
    logs = Metric("opsconsole_log_size_bytes", "gauge", "Size of the log folder.")
    for each in readings:
        if each.rule == "log-size" and each.measured:
            logs.add(each.measured[0].value)
    yield logs


def _disks(ctx: Context) -> Iterator[Metric]:
    size = Metric("opsconsole_filesystem_size_bytes", "gauge", "Size of each file system that zones lie on.")
    free = Metric("opsconsole_filesystem_avail_bytes", "gauge", "Bytes that this user can still write there.")
    inodes = Metric("opsconsole_filesystem_files", "gauge", "Inodes there in all.")
    left = Metric("opsconsole_filesystem_files_free", "gauge", "Inodes there that are free.")
    for disk in zone_disks(ctx):
        labels = {"mountpoint": disk.mount, "zones": ",".join(disk.zones)}
        if disk.problem:
            continue
        size.add(disk.total, **labels)
        free.add(disk.free, **labels)
        if disk.inodes_total:
            inodes.add(disk.inodes_total, **labels)
            left.add(disk.inodes_free, **labels)
    yield from (size, free, inodes, left)


def _ledger(connection: Reader) -> Iterator[Metric]:
    runs = Metric("opsconsole_runs_total", "counter", "Runs that have ended, by action and status.")
    for action, status, many in connection.execute(
        "SELECT action, status, count(*) FROM runs WHERE status <> 'running' GROUP BY action, status ORDER BY 1, 2"
    ):
        runs.add(many, action=action, status=status)
    yield runs
    counts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for row in connection.execute("SELECT action, counts, timings, done_bytes FROM runs WHERE status <> 'running'"):
        counts.update({key: int(value) for key, value in json.loads(row["counts"]).items() if key in _FILES})
        seconds[row["action"]] += sum(float(value) for value in json.loads(row["timings"]).values())  # type: ignore[assignment]
    files = Metric("opsconsole_run_files_total", "counter", "Files by what runs did to them.")
    for outcome in _FILES:
        files.add(counts[outcome], outcome=outcome)
    yield files
    took = Metric("opsconsole_run_duration_seconds_total", "counter", "Time that runs have taken, by action.")
    for action, spent in sorted(seconds.items()):
        took.add(spent, action=action)
    yield took
    ended = Metric("opsconsole_last_success_timestamp_seconds", "gauge", "When a run came to its end last, by action.")
    for action, at in connection.execute(
        "SELECT action, max(ended_at) FROM runs WHERE status IN ('done', 'partial') GROUP BY action ORDER BY 1"
    ):
        when = moment(at or "")
        if when is not None:
            ended.add(when.timestamp(), action=action)
    yield ended
    folders = Metric("opsconsole_folder_size_bytes", "gauge", "Size of folders when they were sampled last.")
    for name, used in connection.execute(
        "SELECT name, used FROM samples s WHERE kind = 'folder' AND used >= 0 AND at ="
        " (SELECT max(at) FROM samples WHERE kind = 'folder' AND name = s.name) ORDER BY name"
    ):
        folders.add(used, folder=name)
    yield folders


def write_whole(place: Path, text: str) -> None:
    """`text` under this name, whole or not at all; the collector sees no other name. Raises EngineError."""
    part = place.with_name(f".{place.name}.{os.getpid()}.part")  # does not end in .prom
    try:
        with open(part, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)  # whoever collects it is another user
        os.replace(part, place)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EngineError(
            f"what was found could not be written: {error.strerror or error}",
            file=str(place),
            untouched="what stood there before",
        ) from error
