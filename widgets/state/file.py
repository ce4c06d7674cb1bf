"""FileView: what is known of one file, drawn for the width there is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from widgets.pager import Pager
from widgets.state.detail import FileLook, file_lines


class FileView(Pager):
    """Attributes in: zone, prefix (what every path begins with), wanted (the file that is waited for)."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.prefix = ""
        self.wanted = ""
        self.look: FileLook | None = None

    def wait_for(self, path: str) -> None:
        """This file is looked at now."""
        self.wanted, self.look = path, None
        self._say(path, [("reading…", "dim")])

    def show(self, look: FileLook) -> None:
        """What is known of a file; ignored when another one is wanted by now."""
        if look.path == self.wanted:
            self.look = look
            self.draw()

    def show_none(self, path: str, why: Sequence[str]) -> None:
        """Why nothing can be shown of a file: nobody knows it, the ledger cannot be read."""
        if path == self.wanted:
            self._say(path, [(line, "" if at else "warn") for at, line in enumerate(why)])

    def _say(self, path: str, rows: Sequence[tuple[str, str]]) -> None:
        self.lines = [(path.removeprefix(self.prefix), "strong"), ("", ""), *rows]

    def draw(self) -> None:
        """Again, for the width there is by now."""
        if self.look is not None:
            self.lines = file_lines(self.look, (self.size.width or 80) - 2, self.zone, datetime.now(UTC), self.prefix)
            self.scroll_home(animate=False, immediate=True)

    def on_resize(self) -> None:
        super().on_resize()
        self.draw()
