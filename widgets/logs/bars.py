"""The two lines around the rows: which log and how it is shown; where one is in it and what can be done."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.engine.observe.logs_conditions import Narrowing
from console.engine.observe.logs_search import Search
from console.engine.observe.logs_view import Row
from console.engine.text import count, visible
from console.engine.text import size as size_text
from widgets.logs.page import MERGED, Page
from widgets.logs.words import LEVELS, filter_words, level_text
from widgets.look import fit, width_of

_CLEAR = "  L: all lines "
Part = tuple[str, str]  # text, tone
# the longest that fits is shown
_HINTS = (
    "  / find  & filter  t time  l level  f follow  o logs  ? help ",
    "  / find  & filter  t time  l level  ? help ",
    "  / find  & filter  ? help ",
    "  ? help ",
)
_MODE_HINTS = {
    "mark": ("  ' back  c copy  S save  m unmark ", "  c copy  S save ", " c S "),
    "files": ("  Enter show this log  Esc back ", "  Enter  Esc "),
    "record": ("  up down scroll  Esc back ", "  Esc back "),
}
_SEARCH_HINTS = ("  n/N next, previous  Esc forget ", "  n N  Esc ")


class _Line(Widget):
    """One line of texts with tones, left and right; drawn again only when it changed."""

    COMPONENT_CLASSES = {"line--dim", "line--strong", "line--accent", "line--warn", "line--bad"}  # noqa: RUF012
    DEFAULT_CSS = """
    _Line {
        height: 1; background: transparent;
        & .line--dim { color: $text-muted; }
        & .line--strong { text-style: bold; }
        & .line--accent { color: $text-primary; text-style: bold; }
        & .line--warn { color: $text-warning; text-style: bold; }
        & .line--bad { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._parts: tuple[tuple[Part, ...], tuple[Part, ...]] = ((), ())

    def set_parts(self, left: list[Part], right: list[Part]) -> None:
        """Show these; texts are made visible here."""
        parts = (
            tuple((visible(text), tone) for text, tone in left),
            tuple((visible(text), tone) for text, tone in right),
        )
        if parts != self._parts:
            self._parts = parts
            self.refresh()

    def _style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"line--{tone}", partial=True) if tone else Style()

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        left, right = self._parts
        taken = sum(width_of(text) for text, _ in right)
        room = max(0, width - taken)
        strip = Strip([Segment(text, base + self._style(tone)) for text, tone in left])
        if strip.cell_length > room:
            strip = Strip([*strip.crop(0, max(0, room - 1)), Segment("…", base)] if room else [])
        strip = strip.adjust_cell_length(room, base)
        ends = [Segment(text, base + self._style(tone)) for text, tone in right]
        return Strip([*strip, *ends]).crop(0, width).adjust_cell_length(width, base)


class LogBar(_Line):
    """Which log, following or paused, which levels."""

    class LevelClicked(Message):
        """The levels were clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._asked: tuple[str, str, str] = ("", "", "")
        self._shown: tuple[Page, Narrowing, bool, bool] = (Page(), Narrowing(), False, False)

    def ask(self, what: str, problem: str, hint: str = "") -> None:
        """Say what is being typed, and what is wrong with it or what it means, until asked with ''."""
        self._asked = (what, problem, hint)
        self.show(*self._shown)

    def show(self, page: Page, narrowing: Narrowing, wrapped: bool, short: bool) -> None:
        """`narrowing`: the filters in force; `wrapped`, `short`: how lines are shown."""
        self._shown = (page, narrowing, wrapped, short)
        name = page.file.label if page.file is not None else "no log"
        left: list[Part] = [(f" {fit_label(name, max(12, self.size.width // 3))}  ", "strong")]
        what, problem, hint = self._asked
        if what:
            left += [(f"{what}  ", "accent"), (problem, "bad") if problem else (hint, "dim")]
        elif page.follow:
            left.append(("● following  ", "accent"))
        elif page.new_lines:
            left.append((f"paused, {count(page.new_lines)} new  ", "warn"))
        else:
            left.append(("paused  ", "warn"))
        if page.busy and not what:
            left.append((f"{page.busy} …", "dim"))
        right: list[Part] = [(word, "dim") for word, so in (("short  ", short), ("wrapped  ", wrapped)) if so]
        if narrowing.conditions and not what:
            taken = sum(width_of(visible(text)) for text, _ in (*left, *right)) + len(_CLEAR)
            words = filter_words(narrowing, max(8, self.size.width - taken - 1))
            right += [(words, "accent"), (_CLEAR, "dim")]
            self.set_parts(left, right)
            return
        for level in LEVELS:
            chosen = level is narrowing.least
            word = level_text(level) + ("+" if level and chosen else "")
            right.append((f"[{word}]" if chosen else f" {word} ", "strong" if chosen else "dim"))
        self.set_parts(left, [] if what else [*right, (" ", "")])

    def on_click(self, event: events.Click) -> None:
        if event.x > self.size.width - 30:
            self.post_message(self.LevelClicked())


def fit_label(text: str, width: int) -> str:
    """A log's label in at most `width` cells, cut in the middle."""
    return text if width_of(text) <= width else fit(text, width, cut="middle")


class LogFoot(_Line):
    """Where one is, the answer to the last command, and the keys for what one can do."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said: Part = ("", "")

    def show(self, page: Page, row: Row | None, number: int | None, search: Search | None, mode: str = "") -> None:
        """`row`: under the cursor, None when following; `number`: its line number, where known; mode: what the keys are
        for, where not for lines: mark | files | record.
        """
        if page.said:
            self._said = (page.said, "bad" if page.bad else "warn")
        elif page.at is not None or page.follow:
            self._said = ("", "")
        left: list[Part] = [(" " + where(page, row, number), "dim")]
        if self._said[0]:
            left.append((f"   {self._said[0]}", self._said[1]))
        elif search is not None:
            kind = "expression" if search.regex else "text"
            left.append((f"   {kind} {search.text}", "accent"))
        taken = sum(width_of(visible(text)) for text, _ in left)
        hints = _MODE_HINTS[mode] if mode else _HINTS if search is None else _SEARCH_HINTS
        fitting = (hint for hint in hints if taken + len(hint) <= self.size.width)
        self.set_parts(left, [(next(fitting, ""), "dim")])


def where(page: Page, row: Row | None, number: int | None) -> str:
    """`line 1,204 of 9,940,000, 12 %  1.1 GB`, as far as it is known."""
    parts: list[str] = []
    if number is not None:
        parts.append(f"line {count(number)}" + (f" of {count(page.lines)}" if page.lines is not None else ""))
    if row is not None and row.log:
        parts.append(f"in {row.log}, of {size_text(page.size)} in all")
    elif page.file is not None and page.file.kind == MERGED.kind:
        parts.append(f"{size_text(page.size)} in all")
    elif page.size:
        at = page.size if row is None or row.line is None else min(row.line.end, page.size)
        parts.append(f"{100 * at // page.size} % of {size_text(page.size)}")
    return "  ".join(parts)
