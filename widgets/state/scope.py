"""What is listed: which files, in which order, or groups of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from console.engine.model import FileStatus
from console.engine.observe.files_page import FileQuery

FILES, CAUSES, SOURCES = "files", "causes", "sources"


@dataclass(frozen=True, slots=True)
class Scope:
    """view: files, causes or sources. disk: the kind of files that only the disk knows, '' for those of the ledger.
    fresh: only what changed since the operator was here last. The rest as FileQuery has it. cursor: the row one was
    on when one left it.
    """

    view: str = FILES
    status: str = ""
    source: str = ""
    cause: str = ""
    fresh: bool = False
    disk: str = ""
    order: str = "path"
    descending: bool = False
    filter: str = ""
    cursor: int = 0

    def query(self, since: str) -> FileQuery:
        """The same for the engine. since: when the operator was here last."""
        return FileQuery(
            self.status,
            self.source,
            self.filter,
            self.cause,
            since if self.fresh else "",
            self.order,
            self.descending,
        )

    def listing(self) -> Scope:
        """Without what says only where one stands: two scopes that list the same are equal by this."""
        return replace(self, cursor=0)

    @property
    def everything(self) -> bool:
        """Whether it is every file that the ledger knows, in whatever order."""
        return replace(self.listing(), order="path", descending=False) == Scope()

    @property
    def failing(self) -> bool:
        """Whether all of it fails, so that one can answer for it."""
        return bool(self.cause) or self.status in (FileStatus.FAILED, FileStatus.ACCEPTED)
