"""DiskPane: file systems and their forecast above, below the tree of what lies where, live while it is scanned."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from console.engine.model import Plan
from console.engine.observe.disk_freeing import FilesHere, Freeing
from console.engine.observe.disk_tree import ROOT, FolderTree
from console.engine.observe.samples import Usage
from console.engine.text import duration, plural, size
from widgets.disk.facts import disk_lines, freeing_lines, need_line
from widgets.disk.rows import BAR, SORTS, Entry, cells, entries
from widgets.look import Cell, fit, lines, paint, short_time, width_of
from widgets.table import Column, VirtualTable

COLUMNS = (
    Column("size", 7, "right"),
    Column("", BAR),
    Column("share", 5, "right"),
    Column("files", 9, "right"),
    Column("newest", 11, from_width=84),
    Column("name", cut="middle"),
)


class DiskPane(Vertical):
    """Attributes in, then `update()`: usage, waiting (a plan) and waiting_note, freed, zones (folder -> what it is),
    zone (time). The tree: `show_tree(tree, scanning)`, `moved()` while it grows, `show_files`.
    Messages out: ScanWanted, CancelWanted, FilesWanted, ActionWanted.
    """

    HELP = """# Disk
Above: each zone's own file system: its room, its inodes, when it is full.
The growth is from samples that every run leaves, the least of each day,
one jump set aside; from three days on. Then what the next migrate needs,
and what backups and closed log segments hold.

Below: what lies where, as it is on disk. Another file system is entered
only where a zone lies in it, links are not followed. A file with several
names counts once in every folder that has one of them.

Enter            into the folder                  Esc   back up
s                sort by size, files, name, time  /     filter by name
r                scan again                       x     stop the scan
p                plan to prune backups            l     to archive logs

The bar is the part of the folder that is shown. `frees` behind a name:
removing it would free only so much, as files in it have names elsewhere.

