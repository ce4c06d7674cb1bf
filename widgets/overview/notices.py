"""NoticeList: what needs somebody, line by line; Tab and the arrows go to each, Enter leads to what helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from console.engine.text import visible
from widgets.look import Cell, fit, lines, marked, paint, width_of, wrap

LABEL = 12  # cells of the words at the left
WIDE = 90  # cells beside the label from which text and help stand on one line


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to know. label: the word at the left, '' under another of its kind. sign, tone: how it looks.

    enter: what Enter does, in a few words; step: what helps besides, `commands` in ticks. most: lines of text.
    about: what it is of, handed back when it is chosen.
    """

    label: str
    sign: str
    tone: str
    text: str
    enter: str = ""
    step: str = ""
    most: int = 2
    about: object = None

    def rows(self, room: int) -> list[list[Cell]]:
        """Its lines in `room` cells beside the label."""
        help_: list[Cell] = [(f"Enter: {self.enter}", "accent")] if self.enter else []
        step = visible(self.step)
        text = visible(self.text)
        sign: Cell = (f"{self.sign} ", self.tone)
        if room >= WIDE and (self.enter or step) and width_of(text) <= room // 2:
            left = room - room // 2 - 4 - sum(width_of(cell[0]) + 3 for cell in help_)
            beside: list[Cell] = ["   " if help_ else "", *marked(fit(step, left).rstrip(), "dim")] if left > 8 else []
            return [[sign, fit(text, room // 2), "  ", *help_, *beside]]
        parts = wrap(text, room - 2)
        if len(parts) > self.most:
            parts = [*parts[: self.most - 1], fit(" ".join(parts[self.most - 1 :]), room - 2)]
        rows: list[list[Cell]] = [[sign if not at else "  ", part] for at, part in enumerate(parts)]
        if help_ and not step and width_of(parts[-1]) + 3 + width_of(help_[0][0]) <= room - 2:
            rows[-1] += ["   ", *help_]
            return rows
        beside = [*help_, "   "] if help_ else []
        used = sum(width_of(cell if isinstance(cell, str) else cell[0]) for cell in beside)
        if step and used + width_of(step.replace("`", "")) <= room - 2:
            return [*rows, ["  ", *beside, *marked(step, "dim")]]
        rows += [["  ", *marked(part, "dim")] for part in (wrap(step, room - 2)[:2] if step else [])]
        if not help_ or (not step and len(parts) == self.most):
            return rows
        return [*rows, ["  ", *help_]]


def _room(width: int) -> int:
    """Cells beside the label."""
    return max(30, (width or 80) - 2 - LABEL)


def _under_cursor(cell: Cell) -> Cell:
    """A cell without its tone; what was coloured to stand out is bold instead."""
    text, tone = (cell, "") if isinstance(cell, str) else cell
    return (text, "strong") if tone in ("accent", "bad", "strong") else text


class NoticeLine(Widget, can_focus=True):
    """One notice. Messages out: Chosen; Noted; Guided; Stepped, which its list answers by going to the next one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "choose", "Open", show=False),
        Binding("n", "note", "Acknowledge", show=False),
        Binding("p", "guide", "Its procedure", show=False),
        Binding("up,k", "step(-1)", "Up", show=False),
        Binding("down,j", "step(1)", "Down", show=False),
    ]
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    NoticeLine { height: auto; width: 1fr; pointer: pointer; }
    NoticeLine:focus { background: $primary-muted; }
    NoticeLine:ansi:focus { background: ansi_default; text-style: reverse; }
    """

    class Chosen(Message):
        """Enter or a click."""

        def __init__(self, notice: Notice) -> None:
            super().__init__()
            self.notice = notice

    class Noted(Message):
        """It is to be acknowledged with a note."""

        def __init__(self, notice: Notice) -> None:
            super().__init__()
            self.notice = notice

    class Guided(Message):
        """The procedure that it leads to is wanted."""

        def __init__(self, notice: Notice) -> None:
            super().__init__()
            self.notice = notice

    class Stepped(Message):
        """Up (-1) or down (1)."""

        def __init__(self, line: NoticeLine, step: int) -> None:
            super().__init__()
            self.line, self.step = line, step

    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self._notice = notice

    @property
    def notice(self) -> Notice:
        return self._notice

    @notice.setter
    def notice(self, notice: Notice) -> None:
        if notice != self._notice:
            self._notice = notice
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """By the width it is going to have, not the one it had."""
        return len(self._notice.rows(_room(width)))

    def render(self) -> Content:
        width = self.size.width or 80
        focused = self.has_focus
        out = []
        for at, cells in enumerate(self._notice.rows(_room(width))):
            mark = "▸" if focused and not at else " "
            line = [(mark, "strong"), (fit("" if at else self._notice.label, LABEL), "dim"), *cells]
            if focused:  # one colour from edge to edge, as a table's cursor
                line = [_under_cursor(cell) for cell in line]
                line.append(" " * (width - sum(width_of(cell if isinstance(cell, str) else cell[0]) for cell in line)))
            out.append(paint(*line))
        return lines(out)

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self._notice))

    def action_note(self) -> None:
        self.post_message(self.Noted(self._notice))

    def action_guide(self) -> None:
        self.post_message(self.Guided(self._notice))

    def action_step(self, step: int) -> None:
        self.post_message(self.Stepped(self, step))

    def on_click(self) -> None:
        self.action_choose()


class NoticeList(Vertical):
    """`show(notices, budget)`; messages out: NoticeLine.Chosen, Past (beyond the first or the last)."""

    DEFAULT_CSS = """
    NoticeList {
        height: auto;
        & > .notices-more { height: 1; padding: 0 1; display: none; }
        & > .notices-more.-shown { display: block; }
    }
    """

    class Past(Message):
        """The cursor left the list upwards (-1) or downwards (1)."""

        def __init__(self, notices: NoticeList, step: int) -> None:
            super().__init__()
            self.notices, self.step = notices, step

    def __init__(self, notices: Sequence[Notice] = (), *, id: str | None = None) -> None:
        """notices: what is shown from the first."""
        super().__init__(id=id)
        self._notices = tuple(notices)

    def compose(self) -> ComposeResult:
        yield from (NoticeLine(notice) for notice in self._notices)
        yield Static(classes="notices-more", markup=False)

    @property
    def lines(self) -> list[NoticeLine]:
        return list(self.query(NoticeLine).results(NoticeLine))

    def show(self, notices: Sequence[Notice], budget: int = 1 << 30, room: int = 66) -> int:
        """Show as many as fit into `budget` lines of `room` cells, at least one; how many lines that takes."""
        fitting, used = 0, 0
        for notice in notices:
            height = len(notice.rows(room))
            last = fitting == len(notices) - 1
            if fitting and used + height + (not last) > budget:
                break
            fitting, used = fitting + 1, used + height
        left = len(notices) - fitting
        more = self.query_one(".notices-more", Static)
        more.set_class(left > 0, "-shown")
        if left:
            more.update(paint(" " * LABEL, (f"  and {left} more   !: all of them", "dim")))
        self._fill(tuple(notices[:fitting]))
        self.display = bool(notices)
        return used + (left > 0)

    def _fill(self, notices: tuple[Notice, ...]) -> None:
        if notices == self._notices:
            return
        self._notices = notices
        there = self.lines
        made = [NoticeLine(notice) for notice in notices[len(there) :]]
        if made:
            self.mount_all(made, before=self.query_one(".notices-more"))
        for line in there[len(notices) :]:
            line.remove()
        for at, (line, notice) in enumerate(zip([*there, *made], notices, strict=False)):
            line.notice = notice
            line.set_class(at > 0 and bool(notice.label), "-group")  # another kind than the one above

    def on_notice_line_stepped(self, message: NoticeLine.Stepped) -> None:
        message.stop()
        there = self.lines
        at = there.index(message.line) + message.step if message.line in there else -1
        if 0 <= at < len(there):
            there[at].focus()
        else:
            self.post_message(self.Past(self, message.step))
