"""StatusLine: where one is, what runs, what needs somebody, how much room is left, what time it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from textual.content import Content
from textual.widget import Widget

from console.engine.text import count, duration, visible
from widgets.look import Cell, bar, fit, paint, width_of


@dataclass(frozen=True, slots=True)
class RunState:
    """The run in progress. done and total count files (total 0: not known yet); seconds_left None: not known."""

    action: str
    short: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    phase: str = ""
    cancelling: bool = False


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StatusLine(Widget):
    """Attributes in: workspace (name), where (host:root), running, maintenance, alerts, disk (text, tone), read_only,
    others (names), zone.

    It redraws only when what it would show differs, so an idle console sends nothing but the minute.
    """

    DEFAULT_CSS = """
    StatusLine { height: 1; background: $panel; color: $foreground; }
    StatusLine:ansi { text-style: bold; background: ansi_default; }
    """

    def __init__(self, *, now: Callable[[], datetime] = _utc_now, id: str | None = None) -> None:
        super().__init__(id=id)
        self.now = now
        self.workspace = ""
        self.where = ""
        self.running: RunState | None = None
        self.alerts = 0
        self.maintenance = False  # nothing new is processed
        self.trouble = ""  # one word where the ledger or the configuration cannot be read
        self.disk: tuple[str, str] = ("", "")
        self.read_only = False
        self.others: tuple[str, ...] = ()  # who else has a console open
        self.session = ""  # the procedure one is in, and how far; shown where there is room
        self.zone: tzinfo | None = None
        self._shown: list[Cell] = []

    def on_mount(self) -> None:
        self._wait_for_minute()

    def _wait_for_minute(self) -> None:
        moment = self.now()
        self.set_timer(60.05 - moment.second - moment.microsecond / 1e6, self._minute)

    def _minute(self) -> None:
        self.update()
        self._wait_for_minute()

    def update(self) -> None:
        """Redraw if anything that is shown has changed since."""
        if self._line() != self._shown:
            self.refresh()

    def _clock(self) -> str:
        moment = self.now().astimezone(self.zone)
        return moment.strftime("%H:%M %Z")

    def _run_parts(self, room: int, *, short: bool) -> list[Cell]:
        """The state of the lock: idle, or the run with a bar in what is left of `room` cells."""
        run = self.running
        if run is None:
            return [("■ maintenance", "warn")] if self.maintenance else [("● idle", "dim")]
        head = f"▶ {run.action} {run.short}"
        if run.cancelling:
            return [(f"{head} cancelling", "warn"), f" {count(run.done)}/{count(run.total)}"]
        if not run.total:
            return [(head, "running"), f" {run.phase}…"]
        fraction = run.done / run.total
        percent = f" {fraction * 100:.0f}%"
        tail = "" if short else f" {count(run.done)}/{count(run.total)}"
        if run.seconds_left is not None:
            tail += f" {duration(run.seconds_left)} left"
        width = min(24, room - width_of(head + percent + tail) - 1)
        if width < 4:
            return [(head, "running"), percent, tail]
        full, rest = bar(fraction, width)
        return [(head, "running"), percent, " ", (full, "running"), (rest, "dim"), tail]

    def _right(self, *, disk: bool, short: bool, people: bool = False) -> list[Cell]:
        """Trouble, alerts, room on the disks, who else is here, the clock."""
        right: list[Cell] = []
        if self.trouble:
            right += ["   ", (f"✗ {visible(self.trouble)}", "bad")]
        if self.alerts:
            word = "" if short else " alert" if self.alerts == 1 else " alerts"
            right += ["   ", (f"! {self.alerts}{word}", "warn")]
        if disk and self.disk[0]:
            right += ["   ", self.disk]
        if people and self.others:
            names = f"+{visible(self.others[0])[:12]}" if len(self.others) == 1 else f"+{len(self.others)} here"
            right += ["   ", (names, "accent")]
        return [*right, "   ", self._clock(), " "]

    def render(self) -> Content:
        self._shown = self._line()
        return paint(*self._shown)

    def _line(self) -> list[Cell]:
        """The richest line that fits: the folder is cut first, then go the bar, the disk, the folder, counts, words."""
        width = self.size.width or 80
        if self.others:
            line = self._try(width, 6, disk=True, folder=True, short=False, people=True)
            if _cells(line) <= width:
                return line
        for bar_width, disk, folder, short in (
            (16, True, True, False),
            (6, True, True, False),
            (0, True, True, False),
            (0, True, False, False),
            (0, False, True, False),
            (0, False, False, False),
            (0, False, False, True),
        ):
            line = self._try(width, bar_width, disk=disk, folder=folder, short=short)
            if _cells(line) <= width:
                return line
        return [fit("".join(_text(part) for part in line), width)]

    def _try(
        self, width: int, bar_width: int, *, disk: bool, folder: bool, short: bool, people: bool = False
    ) -> list[Cell]:
        """One line; wider than `width` where it does not fit. bar_width: the least that a run's bar gets."""
        left: list[Cell] = [" "]
        if self.read_only:
            left += [("READ-ONLY", "warn"), " "]
        if self.workspace:
            name = visible(self.workspace)
            left += [(fit(name, min(width_of(name), max(16, width // 3)), cut="middle"), "strong"), " "]
        right = self._right(disk=disk, short=short, people=people)
        state = self._run_parts(0, short=short)
        spare = width - _cells(left) - _cells(state) - _cells(right) - 2
        wants_bar = self.running is not None and self.running.total and not self.running.cancelling
        if wants_bar and bar_width:
            spare -= bar_width + 1
        where = visible(self.where)
        if folder and where:
            least = min(12, width_of(where))
            if spare < least:
                return [" " * (width + 1)]
            left += [(fit(where, min(spare, width_of(where)), cut="middle"), "" if not self.workspace else "dim"), " "]
        left += [" "]
        room = width - _cells(left) - _cells(right)
        state = self._run_parts(room, short=short)
        named = visible(self.session)
        if named and _cells(state) + 3 + width_of(named) <= room:
            state += ["   ", (named, "accent")]
        return [*left, *state, " " * max(0, room - _cells(state)), *right]


def _cells(parts: list[Cell]) -> int:
    return sum(width_of(_text(part)) for part in parts)


def _text(part: Cell) -> str:
    return part if isinstance(part, str) else part[0]
