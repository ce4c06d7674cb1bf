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
    """Attributes in: workspace (name), where (host:root), running, alerts, disk (text, tone), read_only, zone.

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
        self.trouble = ""  # one word where the ledger or the configuration cannot be read
        self.disk: tuple[str, str] = ("", "")
        self.read_only = False
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
            return [("● idle", "dim")]
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

    def _right(self, *, disk: bool, short: bool) -> list[Cell]:
        """Trouble, alerts, room on the disks, the clock."""
        right: list[Cell] = []
        if self.trouble:
            right += ["   ", (f"✗ {visible(self.trouble)}", "bad")]
        if self.alerts:
            word = "" if short else " alert" if self.alerts == 1 else " alerts"
            right += ["   ", (f"! {self.alerts}{word}", "warn")]
        if disk and self.disk[0]:
            right += ["   ", self.disk]
        return [*right, "   ", self._clock(), " "]

    def render(self) -> Content:
        self._shown = self._line()
        return paint(*self._shown)

    def _line(self) -> list[Cell]:
        """The richest line that fits: first the folder is cut, then disk, folder, counts and words are left out."""
        width = self.size.width or 80
        steps = ((44, True, False), (30, True, False), (12, True, False), (0, True, False), (0, False, False))
        for where, disk, short in (*steps, (0, False, True)):
            line = self._try(width, where, disk=disk, short=short)
            if _cells(line) <= width:
                return line
        return [fit("".join(_text(part) for part in line), width)]

    def _try(self, width: int, where: int, *, disk: bool, short: bool) -> list[Cell]:
        left: list[Cell] = [" "]
        if self.read_only:
            left += [("READ-ONLY", "warn"), " "]
        left += [(visible(self.workspace), "strong"), " "]
        if where:
            folder = visible(self.where)
            left += [(fit(folder, min(where, width_of(folder)), cut="middle"), "dim"), " "]
        left += [" "]
        right = self._right(disk=disk, short=short)
        room = width - _cells(left) - _cells(right)
        state = self._run_parts(room, short=short)
        if self.running is not None and self.running.total and not short and where and _cells(state) > room - 6:
            state = [*state, " " * width]  # no room for the bar beside the folder: the next step has more
        return [*left, *state, " " * max(0, room - _cells(state)), *right]


def _cells(parts: list[Cell]) -> int:
    return sum(width_of(_text(part)) for part in parts)


def _text(part: Cell) -> str:
    return part if isinstance(part, str) else part[0]
