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

    def _run_parts(self, room: int) -> list[Cell]:
        """The state of the lock: idle, or the run with its bar in `room` cells."""
        if self.running is None:
            return [("● idle", "dim")]
        run = self.running
        head = f"▶ {run.action} {run.short}"
        if run.cancelling:
            return [(f"{head} cancelling", "warn"), f" {count(run.done)}/{count(run.total)}"]
        if not run.total:
            return [(head, "running"), f" {run.phase}…"]
        fraction = run.done / run.total
        tail = f" {count(run.done)}/{count(run.total)}"
        if run.seconds_left is not None:
            tail += f" {duration(run.seconds_left)} left"
        percent = f" {fraction * 100:.0f}%"
        width = min(24, room - width_of(head + percent + tail) - 1)
        middle: list[Cell] = []
        if width >= 4:
            full, rest = bar(fraction, width)
            middle = [" ", (full, "running"), (rest, "dim")]
        return [(head, "running"), percent, *middle, tail]

    def render(self) -> Content:
        self._shown = self._line()
        return paint(*self._shown)

    def _line(self) -> list[Cell]:
        width = self.size.width or 80
        right: list[Cell] = []
        if self.trouble:
            right += ["   ", (f"✗ {self.trouble}", "bad")]
        if self.alerts:
            right += ["   ", (f"! {self.alerts} alert{'s' if self.alerts != 1 else ''}", "warn")]
        if self.disk[0] and not (self.running and width < 100):
            right += ["   ", self.disk]
        right += ["   ", self._clock(), " "]
        left: list[Cell] = [" "]
        if self.read_only:
            left += [("READ-ONLY", "warn"), " "]
        name = visible(self.workspace)
        left += [(name, "strong"), " "]
        rest = width - sum(width_of(_text(part)) for part in [*left, *right]) - 3
        where = visible(self.where)
        wanted = 44 if self.running and width < 100 else 8
        room = max(0, min(width_of(where), rest - wanted)) if rest - wanted >= 8 else 0
        if room:
            left += [(fit(where, room, cut="middle"), "dim")]
        left += ["  "]
        state = self._run_parts(rest - room)
        used = sum(width_of(_text(part)) for part in [*left, *state, *right])
        return [*left, *state, " " * max(0, width - used), *right]


def _text(part: Cell) -> str:
    return part if isinstance(part, str) else part[0]
