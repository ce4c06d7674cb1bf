"""StateFeed: what the State pane asks for, fetched from the engine; what starts there and ends in a dialog."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import EllipsisType
from typing import TYPE_CHECKING

from console.engine.errors import EngineError
from console.engine.text import count, plural
from console.tui.messages import Fetched, RunEnded
from console.tui.screens.dialog import AskScreen
from console.tui.screens.main import PaneMade
from console.tui.work import WorkingApp
from widgets.look import Cell

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import ReprocessParams, RunRow
    from console.engine.observe.failures import FailureSelection
    from console.engine.observe.failures_accept import Accepted
    from console.engine.observe.files_page import Listing
    from console.engine.observe.files_waiting import OnDisk
    from console.tui.feed import FedApp
    from widgets.state import FileLook, Scope, StatePane, messages

TOLD_SECONDS = 0.1  # between two words on how far a survey is
COPIED = 1000  # paths that go to the clipboard at once
_ACCEPT: tuple[Cell, ...] = (
    "They no longer make a migrate end with exit status 1, until their file or rule changes.",
    ("What somebody accepted before is left alone. Nothing is published by this.", "dim"),
)


class StateFeed(WorkingApp):
    """The part of FedApp that feeds the State pane."""

    ctx: Context
    since = ""  # when the operator was here last
    on_disk: OnDisk | None = None  # what the last look at the raw zone found
    _listing: Listing | None = None
    _listed: Scope | None = None
    _looking = False
    _look_next = ""

    @property
    def _fed(self) -> FedApp:
        return self  # type: ignore[return-value]

    @property
    def state_pane(self) -> StatePane | None:
        """The State pane, once it was shown."""
        return self._fed.main.pane("state")  # type: ignore[return-value]  # its module is loaded when it is shown

    def on_pane_made(self, message: PaneMade) -> None:
        pane = self.state_pane
        if pane is not None and pane is message.pane:
            pane.zone, pane.read_only = self._fed.time_zone, self._fed.only_looking
            pane.prefix = self.ctx.settings.zones.raw.rstrip("/") + "/"
            pane.unreadable = self._unreadable
            if self.on_disk is not None:
                pane.disk = self.on_disk

    def on_run_ended(self, message: RunEnded) -> None:
        self.state_again()

    def state_again(self) -> None:
        """The ledger says something else: whoever looks at it reads it again."""
        self._listed = None
        if self.state_pane is not None:
            self.state_pane.unreadable = self._unreadable
        pane = self.state_pane
        if pane is not None:
            pane.unreadable = self._unreadable
            pane.look_again()

    def show_on_disk(self, found: OnDisk) -> None:
        """What a look at the raw zone found."""
        self.on_disk = found
        pane = self.state_pane
        if pane is not None:
            pane.disk = found

    # ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────

    def on_state_pane_listing_wanted(self, message: messages.ListingWanted) -> None:
        from console.engine.observe.files_page import Listing

        if self._unreadable and self.state_pane is not None:
            self.state_pane.unreadable = self._unreadable
            self.state_pane.update_words()
            return
        scope = message.scope
        if self._listing is not None:
            self._listing.cancel()
        known: list[int] | EllipsisType | None = ...
        marks = self._listing.marks if self._listing is not None else ()
        if self._listing is not None and self._listed is not None and scope.filter != self._listed.filter:
            known = self._listing.rules  # somebody types: today's rules are those of a moment ago
        listing = Listing(self.ctx, scope.query(self.since or "9999"), known, marks)
        self._listing, self._listed = listing, scope
        self.fetch("files", lambda: self._survey(scope, listing), lambda done: None, self._not_known)

    @property
    def _unreadable(self) -> str:
        """Why nothing is known of files: without rules every file would seem to be of another one."""
        if self._fed.configuration_trouble:
            return "the configuration does not load"
        return self._fed.unreadable

    def _not_known(self, error: Exception) -> None:
        """In the pane itself, where somebody looks for files."""
        pane = self.state_pane
        if pane is None:
            return
        pane.unreadable = error.sentence() if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
        pane.update_words()

    def _survey(self, scope: Scope, listing: Listing) -> None:
        """In a thread: survey, and say so as it goes on."""
        from console.engine.observe.files_page import Cancelled

        told = 0.0

        def tell(listing: Listing) -> None:
            nonlocal told
            now = time.monotonic()
            if listing.complete or not told or now - told >= TOLD_SECONDS:
                told = now
                self.post_message(Fetched(lambda it: self._show_listing(scope, it), listing))

        try:
            listing.survey(tell)
        except Cancelled:
            return

    def _show_listing(self, scope: Scope, listing: Listing) -> None:
        pane = self.state_pane
        if pane is not None and listing is self._listing:
            pane.show_listing(scope, listing)

    def on_state_pane_rows_wanted(self, message: messages.RowsWanted) -> None:
        listing, start, number = message.listing, message.start, message.number
        pane = self.state_pane
        if pane is not None:
            self.fetch(
                "files",
                lambda: listing.rows(start, number),
                lambda rows: pane.show_rows(listing, start, rows),
                lambda error: pane.show_rows(listing, start, None),
            )

    def on_state_pane_groups_wanted(self, message: messages.GroupsWanted) -> None:
        from console.engine.observe.files_causes import CauseGroup, SourceGroup, cause_groups, source_groups

        pane, view = self.state_pane, message.view

        def read() -> list[CauseGroup] | list[SourceGroup]:
            return cause_groups(self.ctx) if view == "causes" else source_groups(self.ctx)

        if pane is not None:
            self.fetch(view, read, lambda groups: pane.show_groups(view, groups), self._not_known)

    def on_state_pane_counts_wanted(self, message: messages.CountsWanted) -> None:
        from console.engine.observe.files_list import count_files

        pane = self.state_pane
        if pane is not None:
            self.fetch("counts", lambda: count_files(self.ctx), pane.show_counts, self._not_known)

    # ── one file ──────────────────────────────────────────────────────────────────────────────────────────────

    def on_state_pane_look_wanted(self, message: messages.LookWanted) -> None:
        self._look_next = message.path
        if not self._looking:
            self._look()

    def _look(self) -> None:
        """One at a time: whoever moves down a list wants the last of many."""
        path, self._look_next = self._look_next, ""
        self._looking = True

        def found(look: FileLook | None) -> None:
            self._looking = False
            pane = self.state_pane
            if look is not None and pane is not None:
                pane.show_look(look)
            if self._look_next:
                self._look()

        def failed(error: Exception) -> None:
            says = error.lines() if isinstance(error, EngineError) else [str(error)]
            if self.state_pane is not None:
                self.state_pane.show_no_look(path, says)
            found(None)

        self.fetch("file", lambda: look_at(self.ctx, path), found, failed)

    async def show_file(self, path: str) -> None:
        """Go to this file, in the State pane."""
        pane = await self._shown_pane()
        pane.show_file(path)

    async def show_causes(self) -> None:
        """Go to what files fail for, in the State pane."""
        pane = await self._shown_pane()
        pane.show_causes()

    async def _shown_pane(self) -> StatePane:
        """The State pane, brought to the front and told what it has to know."""
        pane = await self._fed.main.show_pane("state")
        self.on_pane_made(PaneMade(pane))
        return pane  # type: ignore[return-value]

    def on_state_pane_procedure_wanted(self, message: messages.ProcedureWanted) -> None:
        self._fed.procedure_for_file(message.row.path, message.row.status.value)

    def on_state_pane_run_wanted(self, message: messages.RunWanted) -> None:
        from console.engine.runs.query import told_run

        run = message.row.run

        async def found(row: RunRow | None) -> None:
            if row is not None:
                await self._fed.show_run(row)
            else:
                self.notify("No run has judged it.", markup=False, timeout=4)

        if run:
            self.fetch("run", lambda: told_run(self.ctx, run), lambda row: self.call_later(found, row))
        else:
            self.notify("No run has judged it.", markup=False, timeout=4)

    async def on_state_pane_log_wanted(self, message: messages.LogWanted) -> None:
        pane = await self._fed.main.show_pane("logs")
        show = getattr(pane, "show_run", None)
        if callable(show):
            show(message.row.path)  # it looks for this text in the log that says most

    def on_state_pane_copy_wanted(self, message: messages.CopyWanted) -> None:
        self._fed.copy(message.text, message.what)

    # ── actions on what is listed ─────────────────────────────────────────────────────────────────────────────

    def on_state_pane_reprocess_wanted(self, message: messages.ReprocessWanted) -> None:
        self.reprocess(message.scope, message.path)

    def reprocess_selection(self) -> bool:
        """Open the plan of judging again what the State pane lists; False where that is nothing in particular."""
        pane = self.state_pane
        if pane is None or self._fed.main.current_pane is not pane:
            return False
        scope, path, _ = pane.selection()
        if not path and scope.everything:
            return False
        self.reprocess(scope, path)
        return True

    def reprocess(self, scope: Scope, path: str) -> None:
        """Open the plan of judging these again."""
        from console.tui.screens.reprocess import ReprocessScreen

        if "/" in scope.filter and not path:
            text = "A filter over folders is no pattern of a reprocess. g: by source, c: by cause; o in its plan."
            self.notify(text, markup=False, timeout=8)
        elif self._fed.can_act("reprocess"):
            self.push_screen(ReprocessScreen(self.ctx, reprocess_params(self.ctx, scope, path)))

    def on_state_pane_accept_wanted(self, message: messages.AcceptWanted) -> None:
        from widgets.state.words import scope_words

        scope, path, files = message.scope, message.path, message.files
        if self._fed.only_looking:
            self.notify("This console is read-only, it can accept nothing.", markup=False, timeout=4)
            return
        if not path and not scope.failing:
            self.notify("Not all of these fail. c: by cause, s: failed.", markup=False, timeout=5)
            return
        selection = failure_selection(scope, path)
        what = path or f"{scope_words(scope)}: {plural(files, 'file')}"
        says: list[Cell] = [what, "", *_ACCEPT]
        buttons = [("back", "Back"), ("accept", "Accept")]
        ask = AskScreen("Accept failures?", says, buttons, typed="why; kept with the acceptance")
        self.push_screen(ask, lambda choice: self._accept(selection, ask.answer) if choice == "accept" else None)

    def _accept(self, selection: FailureSelection, reason: str) -> None:
        from console.engine.observe.failures_accept import accept

        def done(accepted: Accepted) -> None:
            said = f"{plural(len(accepted.rows), 'failure')} accepted."
            said += f" {count(accepted.already)} were accepted before." if accepted.already else ""
            self.notify(said, markup=False, timeout=6)
            self.state_again()

        self.fetch("accept", lambda: accept(self.ctx, selection, reason), done)

    def on_state_pane_export_wanted(self, message: messages.ExportWanted) -> None:
        from widgets.state.words import scope_words

        scope, path, files = message.scope, message.path, message.files
        choices = [("back", "Back"), ("files", "Files, CSV"), ("copy", "Copy paths")]
        if scope.failing or path or scope.view == "causes":
            choices.insert(2, ("errors", "Errors, JSON lines"))
        what = path or f"{scope_words(scope)}: {plural(files, 'file')}"
        says: list[Cell] = [what, ("The file is new and yours alone; where it lies is said at the end.", "dim")]
        ask = AskScreen("Export", says, choices)

        def chosen(choice: str | None) -> None:
            if choice == "copy":
                self._copy_paths(scope, path)
            elif choice is not None:
                self._export(scope, path, choice)

        self.push_screen(ask, chosen)

    def _export(self, scope: Scope, path: str, what: str) -> None:
        from console.tui.export import write_export

        ending = "csv" if what == "files" else "jsonl"
        name = f"{what}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.{ending}"

        def done(written: tuple[str, int]) -> None:
            self.notify(f"{count(written[1])} lines in {written[0]}", title="Exported", markup=False, timeout=15)

        self.notify("Exporting…", markup=False, timeout=2)
        self.fetch("export", lambda: write_export(name, self._lines(scope, path, what)), done)

    def _lines(self, scope: Scope, path: str, what: str) -> Iterator[str]:
        from console.engine.observe.failures import export
        from console.engine.observe.files_export import COLUMNS, csv_row, export_files, file_line
        from console.engine.observe.files_list import list_files

        if what == "errors":
            return export(self.ctx, failure_selection(scope, path))
        if path:
            rows = [row for row in list_files(self.ctx, filter=path).rows if row.path == path]
            return iter([csv_row(COLUMNS), *map(file_line, rows)])
        if scope.disk:
            found = self.on_disk.rows if self.on_disk is not None else ()
            text = scope.filter.lower()
            listed = [row for row in found if row.status == scope.disk and text in row.path.lower()]
            return iter([csv_row(COLUMNS), *map(file_line, listed)])
        return export_files(self.ctx, scope.query(self.since or "9999"), cancelled=lambda: self.leaving)

    def _copy_paths(self, scope: Scope, path: str) -> None:
        from console.engine.observe.files_page import Listing

        def read() -> list[str]:
            if path:
                return [path]
            if scope.disk:
                found = self.on_disk.rows if self.on_disk is not None else ()
                return [row.path for row in found if row.status == scope.disk][:COPIED]
            listing = Listing(self.ctx, scope.query(self.since or "9999"))
            listing.survey()
            return [row.path for row in listing.rows(0, COPIED)]

        def done(paths: list[str]) -> None:
            self._fed.copy("\n".join(paths), plural(len(paths), "path"))

        self.fetch("copy", read, done)


# ── what the engine is asked ──────────────────────────────────────────────────────────────────────────────────────


def look_at(ctx: Context, path: str) -> FileLook:
    """All that is known of one file. Raises UsageError for one that neither disk nor ledger knows, LedgerError."""
    from console.engine.ledger.store import reading
    from console.engine.observe.files_detail import find_detail
    from console.engine.observe.files_explain import explain
    from console.engine.observe.files_record import record_views
    from widgets.state import FileLook

    explained = explain(ctx, path)
    with reading(ctx.workspace.ledger) as connection:
        detail = find_detail(ctx, connection, path) if connection is not None else None
    return FileLook(path, explained, detail, record_views(ctx, detail) if detail is not None else ())


def failure_selection(scope: Scope, path: str) -> FailureSelection:
    """The failures that a scope, or one file of it, means."""
    from console.engine.observe.failures import FailureSelection

    if path:
        return FailureSelection((path,))
    return FailureSelection(cause=scope.cause, source=scope.source, pattern=scope.filter, everything=True)


def reprocess_params(ctx: Context, scope: Scope, path: str) -> ReprocessParams:
    """What a reprocess of a scope, or of one file of it, is asked to do."""
    from console.engine.model import FileStatus, ReprocessParams

    raw = ctx.settings.zones.raw.rstrip("/") + "/"
    if path:
        source, _, below = path.removeprefix(raw).partition("/")
        return ReprocessParams(source=source, pattern=_literal(below))
    pattern = f"**/*{_literal(scope.filter)}*" if scope.filter else ""
    failing = scope.status in (FileStatus.FAILED, FileStatus.ACCEPTED)
    chosen = ReprocessParams(
        source=scope.source,
        pattern=pattern,
        cause=scope.cause,
        failed=failing and not scope.cause,
        stale_schema=scope.status == FileStatus.STALE,
        adopted=scope.status == FileStatus.ADOPTED,
    )
    return chosen if chosen.chooses else ReprocessParams(all=True)


def _literal(text: str) -> str:
    """A text as a glob that means only itself."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)
