"""ProceduresPane: the list, and in front of it the session that one is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from console.engine.procedures.load import Library
from console.engine.procedures.session import Session
from console.engine.procedures.symptoms import Suggestion
from widgets.look import lines, paint
from widgets.procedures.keys import FILTER_HINT, HELP, KEYS
from widgets.procedures.messages import ActWanted, OpenWanted, ReadWanted, StartWanted
from widgets.procedures.rows import Row, foot_lines, list_rows
from widgets.procedures.session import SessionView
from widgets.procedures.words import Standing
from widgets.table import Column, VirtualTable

COLUMNS = (Column("", 8), Column("", share=1), Column("", share=1))
_FOOT, _FOOT_LOW = 5, 2


class ProceduresPane(Vertical):
    """`show(library, sessions, suggested)` sets the list, `show_session(standing)` the session in front (None: the
    list). Attributes: zone, now, read_only, filter. Messages out: those of `messages`."""

    HELP = HELP
    FILTER_HINT = FILTER_HINT
    BINDINGS: ClassVar[list[BindingType]] = KEYS
    DEFAULT_CSS = """
    ProceduresPane {
        height: 1fr; width: 1fr;
        & > #procedures-list { height: 1fr; }
        & > #procedures-foot { height: 5; margin-top: 1; }
        & > #procedures-keys { height: 1; color: $text-muted; }
        & > SessionView { display: none; }
        &.-session > SessionView { display: block; }
        &.-session > #procedures-list, &.-session > #procedures-foot, &.-session > #procedures-keys { display: none; }
        &.-low > #procedures-foot { height: 2; margin-top: 0; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.trouble = ""
        self._read_only = False
        self._library = Library({}, {})
        self._sessions: Sequence[Session] = ()
        self._suggested: Sequence[Suggestion] = ()
        self._known = False
        self._filter = ""
        self._rows: list[Row] = []
        self._at = 0  # where the cursor was: a heading is stepped over in the direction in which one goes
        self._drawn = ""

    def compose(self) -> ComposeResult:
        yield VirtualTable(COLUMNS, id="procedures-list", head=False, empty="reading…")
        yield Static(id="procedures-foot", markup=False)
        yield Static(id="procedures-keys", markup=False)
        yield SessionView(id="procedures-session")

    def on_mount(self) -> None:
        self._bring()
        self.update()

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#procedures-list", VirtualTable)

    @property
    def view(self) -> SessionView:
        return self.query_one(SessionView)

    @property
    def session(self) -> Session | None:
        """The one in front."""
        return self.view.session if self.has_class("-session") else None

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written from here."""
        return self._read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._read_only = self.view.read_only = value
        self.update()

    # ── data ──────────────────────────────────────────────────────────────────────────────────────────────────

    def show(self, library: Library, sessions: Sequence[Session], suggested: Sequence[Suggestion]) -> None:
        """Everything that is listed."""
        self._library, self._sessions, self._suggested = library, sessions, suggested
        self._known, self.trouble = True, ""
        self.update()

    def failed(self, trouble: str) -> None:
        """Nothing can be read: why."""
        self.trouble = trouble
        self.update()

    def show_session(self, standing: Standing | None, *, keys: bool = False) -> None:
        """In front; None brings the list back. keys: they are for it, whoever has them now."""
        self.view.zone, self.view.now, self.view.read_only = self.zone, self.now, self._read_only
        focused = self.screen.focused
        inside = keys or focused is None or self in focused.ancestors
        was = self.has_class("-session")
        self.set_class(standing is not None, "-session")
        self._bring()
        self.view.show(standing)
        if standing is not None and inside and (keys or not was):
            self.view.take_keys()
        elif standing is None and was and inside:
            self.screen.set_focus(self.table)

    def _bring(self) -> None:
        """`.-front` is what gets the keys when the pane is shown."""
        session = self.has_class("-session")
        self.table.set_class(not session, "-front")
        self.view.body.set_class(session, "-front")

    @property
    def filter(self) -> str:
        """Only rows that have this. A session has nothing to filter."""
        if self.has_class("-session"):
            raise AttributeError("filter")
        return self._filter

    @filter.setter
    def filter(self, text: str) -> None:
        self._filter = text.strip()
        self.update()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def update(self) -> None:
        """Draw the list; the cursor stays on what it is on."""
        if not self.is_mounted:
            return
        table, keep = self.table, self.row
        now = self.now()
        self._rows = list_rows(self._library, self._sessions, self._suggested, self.zone, now, self._filter)
        table.empty = self.trouble or ("reading…" if not self._known else self._empty())
        table.rows = [row.cells for row in self._rows] if not self.trouble else []
        places = [at for at, row in enumerate(self._rows) if row.kind != "heading"]
        same = [at for at in places if keep and (self._rows[at].kind, self._rows[at].name) == (keep.kind, keep.name)]
        if keep:  # what is suggested is listed twice
            same.sort(key=lambda at: self._rows[at].cells[0] != keep.cells[0])
        table.cursor = self._at = (same or places or [0])[0]
        self._show_heading()
        self._draw_foot()

    def _show_heading(self) -> None:
        """The first row of a group stands under its heading."""
        above = self.table.cursor - 1
        if 0 <= above < self.table.scroll_offset.y and self._rows[above].kind == "heading":
            self.table.scroll_to(y=above, animate=False, immediate=True, force=True)

    def _empty(self) -> str:
        if self._filter:
            return f"no procedure matches {self._filter!r}"
        return "no procedure is there: config/procedures/NAME.toml makes one of your own"

    @property
    def row(self) -> Row | None:
        """Under the cursor."""
        at = self.table.cursor
        return self._rows[at] if at < len(self._rows) else None

    def _draw_foot(self) -> None:
        row, low = self.row, self.has_class("-low")
        rows = foot_lines(row, self.size.width or 80, _FOOT_LOW if low else _FOOT, self._read_only)
        keys = {
            "start": " Enter: read all steps" if self._read_only else " Enter: start it   v: read all steps",
            "open": " Enter: look at it" if self._read_only else " Enter: go on with it",
            "ended": " Enter: what was done",
        }.get(row.kind if row else "", "")
        content = lines([paint(*each) for each in rows])
        hint = f"{keys}   /: filter   ?: help" if keys else " /: filter   ?: help"
        if (drawn := content.markup + hint) != self._drawn:
            self._drawn = drawn
            self.query_one("#procedures-foot", Static).update(content)
            self.query_one("#procedures-keys", Static).update(paint((hint, "dim")))

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < 15, "-low")
        self.call_after_refresh(self.update)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    @property
    def before_list(self) -> bool:
        """Whether a session stands before the list."""
        return self.has_class("-session")

    def back(self) -> bool:
        """Esc: out of the field, then out of the session; False where there was nothing to leave."""
        if self.has_class("-session"):
            if not self.view.leave_field():
                self.post_message(ActWanted("leave"))
            return True
        if self._filter:
            self.filter = ""
            return True
        return False

    def action_ask(self, what: str) -> None:
        if self.has_class("-session"):
            self.view.ask(what)

    def action_tick(self) -> None:
        self.action_ask("tick")

    def action_read(self) -> None:
        row = self.row
        if not self.has_class("-session") and row is not None and row.kind == "start":
            self.post_message(ReadWanted(row.name))

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        row = self.row
        if row is None:
            return
        if row.kind == "start":
            self.post_message(ReadWanted(row.name) if self._read_only else StartWanted(row.name, row.values))
        elif row.kind in ("open", "ended"):
            self.post_message(OpenWanted(row.name))

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()
        table, row = self.table, self.row
        if row is not None and row.kind == "heading":
            table.cursor += 1 if table.cursor > self._at or not table.cursor else -1
        self._at = table.cursor
        self._show_heading()
        self._draw_foot()

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()
