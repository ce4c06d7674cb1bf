"""What threads tell the console. They post these and touch no widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.message import Message

from console.engine.model import RunRow

if TYPE_CHECKING:
    from console.engine.checks.alerts.model import Reading
    from console.engine.observe.disk import ZoneDisk
    from console.engine.observe.here import Here
    from console.engine.observe.overview import Overview


class Fetched(Message):
    """A query has its answer; `done` wants it on the console's own thread."""

    def __init__(self, done: Callable[[Any], object], answer: object) -> None:
        super().__init__()
        self.done, self.answer = done, answer


class OverviewRead(Message):
    """The ledger says something else than before."""

    def __init__(self, overview: Overview) -> None:
        super().__init__()
        self.overview = overview


class DisksRead(Message):
    """How full each file system is."""

    def __init__(self, disks: Sequence[ZoneDisk]) -> None:
        super().__init__()
        self.disks = disks


class OthersRead(Message):
    """Who else has a console open here."""

    def __init__(self, others: Sequence[Here]) -> None:
        super().__init__()
        self.others = tuple(others)


class RulesRead(Message):
    """What the quick rules of alerts say."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        super().__init__()
        self.readings = tuple(readings)


class RunMoved(Message):
    """The run in progress moved on. rate: files per second; seconds_left None: not known."""

    def __init__(self, run: RunRow, rate: float, seconds_left: float | None) -> None:
        super().__init__()
        self.run, self.rate, self.seconds_left = run, rate, seconds_left

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, RunMoved)


class RunEnded(Message):
    """No run is in progress any more."""

    def __init__(self, run: RunRow | None) -> None:
        super().__init__()
        self.run = run


class TroubleRead(Message):
    """Ledger or mirror cannot be read: the lines that say what, where and what to do. Empty: it works again."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.lines = tuple(lines)


class Judged(Message):
    """A full plan is being made: files judged so far and in all. `plan_number` tells an old plan's from a new one's."""

    def __init__(self, plan_number: int, done: int, total: int) -> None:
        super().__init__()
        self.plan_number, self.done, self.total = plan_number, done, total

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Judged) and message.plan_number <= self.plan_number


class PlanSoFar(Message):
    """A plan that is still being made: what it has found up to now."""

    def __init__(self, plan_number: int, plan: Any) -> None:
        super().__init__()
        self.plan_number, self.plan = plan_number, plan

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, PlanSoFar) and message.plan_number <= self.plan_number


class SessionsMoved(Message):
    """Somebody wrote into a session's journal, or changed a procedure's file."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SessionsMoved)
