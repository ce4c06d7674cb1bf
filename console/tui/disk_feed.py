"""DiskFeed: what the pane of disks wants: how full they are, a scan that shows itself while it goes, files, plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from console.engine.errors import EngineError
from console.tui.work import WorkingApp

if TYPE_CHECKING:
    from datetime import tzinfo

    from console.engine.context import Context
    from console.engine.model import Plan, RunRow
    from console.engine.observe.disk_freeing import Freeing
    from console.engine.observe.disk_scan import DiskScan
    from console.engine.observe.disk_tree import FolderTree
    from console.engine.observe.samples import Usage
    from widgets.disk import DiskPane

NICE = 5  # a migration has better use for the processor
# What `p` and `l` open, where this version has it.
ACTIONS = {"prune": "backups prune", "logs": "logs archive"}


class DiskGrew(Message):
    """The scan in progress has counted more."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, DiskGrew)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A whole tree with what is known about it."""

    tree: FolderTree
    freed: Freeing
    zones: dict[int, str]


class DiskFeed(WorkingApp):
    """The part of the console that brings the disks; FedApp inherits it."""

    ctx: Context
    time_zone: tzinfo
    running: RunRow | None
    _scan: DiskScan | None = None
    _seen: _Seen | None = None  # the last whole tree

    @property
    def disk_pane(self) -> DiskPane | None:
        """The pane, once it was shown."""
        if not self.screen_stack:
            return None
        pane: DiskPane | None = self.screen_stack[0].query_one_optional("#pane-disk")  # type: ignore[assignment]
        return pane

    def disk_made(self, pane: DiskPane) -> None:
        """The pane is shown for the first time: what was found last, else a scan."""
        from console.engine.observe.disk_saved import saved_place, saved_tree

        pane.zone = self.time_zone
        if not saved_place(self.ctx).exists():
            self._begin_scan()
            self.read_usage()
            return
        self.read_usage()

        def read() -> _Seen | None:
            tree = saved_tree(self.ctx)
            return _know(self.ctx, tree) if tree is not None else None

        def found(seen: _Seen | None) -> None:
            if seen is None:
                self._begin_scan()
            else:
                self._show(seen)

        self.fetch("disk", read, found, failed=lambda error: self._begin_scan())

    def read_usage(self) -> None:
        """How full the disks are, and how they fill; nothing where nobody looks."""
        if self.disk_pane is not None and not self.leaving:
            from console.engine.observe.samples import usage

            self.fetch("disk usage", lambda: usage(self.ctx), self._usage_read, failed=self._usage_unknown)

    def _usage_read(self, found: Usage) -> None:
        pane = self.disk_pane
        if pane is not None:
            pane.usage = found
            pane.update()

    def _usage_unknown(self, error: Exception) -> None:
        """The ledger cannot be read, which is said elsewhere: the disks are shown without their history."""
        from console.engine.observe.disk import zone_disks
        from console.engine.observe.samples import Usage

        self.fetch("disks", lambda: Usage(tuple(zone_disks(self.ctx)), {}, {}, {}), self._usage_read)

    def tell_disk_waiting(self, plan: Plan | None, note: str) -> None:
        """What the next migrate needs."""
        pane = self.disk_pane
        if pane is not None:
            pane.waiting, pane.waiting_note = plan, note
            pane.update()

    # ── the scan ──────────────────────────────────────────────────────────────────────────────────────────────

    def _begin_scan(self) -> None:
        from console.engine.observe.disk_scan import DiskScan

        pane = self.disk_pane
        if pane is None or self._scan is not None or self.leaving:
            return
        scan = self._scan = DiskScan(self.ctx, nice=NICE if self.running else 0)
        pane.freed, pane.zones = None, {}
        pane.show_tree(scan.tree, scanning=True)

        def moved() -> None:
            scan.tree.sum_up()
            self.post_message(DiskGrew())

        def work() -> _Seen | None:
            if not scan.run(cancelled=lambda: self.leaving, moved=moved):
                return None
            seen = _know(self.ctx, scan.tree)
            _keep(self.ctx, seen)
            return seen

        self.fetch("disk scan", work, self._scan_ended, failed=self._scan_failed)

    def on_disk_grew(self, message: DiskGrew) -> None:
        pane = self.disk_pane
        if pane is not None and self._scan is not None:
            pane.moved()

    def _scan_ended(self, seen: _Seen | None) -> None:
        self._scan = None
        pane = self.disk_pane
        if pane is None:
            return
        if seen is not None:
            self._show(seen)
        elif self._seen is not None:
            self._show(self._seen)
            self.notify("The scan was stopped; shown is the one before.", markup=False, timeout=4)
        else:
            pane.scan_stopped()

    def _scan_failed(self, error: Exception) -> None:
        self._scan = None
        pane = self.disk_pane
        if pane is not None:
            pane.scan_stopped(error.sentence() if isinstance(error, EngineError) else str(error))

    def _show(self, seen: _Seen) -> None:
        self._seen = seen
        pane = self.disk_pane
        if pane is not None:
            pane.freed, pane.zones = seen.freed, seen.zones
            pane.show_tree(seen.tree, scanning=False)

    # ── what the pane asks for ────────────────────────────────────────────────────────────────────────────────

    def on_disk_pane_scan_wanted(self, message: DiskPane.ScanWanted) -> None:
        self.read_usage()
        self._begin_scan()

    def on_disk_pane_cancel_wanted(self, message: DiskPane.CancelWanted) -> None:
        if self._scan is not None:
            self._scan.cancel()

    def on_disk_pane_files_wanted(self, message: DiskPane.FilesWanted) -> None:
        from console.engine.observe.disk_freeing import FilesHere, files_in

        path = message.path

        def gone() -> bool:
            pane = self.disk_pane
            return self.leaving or pane is None or pane.place != path

        def found(files: FilesHere | None) -> None:
            pane = self.disk_pane
            if pane is not None and files is not None:
                pane.show_files(path, files)

        self.fetch("files", lambda: files_in(path, cancelled=gone), found)

    def on_disk_pane_action_wanted(self, message: DiskPane.ActionWanted) -> None:

        self.act(ACTIONS[message.what])

    def act(self, name: str) -> None:
        """Open the plan of an action."""
        raise NotImplementedError


def _know(ctx: Context, tree: FolderTree) -> _Seen:
    from console.engine.observe.disk_freeing import freeing
    from console.engine.observe.disk_scan import zone_places

    zones: dict[int, str] = {}
    for name, path in zone_places(ctx).items():
        number = tree.find(path)
        if number:
            zones[number] = f"{zones[number]}, {name}" if number in zones else name
    return _Seen(tree, freeing(ctx, tree), zones)


def _keep(ctx: Context, seen: _Seen) -> None:
    """For the next visit, and for the forecast; neither where this session may not write."""
    from console.engine.observe.disk_saved import save_tree
    from console.engine.observe.samples import record_tree

    save_tree(ctx, seen.tree)
    record_tree(ctx, seen.tree)
