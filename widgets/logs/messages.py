"""What the log pane says to others, and to itself from its threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from textual.message import Message

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_about import RunSpan
from widgets.logs.page import Page

if TYPE_CHECKING:
    from widgets.logs.base import BasePane


class _FromPane(Message):
    def __init__(self, pane: BasePane) -> None:
        super().__init__()
        self.pane = pane

    @property
    def control(self) -> BasePane:
        return self.pane


class FileShown(_FromPane, namespace="log_pane"):
    """Another log is shown."""

    def __init__(self, pane: BasePane, file: LogFile) -> None:
        super().__init__(pane)
        self.file = file


class FollowChanged(_FromPane, namespace="log_pane"):
    """The newest lines are followed, or not any more."""

    def __init__(self, pane: BasePane, following: bool) -> None:
        super().__init__(pane)
        self.following = following


class Problem(_FromPane, namespace="log_pane"):
    """Something that the operator asked for did not work; `text` is sanitised."""

    def __init__(self, pane: BasePane, text: str) -> None:
        super().__init__(pane)
        self.text = text


class FileWanted(_FromPane, namespace="log_pane"):
    """This file is to be shown; `path` as the line has it, unsanitised."""

    def __init__(self, pane: BasePane, path: str) -> None:
        super().__init__(pane)
        self.path = path


class RunWanted(_FromPane, namespace="log_pane"):
    """This run is to be shown; `run`: its id, unsanitised."""

    def __init__(self, pane: BasePane, run: str) -> None:
        super().__init__(pane)
        self.run = run


class CopyWanted(_FromPane, namespace="log_pane"):
    """`text` (sanitised lines) is to go to the clipboard; what: `3 lines`."""

    def __init__(self, pane: BasePane, text: str, what: str) -> None:
        super().__init__(pane)
        self.text, self.what = text, what


class SaveWanted(_FromPane, namespace="log_pane"):
    """What `pieces` yields, the bytes of the log as they are, is to go to a new file; `path` as it was typed. Pieces
    may be asked for in any thread, and raises OSError and SearchError.
    """

    def __init__(self, pane: BasePane, path: str, pieces: Callable[[], Iterator[bytes]]) -> None:
        super().__init__(pane)
        self.path, self.pieces = path, pieces


class RunFound(Message):
    """From a worker: the run that was looked up, for `purpose` (filter | go)."""

    def __init__(self, purpose: str, span: RunSpan | None, problem: str) -> None:
        super().__init__()
        self.purpose, self.span, self.problem = purpose, span, problem


class SpanReady(Message):
    """From the feed: what reads the lines that are to be copied."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self.pieces = pieces


class Copied(Message):
    """From a worker: the lines to copy; more: there were more."""

    def __init__(self, text: str, more: bool) -> None:
        super().__init__()
        self.text, self.more = text, more


class Paged(Message):
    """From the feed: another page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page

    def can_replace(self, message: Message) -> bool:
        """Several pages waiting: the newest is enough, unless an older one says something of its own."""
        return isinstance(message, Paged) and not (message.page.said or message.page.at)


class RecordRead(Message):
    """From the feed: one record, laid out as lines with a tone each."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        super().__init__()
        self.lines = lines
