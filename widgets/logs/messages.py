"""What the log pane says to others, and to itself from its threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from console.engine.observe.logs import LogFile
from widgets.logs.feed import Page

if TYPE_CHECKING:
    from widgets.logs.pane import LogPane


class _FromPane(Message):
    def __init__(self, pane: LogPane) -> None:
        super().__init__()
        self.pane = pane

    @property
    def control(self) -> LogPane:
        return self.pane


class FileShown(_FromPane, namespace="log_pane"):
    """Another log is shown."""

    def __init__(self, pane: LogPane, file: LogFile) -> None:
        super().__init__(pane)
        self.file = file


class FollowChanged(_FromPane, namespace="log_pane"):
    """The newest lines are followed, or not any more."""

    def __init__(self, pane: LogPane, following: bool) -> None:
        super().__init__(pane)
        self.following = following


class Problem(_FromPane, namespace="log_pane"):
    """Something that the operator asked for did not work; `text` is sanitised."""

    def __init__(self, pane: LogPane, text: str) -> None:
        super().__init__(pane)
        self.text = text


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
