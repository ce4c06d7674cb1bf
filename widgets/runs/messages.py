"""What both the detail of a run and a comparison of two say."""

from __future__ import annotations

from textual.message import Message


class FileWanted(Message, namespace="runs"):
    """Show this file in the State pane."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
