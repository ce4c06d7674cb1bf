"""StatePane: files, groups of them, one of them; what it needs it asks for by messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from console.engine.model import FileStatus
from console.engine.observe.files_causes import CauseGroup, SourceGroup
from console.engine.observe.files_list import FileRow
from console.engine.observe.files_waiting import OnDisk
from widgets.look import Cell, fit, lines, paint
from widgets.push import Push
from widgets.state.choices import order_choices, status_choices
from widgets.state.detail import FileLook
from widgets.state.file import FileView
from widgets.state.files import FileList
from widgets.state.foot import empty_words, hints
from widgets.state.keys import HELP, KEYS
from widgets.state.meaning import TABLES, Meaning
from widgets.state.messages import (
    CountsWanted,
    GroupsWanted,
    Listed,
    ListingWanted,
    LookWanted,
)
from widgets.state.patient import PatientTable
from widgets.state.scope import CAUSES, FILES, SOURCES, Scope
from widgets.state.words import (
    CAUSE_COLUMNS,
    CHOICE_COLUMNS,
    SOURCE_COLUMNS,
    cause_cells,
    group_notes,
    scope_words,
    source_cells,
)
from widgets.table import VirtualTable

WIDE = 132  # cells from which a file stands beside the list


class StatePane(Meaning):
    """Attributes in: zone, prefix (what every path begins with), read_only, disk (what a scan found).

    Messages out: those of widgets.state.messages. Methods in: show_listing, show_rows, show_groups, show_counts,
    show_look; show_file and show_causes lead here from elsewhere; look_again reads what is shown anew.
    """

    BINDINGS: ClassVar[list[BindingType]] = KEYS
    HELP = HELP
    DEFAULT_CSS = """
    StatePane {
        height: 1fr;
        & > #state-bar { height: 1; & > Static { width: 1fr; text-align: right; padding: 0 1; } }
        & > #state-bar { padding: 0 0 0 1; }
        & > #state-body { height: 1fr; & > VirtualTable, & > Pager { display: none; } & > .-front { display: block; } }
        & > #state-body > Pager { padding: 0 1; }
        &.-beside > #state-body > Pager { display: block; width: 44%; border-left: solid $border-blurred; }
        & > #state-foot {
            height: auto; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    StatePane:ansi.-beside > #state-body > Pager { border-left: solid ansi_default; }
    """

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        with Horizontal(id="state-bar"):
            yield Push("All files", hint="s", id="state-status")
            yield Push("By cause", hint="c", id="state-by-cause")
            yield Push("By source", hint="g", id="state-by-source")
            yield Static(id="state-count", markup=False)
        with Horizontal(id="state-body"):
            yield FileList(id="state-files")
            yield PatientTable(CAUSE_COLUMNS, id="state-causes", empty="looking…")
            yield PatientTable(SOURCE_COLUMNS, id="state-sources", empty="looking…")
            yield VirtualTable(CHOICE_COLUMNS, id="state-choices")
            yield FileView(id="state-file")
        yield Static(id="state-foot", markup=False)

    def on_mount(self) -> None:
        self.table.prefix = self.prefix
        self._bring(self._front)
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE and self._front == FILES, "-beside")
        self.update_words()
        self._look_at_cursor()

    def focus(self, scroll_visible: bool = True, from_app_focus: bool = False) -> StatePane:
        """What is in front gets the keys."""
        self._target().focus(scroll_visible)
        return self

    def _target(self) -> VirtualTable | FileView:
        if self._front == "file":
            return self.file
        name = "state-choices" if self._front == "choices" else TABLES[self._front]
        return self.query_one(f"#{name}", VirtualTable)

    def _bring(self, front: str) -> None:
        """Put it in front, with the keys where they were in this pane; at once, for keys that were typed ahead."""
        inside = self.screen.focused is not None and self in self.screen.focused.ancestors_with_self
        self._front = front
        target = self._target()
        for widget in self.query("#state-body > *"):
            widget.set_class(widget is target, "-front")
        self.set_class(self.size.width >= WIDE and front == FILES, "-beside")
        if inside or self.screen.focused is None:
            self.screen.set_focus(target)
        self.update_words()

    # ── where one is ──────────────────────────────────────────────────────────────────────────────────────────

    def _go(self, scope: Scope, *, back: bool = False) -> None:
        """List something else. back: Esc leads to what was listed until now."""
        if back:
            self._behind.append(replace(self._scope, cursor=self._target_cursor()))
        self._scope = scope
        self._bring(scope.view)
        self._ask()

    def _target_cursor(self) -> int:
        target = self.query_one(f"#{TABLES[self._scope.view]}", VirtualTable)
        return target.cursor

    def _ask(self) -> None:
        """Ask for what is to be shown."""
        scope = self._scope
        self.query_one(f"#{TABLES[scope.view]}", PatientTable).expecting = True
        if scope.view != FILES:
            self.post_message(GroupsWanted(scope.view).set_sender(self))
            return
        if scope.disk:
            self.table.show_disk(scope, self._disk)
            self.update_words()
        else:
            self.post_message(ListingWanted(scope).set_sender(self))

    def look_again(self) -> None:
        """What is shown may be out of date: read it again, the cursor stays on its file."""
        self._counts = None
        if self._scope.view == FILES:
            self.table.keep()
        self._ask()
        look = self.file.look
        if look is not None and (self._front == "file" or self.has_class("-beside")):
            self.post_message(LookWanted(look.path).set_sender(self))

    def show_causes(self) -> None:
        """From elsewhere: what files fail for."""
        self._behind = [Scope()]
        self._go(Scope(CAUSES))

    def show_file(self, path: str) -> None:
        """From elsewhere: this one file."""
        self.file.wait_for(path)
        self._bring("file")
        self.post_message(LookWanted(path).set_sender(self))

    @property
    def before_list(self) -> bool:
        """Whether something stands before the list, which Esc leads back to."""
        return self._front in ("choices", "file")

    def back(self) -> bool:
        """One step back; False when there was nothing to leave."""
        if self.before_list:
            self._bring(self._scope.view)
            self._draw_foot()
            return True
        if self._scope.filter:
            self.filter = ""
            return True
        if not self._behind:
            if self._scope == Scope(cursor=self._scope.cursor):
                return False
            self._behind.append(Scope())
        self._scope = self._behind.pop()
        self._bring(self._scope.view)
        if self._scope.view == FILES:
            self._ask()
        else:
            self.query_one(f"#{TABLES[self._scope.view]}", VirtualTable).cursor = self._scope.cursor
        return True

    @property
    def filter(self) -> str:
        """Only files whose path holds this text."""
        return self._scope.filter

    @filter.setter
    def filter(self, text: str) -> None:
        if text == self._scope.filter:
            return
        if self._front == "file":
            self._bring(self._scope.view)
        if self._scope.view != FILES and text:
            self._behind.append(replace(self._scope, cursor=self._target_cursor()))
            failing = FileStatus.FAILED.value if self._scope.view == CAUSES else ""
            self._scope = Scope(status=failing)
            self._bring(FILES)
        self._scope = replace(self._scope, filter=text, cursor=0)
        self._ask()
        self.update_words()

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────────

    def show_listing(self, scope: Scope, listing: Listed) -> None:
        """A list that was asked for, as far as it is known; ignored when another one is wanted by now."""
        if self._scope.view != FILES or scope.listing() != self._scope.listing():
            return
        self.table.prefix = self.prefix
        self.table.show_listing(self._scope, listing)
        self.update_words()
        self._look_at_cursor()

    def show_rows(self, listing: Listed, start: int, rows: Sequence[FileRow] | None) -> None:
        """Rows that were asked for; None where they could not be read."""
        if self.table.show_rows(listing, start, rows):
            self._look_at_cursor()

    @property
    def disk(self) -> OnDisk:
        """What a scan found that the ledger does not have."""
        return self._disk

    @disk.setter
    def disk(self, disk: OnDisk) -> None:
        self._disk = disk
        seen = (FileStatus.CHANGED, FileStatus.MISSING)
        if self.is_mounted:
            self.table.overlay = {row.path: row.status for row in disk.rows if row.status in seen}
            self.table.refresh()
            if self._scope.disk:
                self.table.show_disk(self._scope, disk)
            self.update_words()

    # ── groups ────────────────────────────────────────────────────────────────────────────────────────────────

    def show_groups(self, view: str, groups: Sequence[CauseGroup] | Sequence[SourceGroup]) -> None:
        """Causes or sources that were asked for."""
        table = self.query_one(f"#{TABLES[view]}", PatientTable)
        table.expecting = False
        self._read.add(view)
        now = datetime.now(UTC)
        if view == CAUSES:
            self._causes = [group for group in groups if isinstance(group, CauseGroup)]
            table.empty = "✓ nothing fails"
            table.rows = [cause_cells(group, self.zone, now) for group in self._causes]
        else:
            self._sources = [group for group in groups if isinstance(group, SourceGroup)]
            table.empty = "no source yet: put files under the raw zone and migrate"
            table.rows = [source_cells(group) for group in self._sources]
        self.update_words()
        table.arrived()

    def action_group(self, view: str) -> None:
        if self._front == "file":
            self._bring(self._scope.view)
        if self._scope.view != view:
            self._behind = [scope for scope in self._behind if scope.view == FILES][-1:]
            self._go(Scope(view), back=self._scope.view == FILES and not self._scope.cause)

    def action_all_files(self) -> None:
        self._behind = []
        self._go(Scope())

    def action_fresh(self) -> None:
        self._go(Scope(fresh=True, order="at", descending=True), back=self._scope.view == FILES)

    # ── choosing ──────────────────────────────────────────────────────────────────────────────────────────────

    def action_choose(self, what: str) -> None:
        """Which status, which order."""
        self._choosing = what
        if what == "status":
            self._choices = status_choices(self._scope, self._counts, self._disk)
            if self._counts is None:
                self.post_message(CountsWanted().set_sender(self))
        else:
            self._choices = order_choices(self._scope)
        table = self.query_one("#state-choices", VirtualTable)
        table.head = self._choosing == "status"  # orders have no number
        table.rows = [choice.cells for choice in self._choices]
        table.cursor = next((at for at, choice in enumerate(self._choices) if choice.scope == self._chosen_now()), 0)
        self._bring("choices")

    def _chosen_now(self) -> Scope:
        return replace(self._scope, view=FILES, cursor=0)

    def show_counts(self, counts: Mapping[FileStatus, int]) -> None:
        """How many files of each status."""
        self._counts = counts
        if self._front == "choices" and self._choosing == "status":
            self._choices = status_choices(self._scope, counts, self._disk)
            self.query_one("#state-choices", VirtualTable).rows = [choice.cells for choice in self._choices]

    # ── one file ──────────────────────────────────────────────────────────────────────────────────────────────

    def _look_at_cursor(self) -> None:
        """Where the detail stands beside the list: that of the file under the cursor."""
        row = self.table.row() if self._front == FILES and self.has_class("-beside") else None
        if row is not None and row.path != self.file.wanted:
            self.file.wanted = row.path
            self.post_message(LookWanted(row.path).set_sender(self))

    def show_look(self, look: FileLook) -> None:
        """What is known of a file; ignored when another one is wanted by now."""
        self.file.show(look)

    def show_no_look(self, path: str, why: Sequence[str]) -> None:
        """Why nothing can be shown of a file."""
        self.file.show_none(path, why)

    def action_step(self, step: int) -> None:
        """The next file, the one before."""
        if self._scope.view != FILES:
            return
        self.table.cursor += step
        row = self.table.row()
        if self._front == "file" and row is not None:
            self.show_file(row.path)

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def update_words(self) -> None:
        """Draw what is said around the lists."""
        if not self.is_mounted:
            return
        scope = self._scope
        status = scope_words(replace(scope, filter="")) if scope.view == FILES else "All files"
        status = status if status == scope.source else status[:1].upper() + status[1:]  # a name stays as it is
        self.query_one("#state-status", Push).label = fit(status, 24).rstrip()
        self.query_one("#state-by-cause").set_class(scope.view == CAUSES, "-main")
        self.query_one("#state-by-source").set_class(scope.view == SOURCES, "-main")
        pushes = sum(push.get_content_width(self.size, self.size) + 1 for push in self.query(Push).results(Push))
        room = max(10, self.size.width - pushes - 3)
        self.query_one("#state-count", Static).update(paint((fit(self._count_words(), room).rstrip(), "dim")))
        self._draw_foot()

    def _draw_foot(self) -> None:
        rows: list[list[Cell]] = []
        if self._scope.view == FILES:
            words = empty_words(self._scope, self.table.complete, self._disk)
            self.table.empty = f"not known: {self.unreadable}" if self.unreadable else words
        if self._front == CAUSES and self._causes:
            rows = group_notes(self._causes[self.query_one("#state-causes", VirtualTable).cursor], self.prefix)
        hint = hints(self._front, self._scope, self.size.width - 2, read_only=self.read_only)
        rows = [*rows, [(hint, "dim")]]
        self.query_one("#state-foot", Static).update(lines([paint(*row) for row in rows]))

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        at, target = message.index, self._target()
        if message.table is not target:  # Enter, typed ahead: what it is for has come to the front meanwhile
            if isinstance(target, PatientTable):
                target.action_choose()
            return
        if message.table.id == "state-choices" and at < len(self._choices):
            scope = self._choices[at].scope
            if scope is not None:
                self._behind = [] if self._choosing == "status" else self._behind
                self._go(scope)
        elif message.table.id == "state-causes" and at < len(self._causes):
            self._go(Scope(cause=self._causes[at].key), back=True)
            self.table.take_over(message.table)
        elif message.table.id == "state-sources" and at < len(self._sources):
            self._go(Scope(source=self._sources[at].source), back=True)
            self.table.take_over(message.table)
        elif message.table.id == "state-files":
            row = self.table.row(at)
            if row is not None:
                self.show_file(row.path)

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()
        if message.table.id == "state-causes":
            self._draw_foot()
        elif message.table.id == "state-files":
            self._look_at_cursor()

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()

    def on_push_pressed(self, message: Push.Pressed) -> None:
        message.stop()
        if message.push.id == "state-status":
            self.action_choose("status")
        else:
            self.action_group(CAUSES if message.push.id == "state-by-cause" else SOURCES)
        self.screen.set_focus(self._target())
