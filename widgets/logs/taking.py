"""TakingPane: from a line to what it is about, and lines that are marked, copied and saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from textual import on, work

from console.engine.observe.logs_about import about_line
from console.engine.observe.logs_view import Row
from console.engine.text import count, plural, visible
from widgets.logs.messages import Copied, CopyWanted, FileWanted, RecordRead, RunWanted, SaveWanted, SpanReady
from widgets.logs.narrowing import NarrowingPane
from widgets.logs.prompt import Prompt
from widgets.logs.words import record_lines
from widgets.pager import Pager

COPIED = 64 * 1024  # bytes that go to a clipboard at once: terminals drop what is much longer


class TakingPane(NarrowingPane):
    """Leads, marks, copies."""

    def action_record(self) -> None:
        row = self._row()
        if row is None or row.line is None:
            return
        if self._cursor is None:
            self._pause_at(len(self._page.rows) - 1)
        self._feed.read_record(row, self._show_record)

    def _show_record(self, row: Row, whole: bytes) -> None:
        """Called from the feed's thread with the bytes of a record."""
        self.post_message(RecordRead(record_lines(row, whole)))

    @on(RecordRead)
    def _record_read(self, message: RecordRead) -> None:
        pager = self.query_one(Pager)
        pager.lines = message.lines
        pager.scroll_home(animate=False)
        self._set_mode("record")
        self._ask("one record, Esc: back")

    # -- leads -----------------------------------------------------------------------------------------------

    def action_file(self) -> None:
        """To the file of this line."""
        row = self._row()
        file = about_line(row.line.head).file if row is not None and row.line is not None else ""
        if file:
            self.post_message(FileWanted(self, file))
        else:
            self._problem("this line names no file")

    def action_run(self) -> None:
        """To the run of this line."""
        self._seek_run("go")

    def _go_to_run(self, run: str) -> None:
        self.post_message(RunWanted(self, run))

    # -- marks -----------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark this line; on the marked line: no mark any more."""
        row = self._row()
        if row is None:
            return
        marked = self._mark is not None and self._mark.position == row.position
        self._mark = None if marked else row
        if self._cursor is None and not marked:
            self._pause_at(len(self._page.rows) - 1)
        self._draw()

    def action_to_mark(self) -> None:
        """Back to the marked line; the mark goes to where one was, so that the same key comes back."""
        mark, row = self._mark, self._row()
        if mark is None:
            self._problem("no line is marked; m marks one")
            return
        if row is not None and row.position != mark.position:
            self._mark = row
        self._feed.go(mark.position)

    # -- copies ----------------------------------------------------------------------------------------------

    def _span(self) -> tuple[Row, Row] | None:
        row = self._row()
        return None if row is None else (self._mark or row, row)

    def action_copy(self) -> None:
        """This line, or all from the mark to here, to the clipboard."""
        span = self._span()
        if span is not None:
            self._feed.read_span(*span, self._ready_to_copy)

    def _ready_to_copy(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        """Called from the feed's thread."""
        self.post_message(SpanReady(pieces))

    @on(SpanReady)
    def _span_ready(self, message: SpanReady) -> None:
        message.stop()
        self._copy(message.pieces)

    @work(thread=True, exclusive=True, exit_on_error=False, group="logs-copy")
    def _copy(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        data, more = bytearray(), False
        for piece in pieces():
            data += piece
            if len(data) > COPIED:
                more = True
                break
        text = bytes(data[:COPIED]).decode("utf-8", "surrogateescape")
        lines = text.split("\n")
        if more and len(lines) > 1:
            lines.pop()  # half a line is none
        self.post_message(Copied("\n".join(visible(line) for line in lines).rstrip("\n"), more))

    @on(Copied)
    def _copied(self, message: Copied) -> None:
        message.stop()
        number = message.text.count("\n") + 1
        what = plural(number, "line")
        if message.more:
            what = f"the first {what} ({count(COPIED // 1024)} KB; S saves all to a file)"
        self.post_message(CopyWanted(self, message.text, what))

    def action_save(self) -> None:
        """This line, or all from the mark to here, to a file."""
        if self._span() is None:
            return
        name = os.path.basename(self._page.file.path) if self._page.file is not None else ""
        stem = (name or "logs").partition(".")[0]
        self._set_mode("prompt")
        self.query_one(Prompt).begin("save", f"~/{stem}-{self._now():%Y%m%dT%H%M%S}.log")

    def _save_as(self, path: str) -> None:
        span = self._span()
        if span is not None:
            self._feed.read_span(*span, lambda pieces: self._hand_over(path, pieces))

    def _hand_over(self, path: str, pieces: Callable[[], Iterator[bytes]]) -> None:
        """Called from the feed's thread."""
        self.post_message(SaveWanted(self, path, pieces))
