"""SessionView: one session, its steps with the current one laid out, what it asks, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from console.engine.procedures.fill import fill
from console.engine.procedures.model import Step
from console.engine.procedures.offers import Offer
from console.engine.procedures.session import Session
from widgets.look import Cell, lines, paint, wrap
from widgets.procedures import words
from widgets.procedures.buttons import READS, SessionButtons
from widgets.procedures.fields import HINTS, NONE, OFFERED, READING, Choices, StepsBody, ValueEntry
from widgets.procedures.messages import ActWanted, OffersWanted
from widgets.procedures.words import Line, Standing
from widgets.push import Push
from widgets.table import Column, VirtualTable

WIDE = 112  # cells from which the steps stand beside the current one
SIDE = 44
LOW = 15  # lines below which the second row of buttons gives way
_BRANCHES = (Column(""), Column("", 22, from_width=60))
_OFFERS = (Column("", share=3), Column("", share=2))
_TOLD = 3  # lines of what is said


class SessionView(Vertical):
    """Methods in: `show(standing)`, `show_offers(text, offers)`, `tell(text, tone)`, `working(what)`, `moving(text)`.
    Attributes: zone, now, read_only. Messages out: ActWanted, OffersWanted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page(-1)", "Text up", show=False),
        Binding("pagedown", "page(1)", "Text down", show=False),
    ]
    DEFAULT_CSS = """
    SessionView {
        height: 1fr; width: 1fr;
        & > #procedure-head { height: 1; }
        & > #procedure-middle { height: 1fr; }
        & #procedure-side { display: none; width: 44; height: 1fr; border-right: solid $border-blurred; }
        & #procedure-body { height: 1fr; width: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }
        & #procedure-steps, & #procedure-step { height: auto; width: 1fr; }
        & > #procedure-offers { height: auto; max-height: 6; &.-branches { max-height: 8; } }
        & > #procedure-field { height: 1; }
        & > #procedure-field > Static { width: auto; color: $text-muted; }
        & > #procedure-field > Entry { width: 1fr; height: 1; border: none; padding: 0 1; background: $panel; }
        & > #procedure-field > Entry:focus { background: $primary-muted; background-tint: transparent; }
        & > #procedure-told, & > #procedure-command { height: auto; padding: 0 1; }
        & > #procedure-buttons { margin: 0 0 0 1; }
        &.-wide #procedure-side { display: block; }
    }
    SessionView:ansi Entry { text-style: underline; background: ansi_default; }
    SessionView:ansi #procedure-side { border-right: solid ansi_default; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.read_only = False
        self._standing: Standing | None = None
        self._place = ("", "", 0)  # session, step, and how often it was entered: where the view was scrolled to
        self._top = 0  # the line that it was scrolled to by us; another one was chosen by hand
        self._told: Cell = ""
        self._working = ""
        self._progress = ""
        self._offers: Sequence[Offer] = ()
        self._offers_for: str | None = None
        self._stepped = False  # somebody went to an offer on purpose
        self._held = False  # somebody else took it on: the next key was meant for the step before
        self._typed: dict[tuple[str, str], str] = {}  # what was typed and is no value yet
        self._drawn: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield Static(id="procedure-head", markup=False)
        with Horizontal(id="procedure-middle"):
            with VerticalScroll(id="procedure-side", can_focus=False):
                yield Static(id="procedure-steps", markup=False)
            with StepsBody(id="procedure-body"):
                yield Static(id="procedure-step", markup=False)
        with Horizontal(id="procedure-field"):
            yield Static(id="procedure-name", markup=False)
            yield ValueEntry(id="procedure-value")
        yield Choices(_OFFERS, id="procedure-offers", head=False)
        yield Static(id="procedure-told", markup=False)
        yield Static(id="procedure-command", markup=False)
        yield SessionButtons(id="procedure-buttons", classes="-left")

    def on_mount(self) -> None:
        self.query_one("#procedure-value", Input).select_on_focus = False
        self.watch(self.body, "virtual_size", self._follow_step, init=False)
        self._draw()

    # ── data ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def standing(self) -> Standing | None:
        return self._standing

    @property
    def session(self) -> Session | None:
        return self._standing.session if self._standing else None

    @property
    def step(self) -> Step | None:
        return self.session.step if self.session else None

    @property
    def body(self) -> StepsBody:
        return self.query_one(StepsBody)

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#procedure-offers", VirtualTable)

    @property
    def field(self) -> ValueEntry:
        return self.query_one(ValueEntry)

    @property
    def typed(self) -> str:
        """What stands in the field of an input step."""
        return self.field.value.strip()

    def show(self, standing: Standing | None) -> None:
        """The session as it is now. Another step begins at its top and gets the keys where they were in here."""
        before = self._place
        self._standing = standing
        session = standing.session if standing else None
        step = session.step if session else None
        entered = session.entered if session else ""
        self._place = (session.id if session else "", f"{step.id if step else ''}@{entered}", 0)
        if self._place != before:
            self._progress, self._told, self._stepped = "", "", False
            if session is not None:  # what has become a value is not merely typed any more
                asked = {
                    (session.id, each.id) for each in session.procedure.values.values() if each.value in session.values
                }
                self._typed = {place: text for place, text in self._typed.items() if place not in asked}
            self._begin_step()
        self._draw()
        if self._place != before:
            self.call_after_refresh(self._scroll_to_step)

    def show_offers(self, text: str, offers: Sequence[Offer]) -> None:
        """Ignored when something else stands in the field by now."""
        if self.step is None or self.step.kind != "input" or text != self.typed:
            return
        self._offers, self._offers_for = offers, text
        exact = next((at for at, offer in enumerate(offers) if offer[0] == text), 0)
        self.table.rows = [[value, (said, "dim")] for value, said in offers]
        self.table.cursor = exact
        self._show_parts()

    def tell(self, text: str, tone: str = "warn") -> None:
        """What came of it; '' takes it away."""
        self._told = (text, tone) if text else ""
        self._draw_foot()

    def taken_on(self, text: str) -> None:
        """Somebody else has taken the session to another step: who and how. A key that was meant for the step before
        does nothing."""
        self._held = True
        self.tell(text)

    def working(self, what: str) -> None:
        """What is being done, '' for nothing."""
        self._working = what
        self._draw_foot()

    def moving(self, text: str) -> None:
        """How far the run is that the step waits for."""
        if text != self._progress:
            self._progress = text
            self._draw()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def _begin_step(self) -> None:
        """Fill the field and the table for the step that is current now."""
        step, session = self.step, self.session
        self._offers, self._offers_for = (), None
        self.table.rows, self.table.marked = [], -1
        if step is None or session is None:
            return
        self.table.columns = _BRANCHES if step.kind == "choose" else _OFFERS
        self.table.set_class(step.kind == "choose", "-branches")
        if step.kind == "input":
            known = session.values.get(step.value) or fill(step.default, session.all_values)
            with self.field.prevent(Input.Changed):
                self.field.value = self._typed.get((session.id, step.id), known)
                self.field.cursor_position = len(self.field.value)
            if not self.read_only:
                self.post_message(OffersWanted(self.typed))
        elif step.kind == "choose":
            self.table.cursor = 0
        if self.screen.focused is None or self in self.screen.focused.ancestors:
            self.take_keys()

    def take_keys(self) -> None:
        """Give the keys to what the step is about."""
        if not self.is_mounted:
            return
        self._show_parts()
        self.screen.set_focus(self.front)

    @property
    def front(self) -> Widget:
        """What gets the keys."""
        kind = self.step.kind if self.step and not self.read_only else ""
        return self.field if kind == "input" else self.table if kind == "choose" else self.body

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        standing = self._standing
        if standing is None:
            return
        session, now = standing.session, self.now()
        width = max(20, self.size.width or 80)
        wide = self.has_class("-wide")
        self._set("procedure-head", [words.head(session, width, self.zone, now)])
        room = width - SIDE - 2 if wide else width - 2  # a bar may stand beside it
        inside = words.detail(standing, room, 1 if wide else 6, self.zone, now, self._progress)
        self._draw_choices(standing)
        if wide:
            titles = words.title_width(session, SIDE - 2)
            self._set(
                "procedure-steps",
                [words.step_line(session, step, SIDE - 2, titles) for step in session.procedure.steps],
            )
            title = session.step.title if session.step else ""
            self._set("procedure-step", [[" ", (title, "strong")], *inside] if title else inside)
            return
        rows: list[Line] = []
        titles = words.title_width(session, room)
        for step in session.procedure.steps:
            rows.append(words.step_line(session, step, room, titles))
            if session.step is not None and step.id == session.step.id:
                rows += inside
        self._set("procedure-step", rows if session.step else [*rows, [], *inside])
        self._show_parts()
        self._draw_foot()

    def _draw_choices(self, standing: Standing) -> None:
        step = standing.session.step
        if step is None or step.kind != "choose":
            return
        self.table.rows = words.branch_rows(standing, step)

    def _show_parts(self) -> None:
        """What there is of field, table and buttons, by the kind of the step and the room."""
        step = self.step
        kind = step.kind if step is not None else ""
        low = (self.size.height or 24) < LOW
        field = self.query_one("#procedure-field")
        field.display = kind == "input" and not self.read_only
        if kind == "input" and step is not None:
            self._set("procedure-name", [[f" {step.value}: "]])
            known = OFFERED if self._offers else READING if self._offers_for is None else NONE
            self.field.placeholder = HINTS.get(step.of, known)
        self.table.display = kind == "choose" or (kind == "input" and bool(self._offers) and not self.read_only)
        self.query_one(SessionButtons).show(self.session, low=low, read_only=self.read_only)

    def _draw_foot(self) -> None:
        if not self.is_mounted or self._standing is None:
            return
        width = max(20, (self.size.width or 80) - 3)
        rows: list[Line] = []
        if self._working:
            rows.append([(f"▶ {self._working}", "running")])
        if self._told:
            text, tone = self._told if isinstance(self._told, tuple) else (self._told, "")
            rows += [[(piece, tone)] for piece in wrap(text, width)[:_TOLD]]
        for trouble in (self._standing.session.kept_beside, self._standing.session.trouble):
            rows += [[(f"! {piece}", "warn")] for piece in wrap(trouble, width - 2)[:2] if trouble]
        told = self.query_one("#procedure-told", Static)
        told.display = bool(rows)
        self._set("procedure-told", rows)
        command = self._standing.command
        line = self.query_one("#procedure-command", Static)
        line.display = bool(command)
        self._set("procedure-command", [[(piece, "accent")] for piece in words.command_lines(command, width)])

    def _set(self, name: str, rows: Sequence[Line]) -> None:
        """Nothing is drawn that reads the same."""
        content: Content = lines([paint(*row) for row in rows])
        if self._drawn.get(name) != content.markup:
            self._drawn[name] = content.markup
            self.query_one(f"#{name}", Static).update(content)

    def on_steps_body_resized(self, message: StepsBody.Resized) -> None:
        message.stop()
        self._follow_step()

    def _follow_step(self) -> None:
        """What it asks was answered, or there is less room: it stays in view, unless somebody reads elsewhere."""
        if self.body.scroll_offset.y == min(self._top, self.body.max_scroll_y):
            self._scroll_to_step()

    def _scroll_to_step(self) -> None:
        """The current step in view, with as much of what is before it as there is room for."""
        session, body = self.session, self.body
        if session is None or self.has_class("-wide"):
            body.scroll_to(y=0, animate=False, immediate=True, force=True)
            self._top = 0
            if session is not None and session.number:
                side = self.query_one("#procedure-side", VerticalScroll)
                side.scroll_to(
                    y=max(0, session.number - side.size.height // 2), animate=False, immediate=True, force=True
                )
            return
        height = body.size.height
        first = max(0, session.number - 1) if session.step else len(session.procedure.steps)
        room = max(20, self.size.width or 80) - 2
        assert self._standing is not None
        inside = words.detail(self._standing, room, 6, self.zone, self.now(), self._progress)
        last = first + 1 + len(inside)
        body.scroll_to(y=min(first, max(0, last + 1 - height)), animate=False, immediate=True, force=True)
        self._top = body.scroll_offset.y

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self._drawn.pop("procedure-steps", None)
        self.call_after_refresh(self._again)

    def _again(self) -> None:
        self._draw()
        self._show_parts()
        self._draw_foot()
        self.call_after_refresh(self._scroll_to_step)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, what: str) -> None:
        """A key or a button."""
        session = self.session
        if session is None:
            return
        step = session.step
        if what not in (*READS, "leave"):
            if self._held:
                self._held = False
                self.tell("that key was for the step before: once more, if you mean this one")
                return
            if self.read_only:
                self.tell("this console is read-only: it looks, and writes nothing")
                return
            if step is None:
                self.tell(f"this session is over: {session.status}")
                return
        if what == "tick" and step is not None and step.kind == "choose":
            self._choose()
        elif what == "tick" and step is not None and step.kind == "input":
            self._take()
        elif what == "do" and step is not None and step.kind in ("manual", "record"):
            self.post_message(ActWanted("note"))
        elif what == "do" and step is not None and step.kind == "input":
            self.screen.set_focus(self.field)
        else:
            self.post_message(ActWanted(what))

    def _choose(self) -> None:
        step, at = self.step, self.table.cursor
        if step is not None and at < len(step.branches):
            self.post_message(ActWanted("choose", step.branches[at].label))

    def _take(self) -> None:
        """What is typed, or the offer under the cursor where that is meant."""
        text = self.typed
        known = self._offers_for == text and self._offers
        if known and (self._stepped or (text and text not in [value for value, _ in self._offers])):
            text = self._offers[self.table.cursor][0]
        self.post_message(ActWanted("value", text))

    def leave_field(self) -> bool:
        """Out of the field, what is typed stays; False where nobody was in it."""
        if self.screen.focused is not self.field:
            return False
        self.screen.set_focus(self.table if self.table.display else self.body)
        return True

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        session, step = self.session, self.step
        if session is not None and step is not None and step.kind == "input":
            self._typed[(session.id, step.id)] = message.value
            self._stepped = False
            self.post_message(OffersWanted(self.typed))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.ask("tick")

    def on_value_entry_stepped(self, message: ValueEntry.Stepped) -> None:
        message.stop()
        if self._offers:
            self.table.cursor += message.step if self._stepped else 0 if message.step > 0 else -1
            self._stepped = True
            self.table.marked = self.table.cursor

    def action_page(self, pages: int) -> None:
        self.body.scroll_relative(y=pages * max(1, self.body.size.height - 1), animate=False)

    def on_choices_paged(self, message: Choices.Paged) -> None:
        message.stop()
        self.action_page(message.pages)

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        self._stepped = True
        self.ask("tick")

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()
        if self.step is not None and self.step.kind == "input":
            self.table.marked = self.table.cursor

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()

    def on_push_pressed(self, message: Push.Pressed) -> None:
        message.stop()
        self.ask((message.push.id or "").removeprefix("procedure-"))
