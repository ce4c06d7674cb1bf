"""Page: what the feed's thread hands to the pane, plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.observe.logs import LogFile
from console.engine.observe.logs_conditions import Narrowing
from console.engine.observe.logs_levels import Level
from console.engine.observe.logs_search import Found
from console.engine.observe.logs_view import Position, Row

_EVERYTHING = Narrowing()
MERGED = LogFile("", "all logs by time", "merged")


@dataclass(frozen=True, slots=True)
class Page:
    """What the pane shows. `at`: where the cursor belongs, where a command says so."""

    rows: tuple[Row, ...] = ()
    follow: bool = True
    at_start: bool = False
    at_end: bool = False
    new_lines: int = 0
    narrowing: Narrowing = _EVERYTHING
    size: int = 0  # bytes of the newest segment; of all logs, where they are merged
    lines: int | None = None  # of the newest segment, once they are counted
    numbers: tuple[int | None, ...] = ()  # of the rows, as far as known
    busy: str = ""  # what takes long, with how far it is
    at: Position | None = None
    found: Found | None = None
    said: str = ""  # the answer to the last command
    bad: bool = False  # the answer is an error
    file: LogFile | None = None
    refused: bool = False  # the filters asked for do not work: `narrowing` is what is in force instead
    done: int = 0  # commands that were carried out before it: see LogFeed.given

    @property
    def least(self) -> Level:
        return self.narrowing.least
