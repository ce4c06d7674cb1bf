"""OverviewPane: what is waiting, the last run, alerts with what to do, disks, recent runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from console.engine.model import Plan, RunRow, RunStatus
from console.engine.text import count, size, visible
from widgets.look import Cell, bar, fit, lines, marked, paint, short_time, width_of, wrap
from widgets.runs.pane import RUN_COLUMNS
from widgets.runs.words import by, counts_cells, run_cells, status_cell, took
from widgets.table import VirtualTable

if TYPE_CHECKING:
    from console.engine.observe.disk import ZoneDisk
    from console.engine.observe.overview import Alert, Overview

LABEL = 12  # cells of the words at the left
FACTS_BESIDE = 4  # lines of waiting, last run and disk
RUNS_LEAST = 7  # lines of recent runs below, before blank lines go between the facts
DISK_WARN = 80.0  # percent used
DISK_BAD = 95.0


class OverviewPane(Vertical):
    """Attributes in: overview, waiting (a scan plan), waiting_note (where there is none), disks, trouble.

    Set them and call `update`. Messages out: RunChosen, PlanWanted (Enter on nothing to choose), AlertsWanted.
    """

    HELP = """# Overview
Waiting     what a migrate would find now: new, changed and missing files, and those that failed before.
            Looked at when the console opens, after each run, and with ctrl+r.
Last run    what the last execution did. Enter on it in the list below goes into it.
Alerts      what needs somebody, each with what helps. ! shows them all.
Disk        each file system that a zone lies on.