The last whole scan is kept for the next visit.
On the command line: opsconsole disk --tree
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", show=False),
        Binding("r", "scan", "Scan again", show=False),
        Binding("x", "cancel", "Stop the scan", show=False),
        Binding("p", "want('prune')", "Prune backups", show=False),
        Binding("l", "want('logs')", "Archive logs", show=False),
    ]
    DEFAULT_CSS = """
    DiskPane {
        height: 1fr; width: 1fr;
        & > #disk-facts { height: auto; }
        & > #disk-where { height: 1; margin-top: 1; }
        &.-low > #disk-where { margin-top: 0; }
    }
    """

    class ScanWanted(Message):
        """Somebody wants the workspace scanned anew."""

    class CancelWanted(Message):
        """Somebody wants the scan to end at once."""

    class FilesWanted(Message):
        """The files of one folder, for `show_files`."""

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    class ActionWanted(Message):
        """Somebody wants to see the plan of what frees room: `prune` or `logs`."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.usage: Usage | None = None
        self.waiting: Plan | None = None
        self.waiting_note = "looking…"
        self.freed: Freeing | None = None
        self.zones: Mapping[int, str] = {}
        self.trouble = ""  # why there is no tree, or no new one
        self._tree: FolderTree | None = None
        self._scanning = False
        self._stopped = False
        self._here = ROOT
        self._sort = SORTS[0]
        self._filter = ""
        self._files: FilesHere | None = None
        self._entries: list[Entry] = []
        self._left = 0
        self._drawn: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield Static(id="disk-facts", markup=False)
        yield Static(id="disk-where", markup=False)
        yield VirtualTable(COLUMNS, id="disk-folders", empty="scanning…")

    def on_mount(self) -> None:
        self.update()

    @property
    def table(self) -> VirtualTable:
        return self.query_one("#disk-folders", VirtualTable)

    # ── data ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def place(self) -> str:
        """The absolute path of the folder that is shown, '' without a tree."""
        return self._tree.path(self._here) if self._tree is not None else ""

    def show_tree(self, tree: FolderTree, *, scanning: bool) -> None:
        """Another tree, or the same one when its scan has ended. Whoever looks at a folder stays in it."""
        if self._tree is not None and tree is not self._tree:
            path = self._tree.path(self._here)
            self._here = tree.find(path) or ROOT
            self._files = None
        self._tree, self._scanning, self._stopped = tree, scanning, False
        self.trouble = ""
        self.moved()
        if not scanning and self._files is None:
            self._ask_files()

    def scan_stopped(self, trouble: str = "") -> None:
        """The scan ended before its end; what it has found stays."""
        self._scanning, self._stopped, self.trouble = False, not trouble, trouble
        self.moved()

    def show_files(self, path: str, files: FilesHere) -> None:
        """The files of a folder; ignored when another one is shown by now."""
        if self._tree is not None and self._tree.path(self._here) == path:
            self._files = files
            self.moved()

    def moved(self) -> None:
        """The tree has grown: draw it again, with the cursor on the row where it was."""
        if self._tree is not None and self.is_mounted:
            keep = self._entries[self.table.cursor].name if self.table.cursor < len(self._entries) else ""
            first = self.table.cursor == 0
            self._fill("" if first and self._scanning else keep)
        self.update()

    def _fill(self, keep: str) -> None:
        tree = self._tree
        assert tree is not None
        if self._here >= len(tree):
            self._here = ROOT
        self._entries, self._left = entries(tree, self._here, self._files, self._sort, self._filter)
        table = self.table
        table.empty = self._nothing()
        table.rows = cells(self._entries, tree.row(self._here).size, self.zones, self.zone, datetime.now(UTC))
        table.cursor = next((at for at, entry in enumerate(self._entries) if keep and entry.name == keep), 0)

    def _nothing(self) -> str:
        if self._filter:
            return f"nothing here is called like {self._filter!r}"
        return "scanning…" if self._scanning else "an empty folder"

    @property
    def filter(self) -> str:
        """Only names that hold this text."""
        return self._filter

    @filter.setter
    def filter(self, text: str) -> None:
        self._filter = text.strip().lower()
        if self._tree is not None:
            self._fill("")
        self.update()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────

    def update(self) -> None:
        """Draw what the attributes say; nothing is drawn that reads the same."""
        if not self.is_mounted:
            return
        width = self.size.width or 80
        facts: list[Content] = disk_lines(self.usage, width) if self.usage else [paint((" reading…", "dim"))]
        facts.append(need_line(self.waiting, self.waiting_note))
        facts += freeing_lines(self.freed, "counted when the scan is at its end" if self._scanning else "not counted")
        self._put("disk-facts", lines(facts))
        self._put("disk-where", self._where(width))

    def _put(self, name: str, content: Content) -> None:
        if self._drawn.get(name) != content.markup:
            self._drawn[name] = content.markup
            self.query_one(f"#{name}", Static).update(content)

    def _where(self, width: int) -> Content:
        tree = self._tree
        if tree is None:
            return paint((f" {self.trouble or 'no scan yet'}   r: scan", "warn" if self.trouble else "dim"))
        row = tree.row(self._here)
        facts: list[Cell] = [f"  {size(row.size)}, {plural(row.files, 'file')}", (f"  by {self._sort}", "dim")]
        if self._left:
            facts.append((f"  {plural(self._left, 'folder')} more", "warn"))
        facts.append(self._state(tree, f" in {duration(tree.seconds)}" if width >= 100 else ""))
        taken = sum(width_of(cell if isinstance(cell, str) else cell[0]) for cell in facts)
        place = tree.path(self._here)
        if self._here != ROOT and place.startswith(tree.root.rstrip("/") + "/"):
            place = os.path.basename(tree.root) + place.removeprefix(tree.root)
        return paint((" " + fit(place, max(8, width - taken - 2), cut="middle").rstrip(), "strong"), *facts)

    def _state(self, tree: FolderTree, took: str) -> tuple[str, str]:
        if self._scanning:
            return ("  ▶ scanning  x: stop", "running")
        if self.trouble:
            return (f"  ✗ {self.trouble}", "bad")
        if self._stopped:
            return ("  ! stopped, not all counted  r: again", "warn")
        when = short_time(tree.at, self.zone, datetime.now(UTC))
        problems = tree.row(ROOT).problems - sum(why < 0 for why in tree.problems.values())
        if problems:
            return (f"  ! {plural(problems, 'folder')} not read  scanned {when}  r: again", "warn")
        inexact = "  ! some counted twice" if tree.inexact else ""
        return (f"{inexact}  scanned {when}{took}  r: again", "warn" if inexact else "dim")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < 17, "-low")
        self.update()

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────

    def _go(self, folder: int, keep: str = "") -> None:
        self._here, self._files = folder, None
        self._fill(keep)
        self.update()
        self._ask_files()

    def _ask_files(self) -> None:
        tree = self._tree
        if tree is not None and tree.files[self._here]:
            self.post_message(self.FilesWanted(tree.path(self._here)))

    def back(self) -> bool:
        """Up one folder; False where that is the workspace."""
        if self._filter:
            self.filter = ""
            return True
        if self._tree is None or self._here == ROOT:
            return False
        name = self._tree.outer.get(self._here) or self._tree.names[self._here]
        self._go(self._tree.parents[self._here], name)
        return True

    def on_virtual_table_chosen(self, message: VirtualTable.Chosen) -> None:
        message.stop()
        if message.index < len(self._entries):
            folder = self._entries[message.index].folder
            if folder is not None:
                self._filter = ""
                self._go(folder.id)

    def on_virtual_table_moved(self, message: VirtualTable.Moved) -> None:
        message.stop()

    def on_virtual_table_near_end(self, message: VirtualTable.NearEnd) -> None:
        message.stop()

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        if self._tree is not None:
            self._fill("")
        self.update()

    def action_scan(self) -> None:
        if not self._scanning:
            self.post_message(self.ScanWanted())

    def action_cancel(self) -> None:
        if self._scanning:
            self.post_message(self.CancelWanted())

    def action_want(self, what: str) -> None:
        self.post_message(self.ActionWanted(what))
