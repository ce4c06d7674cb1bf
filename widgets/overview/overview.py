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
from console.engine.observe.alerts import Alert
from console.engine.text import count, size, visible
from widgets.look import Cell, bar, fit, lines, marked, paint, short_time, width_of, wrap
from widgets.overview.notices import LABEL, NoticeLine, NoticeList
from widgets.overview.trend import trend_rows
from widgets.overview.words import FIRST, alert_notices, away_notice
from widgets.runs.words import RUN_COLUMNS, by, counts_cells, run_cells, status_cell, took
from widgets.table import VirtualTable

if TYPE_CHECKING:
    from console.engine.observe.disk import ZoneDisk
    from console.engine.observe.overview import Overview
    from console.engine.observe.trends import Trends
    from console.engine.observe.visits import Away

FACTS_BESIDE = 4  # lines of waiting, last run and disk
RUNS_LEAST = 7  # lines of recent runs below, before blank lines go between the facts
DISK_WARN = 80.0  # percent used
DISK_BAD = 95.0


class Recent(VirtualTable):
    """The runs; up from the first one leaves them."""

    def action_move(self, step: int) -> None:
        if step < 0 and self.cursor == 0:
            self.screen.focus_previous(NoticeLine)
        else:
            super().action_move(step)


class OverviewPane(Vertical):
    """Attributes in: overview, waiting (a scan plan), waiting_note (where there is none), disks, trouble, away, trends.

    Set them and call `update`. Messages out: RunChosen, AlertChosen, AnswerWanted,
    ProcedureWanted, AwayChosen, AlertsWanted.
    """

    HELP = """# Overview
Waiting     what a migrate would find now: new, changed and missing files, and those that failed before.
            Looked at when the console opens, after each run, and with ctrl+r.
Last run    what the last execution did. Enter on it in the list below goes into it.
Found here  what another program published; Enter plans to take it over as it is.
Away        what happened since you were here last; Enter shows the runs.
Alerts      what needs somebody. Tab or the arrows go there, Enter leads to what helps. ! shows them all.
            n acknowledges one with a note: it is quiet until it gets worse, or is over and begins anew.
            p starts the procedure that it leads to.
To know     what nobody has to do anything about.
Disk        each file system that a zone lies on.
14 days     a cell a day, today at the right, · where nothing ran: files published, the part of those judged
            that failed, time for a file, the fullest file system. Shown where there is room for it.
            t shows them as plots, with bytes, logs and backups, over days and weeks.

a m or F5   plan a migrate: it shows what it would do and asks before anything happens
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("exclamation_mark", "alerts", "All alerts", show=False),
        Binding("t", "trends", "Trends", show=False),
    ]
    DEFAULT_CSS = """
    OverviewPane {
        height: 1fr;
        & > #facts, & > #disks { height: auto; padding: 0 1; }
        & > #disks { margin-bottom: 1; }
        & > #recent { min-height: 3; }
        &.-airy > #first, &.-airy > #facts, &.-airy > #alerts { margin-bottom: 1; }
        &.-airy NoticeLine.-group { margin-top: 1; }
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

    class AlertChosen(Message):
        """Lead to what helps against this."""

        def __init__(self, alert: Alert) -> None:
            super().__init__()
            self.alert = alert

    class AnswerWanted(Message):
        """Acknowledge this with a note."""

        def __init__(self, alert: Alert) -> None:
            super().__init__()
            self.alert = alert

    class TrendsWanted(Message):
        """Show how it goes over weeks."""

    class ProcedureWanted(Message):
        """Start the procedure that this leads to."""

        def __init__(self, alert: Alert) -> None:
            super().__init__()
            self.alert = alert

    class AwayChosen(Message):
        """Show what happened meanwhile."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.overview: Overview | None = None
        self.waiting: Plan | None = None
        self.waiting_note = "looking…"
        self.disks: Sequence[ZoneDisk] = ()
        self.trouble: Sequence[str] = ()
        self.away: Away | None = None
        self.trends: Trends | None = None
        self.zone: tzinfo | None = None
        self._shown: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield NoticeList(id="first")
        yield Static(id="facts", markup=False)
        yield NoticeList(id="alerts")
        yield Static(id="disks", markup=False)
        yield Recent(RUN_COLUMNS, id="recent", empty="no run yet")

    def on_mount(self) -> None:
        self.update()

    def on_resize(self) -> None:
        self.update()

    def update(self) -> None:
        """Show what the attributes say now; nothing is drawn when it reads the same."""
        if not self.is_mounted:
            return
        now = datetime.now(UTC)
        self._lay_out(now)
        table = self.query_one("#recent", VirtualTable)
        runs = self.overview.runs if self.overview else ()
        table.rows = [run_cells(run, self.zone, now) for run in runs]
        unreadable = self.overview.unreadable if self.overview else ""
        table.empty = "looking…" if self.overview is None and not self.trouble else "no run yet"
        table.empty = f"not known: {unreadable}" if unreadable else table.empty

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _room(self) -> int:
        """Cells beside the label."""
        return max(30, (self.size.width or 80) - 2 - LABEL)

    def _lay_out(self, now: datetime) -> None:
        """Whose workspace it is and what happened meanwhile, then facts, alerts, disks; blank lines where they fit."""
        alerts = self.overview.alerts if self.overview else ()
        first = [away_notice(self.away, self.zone, now)] if self.away else []
        first += alert_notices([alert for alert in alerts if alert.cause in FIRST], self.zone, now)
        rest = alert_notices([alert for alert in alerts if alert.cause not in FIRST], self.zone, now)
        groups = [group for group in (self._waiting_rows(), self._last_rows()) if group]
        trouble, disks = self._trouble_rows(), self._disk_rows()
        height = self.size.height or 19
        heights = [self.query_one("#first", NoticeList).show(first, room=self._room), len(trouble)]
        budget = max(2, height - FACTS_BESIDE - RUNS_LEAST + 1 - sum(heights))
        heights.append(self.query_one("#alerts", NoticeList).show(rest, budget, self._room))
        heights += [len(group) for group in [*groups, disks]]
        trend = self._trend_rows(height - sum(heights) - 1 - RUNS_LEAST)
        heights.append(len(trend))
        kinds = sum(bool(notice.label) for notice in [*first[1:], *rest[1:]])
        airy = sum(each + 1 for each in heights if each) + kinds + RUNS_LEAST <= height
        self.set_class(airy, "-airy")
        facts: list[Content] = []
        for group in [*groups, *([trouble] if trouble else [])]:
            facts += [*([Content("")] if airy and facts else []), *group]
        self._put("#facts", facts)
        self._put("#disks", [*disks, *([Content("")] if airy and disks and trend else []), *trend])

    def _put(self, where: str, rows: list[Content]) -> None:
        """Nothing is drawn when it reads the same."""
        content = lines(rows)
        if self._shown.get(where) != content.markup:
            self._shown[where] = content.markup
            static = self.query_one(where, Static)
            static.display = bool(rows)
            static.update(content)

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
            ("adopted", "adopted", "dim"),
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
            text = f"not known: {self.overview.unreadable}" if self.overview.unreadable else text
            return [self._label("Last run", (text, "dim"))]
        now = datetime.now(UTC)
        head: list[Cell] = [status_cell(run), f"  {run.action} {run.short}  "]
        head += [(f"{short_time(run.started_at, self.zone, now)} by {by(run)}", "dim")]
        if run.status != RunStatus.RUNNING:
            head += [(f" in {took(run)}", "dim")]
        return [self._label("Last run", *head), self._label("", *counts_cells(run))]

    def _trouble_rows(self) -> list[Content]:
        return [
            self._label("Trouble" if not number else "", ("  " if number else "✗ ", "bad"), text)
            for number, text in enumerate(line for given in self.trouble for line in wrap(given, self._room - 2))
        ]

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

    def _trend_rows(self, lines: int) -> list[Content]:
        if self.trends is None:
            return []
        rows = trend_rows(self.trends, self._room, lines)
        label = f"{len(self.trends.days)} days"
        return [self._label("" if at else label, *row) for at, row in enumerate(rows)]

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def action_alerts(self) -> None:
        if self.overview:
            self.post_message(self.AlertsWanted(self.overview.alerts))

    def action_trends(self) -> None:
        self.post_message(self.TrendsWanted())

    def on_notice_line_chosen(self, message: NoticeLine.Chosen) -> None:
        message.stop()
        about = message.notice.about
        self.post_message(self.AlertChosen(about) if isinstance(about, Alert) else self.AwayChosen())

    def on_notice_line_noted(self, message: NoticeLine.Noted) -> None:
        message.stop()
        about = message.notice.about
        if isinstance(about, Alert):
            self.post_message(self.AnswerWanted(about))

    def on_notice_line_guided(self, message: NoticeLine.Guided) -> None:
        message.stop()
        about = message.notice.about
        if isinstance(about, Alert):
            self.post_message(self.ProcedureWanted(about))

    def on_notice_list_past(self, message: NoticeList.Past) -> None:
        """From one list to the next, and down to the runs."""
        message.stop()
        if message.step > 0:
            others = self.query_one("#alerts", NoticeList).lines if message.notices.id == "first" else []
            (others[0] if others else self.query_one("#recent", Recent)).focus()
        elif message.notices.id == "alerts":
            others = self.query_one("#first", NoticeList).lines
            if others:
                others[-1].focus()

    def focus_offer(self) -> None:
        """Where there is no run to go into, Enter is for what was found here."""
        table = self.query_one("#recent", Recent)
        offers = self.query_one("#first", NoticeList).lines
        if offers and not table.rows and self.screen.focused in (table, None):
            offers[0].focus()

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if self.overview and message.index < len(self.overview.runs):
            self.post_message(self.RunChosen(self.overview.runs[message.index]))

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()