a m or F5   plan a migrate: it shows what it would do and asks before anything happens
1 2 3       panes          : or ctrl+p   every command by name          ctrl+q   leave; runs go on
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "alerts", "All alerts", show=False),
    ]
    DEFAULT_CSS = """
    OverviewPane {
        height: 1fr;
        & > #facts { height: auto; padding: 0 1; margin-bottom: 1; }
        & > #recent { min-height: 3; }
    }
    """

    class RunChosen(Message):
        """Go into this run."""

        def __init__(self, run: RunRow) -> None:
            super().__init__()
            self.run = run

    class AlertsWanted(Message):
        """Show every alert with what to do."""

        def __init__(self, alerts: Sequence[Alert]) -> None:
            super().__init__()
            self.alerts = tuple(alerts)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.overview: Overview | None = None
        self.waiting: Plan | None = None
        self.waiting_note = "looking…"
        self.disks: Sequence[ZoneDisk] = ()
        self.trouble: Sequence[str] = ()
        self.zone: tzinfo | None = None
        self._shown = ""

    def compose(self) -> ComposeResult:
        yield Static(id="facts", markup=False)
        yield VirtualTable(RUN_COLUMNS, id="recent", empty="no run yet")

    def on_mount(self) -> None:
        self.update()

    def on_resize(self) -> None:
        self.update()

    def update(self) -> None:
        """Show what the attributes say now; nothing is drawn when it reads the same."""
        if not self.is_mounted:
            return
        content = self._facts()
        if content.markup != self._shown:
            self._shown = content.markup
            self.query_one("#facts", Static).update(content)
        table = self.query_one("#recent", VirtualTable)
        runs = self.overview.runs if self.overview else ()
        now = datetime.now(UTC)
        table.rows = [run_cells(run, self.zone, now) for run in runs]
        table.empty = "looking…" if self.overview is None and not self.trouble else "no run yet"

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _room(self) -> int:
        """Cells beside the label."""
        return max(30, (self.size.width or 80) - 2 - LABEL)

    def _facts(self) -> Content:
        groups = [self._waiting_rows(), self._last_rows(), self._alert_rows(), self._disk_rows()]
        groups = [group for group in groups if group]
        used = sum(len(group) for group in groups)
        airy = used + len(groups) + RUNS_LEAST <= self.size.height
        rows: list[Content] = []
        for group in groups:
            rows += [*([Content("")] if airy and rows else []), *group]
        return lines(rows)

    def _label(self, text: str, *cells: Cell) -> Content:
        return paint((fit(text, LABEL), "dim"), *cells)

    def _waiting_rows(self) -> list[Content]:
        plan = self.waiting
        if plan is None:
            note = wrap(self.waiting_note, self._room)
            return [self._label("Waiting" if not number else "", (text, "dim")) for number, text in enumerate(note)]
        parts: list[Cell] = []
        words = (
            ("new", "new", "accent"),
            ("changed", "changed", "accent"),
            ("missing", "missing", "warn"),
            ("damaged", "damaged", "bad"),
            ("stale", "by an older rule", "warn"),
            ("known_failed", "failing", "bad"),
            ("accepted", "accepted", "dim"),
            ("held", "held", "warn"),
        )
        for key, word, tone in words:
            if plan.counts.get(key):
                parts += ["   " if parts else "", (count(plan.counts[key]), tone), f" {word}"]
        unchanged = plan.counts.get("unchanged", 0)
        rest: list[Cell] = [(f"{count(unchanged)} unchanged", "dim")] if unchanged else []
        if not parts and not unchanged:
            return [
                self._label("Waiting", "no data files in the raw zone yet"),
                self._label("", *marked("put files under its source folders; then `a m` plans a migrate", "dim")),
            ]
        if not any(plan.counts.get(key) for key, _, _ in words[:5]):
            parts = [("✓ nothing new", "good"), *(["   ", *parts] if parts else [])]
        else:
            rest += ["   " if rest else "", ("a m: plan a migrate", "accent")]
        if sum(width_of(cell if isinstance(cell, str) else cell[0]) for cell in [*parts, "   ", *rest]) > self._room:
            return [self._label("Waiting", *parts), self._label("", *rest)]
        return [self._label("Waiting", *parts, "   " if rest else "", *rest)]

    def _last_rows(self) -> list[Content]:
        run = self.overview.last_run if self.overview else None
        if run is None:
            if self.overview is None:
                return []
            text = (
                "none yet" if self.overview.has_ledger else "none: there is no ledger here yet, the first run makes it"
            )
            return [self._label("Last run", (text, "dim"))]
        now = datetime.now(UTC)
        head: list[Cell] = [status_cell(run), f"  {run.action} {run.short}  "]
        head += [(f"{short_time(run.started_at, self.zone, now)} by {by(run)}", "dim")]
        if run.status != RunStatus.RUNNING:
            head += [(f" in {took(run)}", "dim")]
        return [self._label("Last run", *head), self._label("", *counts_cells(run.counts))]

    def _alert_rows(self) -> list[Content]:
        rows: list[Content] = []
        for number, text in enumerate(line for given in self.trouble for line in wrap(given, self._room - 2)):
            rows.append(self._label("Trouble" if not number else "", ("  " if number else "✗ ", "bad"), text))
        alerts = self.overview.alerts if self.overview else ()
        budget = max(2, (self.size.height or 19) - FACTS_BESIDE - RUNS_LEAST + 1)
        for number, alert in enumerate(alerts):
            block = self._alert_block(alert, "" if number else "Alerts")
            if number and len(rows) + len(block) > budget:
                rows.append(self._label("", (f"  and {len(alerts) - number} more   !: all of them", "dim")))
                break
            rows += block
        return rows

    def _alert_block(self, alert: Alert, label: str) -> list[Content]:
        """One alert: on one line with what helps where there is room, else that below."""
        wide = self._room >= 90
        half = self._room // 2 if wide and alert.next_step else self._room - 2
        head = wrap(visible(alert.text), half)[:2]
        if wide and alert.next_step and len(head) == 1:
            return [self._label(label, ("! ", "warn"), fit(head[0], half), "  ", *marked(alert.next_step, "dim"))]
        rows = []
        for at, text in enumerate(head):
            rows.append(self._label("" if at else label, ("  ", "") if at else ("! ", "warn"), text))
        step = wrap(visible(alert.next_step), self._room - 2)[:2] if alert.next_step else []
        return rows + [self._label("", "  ", *marked(text, "dim")) for text in step]

    def _disk_rows(self) -> list[Content]:
        rows: list[Content] = []
        for number, disk in enumerate(self.disks):
            if disk.problem:
                said = f"✗ {', '.join(disk.zones)}: {disk.problem} ({disk.mount})"
                rows.append(self._label("" if number else "Disk", (said, "bad")))
                continue
            used = disk.percent
            tone = "bad" if used >= DISK_BAD else "warn" if used >= DISK_WARN else ""
            full, rest = bar(used / 100, 16)
            sign = "✗ " if tone == "bad" else "! " if tone else ""
            zones = ", ".join(disk.zones) if len(self.disks) > 1 else f"all zones, on {visible(disk.mount)}"
            rows.append(
                self._label(
                    "" if number else "Disk",
                    (full, tone or "accent"),
                    (rest, "dim"),
                    (f" {sign}{used:3.0f} % used", tone),
                    f"   {size(disk.free)} free",
                    (f"   {fit(zones, max(0, self._room - 46)).rstrip()}", "dim"),
                )
            )
        return rows

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def action_alerts(self) -> None:
        if self.overview:
            self.post_message(self.AlertsWanted(self.overview.alerts))

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if self.overview and message.index < len(self.overview.runs):
            self.post_message(self.RunChosen(self.overview.runs[message.index]))

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()
