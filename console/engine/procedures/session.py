"""A session: one procedure on its way, told by its events alone. Pure: nothing here reads or writes anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from console.engine.model import Check
from console.engine.procedures.model import END, Procedure, Step


class Event(StrEnum):
    """What can happen in a session."""

    STARTED = "started"  # procedure, source (the whole TOML), values
    RESUMED = "resumed"  # by somebody else, or from another terminal
    LOOKED = "looked"  # what (before | checks | after | branch), seen: a list of what the probes said
    VALUE = "value"  # name, value
    RUN = "run"  # run (its id), command: an action was started
    RAN = "ran"  # run, status, exit_status, message: it has ended
    DID = "did"  # command, message: a short act
    COMMAND = "command"  # command, status, output, seconds
    NOTE = "note"  # text
    TICKED = "ticked"  # to
    CHOSEN = "chosen"  # label, to
    OVERRIDDEN = "overridden"  # reason, to, seen: ticked although its checks fail
    SKIPPED = "skipped"  # reason, to
    BACK = "back"  # to
    HANDED_OVER = "handed-over"  # note
    ABANDONED = "abandoned"  # reason


MOVES = frozenset({Event.STARTED, Event.TICKED, Event.CHOSEN, Event.OVERRIDDEN, Event.SKIPPED, Event.BACK})
# What others may do meanwhile without taking anything from anybody.
HARMLESS = frozenset({Event.RESUMED, Event.LOOKED})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a session's journal. n: from 1. at: UTC. step: the one that was current. data: as Event says."""

    n: int
    at: str
    by: str
    terminal: str
    host: str
    event: Event
    step: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    """Where a session stands. step: the current one, None where it is over. entered: since when it is current.

    states: step -> done | overridden | skipped. way: the steps that were entered and not gone back from. status: open
    | done | abandoned. kept_beside: why its journal lies outside the workspace, '' where it does not. trouble: why this
    version cannot take it on as it was meant, '' where it can.
    """

    id: str
    procedure: Procedure
    started_at: str = ""
    started_by: str = ""
    status: str = "open"
    step: Step | None = None
    entered: str = ""
    values: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    way: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    kept_beside: str = ""
    trouble: str = ""
    _entered_n: int = 0

    @property
    def short(self) -> str:
        """The four hex digits that name it among friends."""
        return self.id.rsplit("-", 1)[-1]

    @property
    def seq(self) -> int:
        """The number of the newest entry: whoever writes says which one they have seen."""
        return self.entries[-1].n if self.entries else 0

    @property
    def number(self) -> int:
        """The place of the current step, from 1; 0 where it is over."""
        return self.procedure.number(self.step.id) if self.step else 0

    @property
    def all_values(self) -> dict[str, str]:
        """What texts and parameters may name; what may be left open is empty until somebody says."""
        open_ones = {name: "" for name, step in self.procedure.values.items() if step.optional}
        return {**open_ones, **self.values, "started": self.started_at, "session": self.id, "entered": self.entered}

    def here(self, *events: Event) -> Iterator[Entry]:
        """What happened since the current step was entered, newest first; of these kinds where some are named."""
        for entry in reversed(self.entries):
            if entry.n <= self._entered_n:
                return
            if not events or entry.event in events:
                yield entry

    @property
    def evidence(self) -> int:
        """How many things are kept that can be shown later: looks, runs, commands, notes."""
        kinds = (Event.LOOKED, Event.RAN, Event.DID, Event.COMMAND, Event.NOTE)
        return sum(entry.event in kinds for entry in self.entries)

    @property
    def waiting_run(self) -> str:
        """The run that was started in this step and whose end is not recorded yet; '' for none."""
        started = next(self.here(Event.RUN), None)
        ended = {entry.data.get("run") for entry in self.here(Event.RAN)}
        return str(started.data["run"]) if started is not None and started.data["run"] not in ended else ""

    @property
    def unsettled(self) -> tuple[str, ...]:
        """The runs that were started in this session, in any step, and whose end is not recorded yet."""
        started = [str(entry.data["run"]) for entry in self.entries if entry.event == Event.RUN]
        ended = {entry.data.get("run") for entry in self.entries if entry.event == Event.RAN}
        return tuple(run for run in dict.fromkeys(started) if run not in ended)

    @property
    def last_by(self) -> Entry | None:
        return self.entries[-1] if self.entries else None

    def take(self, entry: Entry) -> None:
        """One event more."""
        self.entries.append(entry)
        event, data = entry.event, entry.data
        if event == Event.STARTED:
            self.started_at, self.started_by = entry.at, entry.by
            self.values.update({str(name): str(value) for name, value in dict(data.get("values", {})).items()})
            self._enter(self.procedure.steps[0].id, entry)
        elif event == Event.VALUE:
            self.values[str(data["name"])] = str(data["value"])
        elif event == Event.BACK:
            while self.way and self.way[-1] != data["to"]:
                self.states.pop(self.way.pop(), None)
            self.states.pop(str(data["to"]), None)
            self._enter(str(data["to"]), entry)
        elif event in MOVES:
            state = {Event.OVERRIDDEN: "overridden", Event.SKIPPED: "skipped"}.get(event, "done")
            self.states[entry.step] = state
            self._enter(str(data["to"]), entry)
        elif event == Event.ABANDONED:
            self.status, self.step = "abandoned", None

    def _enter(self, step: str, entry: Entry) -> None:
        self._entered_n, self.entered = entry.n, entry.at
        if step == END:
            self.status, self.step = "done", None
            return
        self.step = self.procedure.find(step)
        if self.step is None:
            raise KeyError(f"there is no step {step!r}")
        if not self.way or self.way[-1] != step:
            self.way.append(step)


def fold(session: str, procedure: Procedure, entries: Iterable[Entry]) -> Session:
    """The session that these events make."""
    made = Session(session, procedure)
    for entry in entries:
        made.take(entry)
    return made


def lacking(session: Session) -> str:
    """What has to be done before the current step can be ticked, its checks left out; '' where nothing has.

    An action that was not started may still be ticked where its `after` says that all is as it should be already.
    """
    step = session.step
    if step is None:
        return "the session is over"
    if step.kind == "choose":
        return "choose one of the branches"
    if step.kind == "input":
        return "" if session.values.get(step.value) or step.optional else f"say which {step.of} first"
    if step.kind in ("manual", "record"):
        return "" if any(session.here(Event.NOTE)) else "write down what was done and seen: a note"
    if step.kind == "command":
        ran = next(session.here(Event.COMMAND), None)
        if ran is None:
            return "run the command first"
        status = ran.data.get("status")
        ended = "was ended before it was done" if status is None else f"ended with status {status}"
        return "" if status in step.statuses else f"the command {ended}"
    if step.kind == "action":
        return _of_action(session, step)
    return ""


def _of_action(session: Session, step: Step) -> str:
    if session.waiting_run:
        return f"run {session.waiting_run.rsplit('-', 1)[-1]} has not ended yet"
    ours = {entry.data["run"] for entry in session.here(Event.RUN)}  # the end of an earlier step's is told here too
    done = session.here(Event.RAN, Event.DID)
    last = next((entry for entry in done if entry.event == Event.DID or entry.data.get("run") in ours), None)
    if last is None:
        return "do it first"
    if last.event == Event.DID:
        return ""
    good = ("done", "partial") if step.partial else ("done",)
    status = str(last.data.get("status"))
    return "" if status in good else f"the run ended as {status}: {last.data.get('message', '')}".rstrip(": ")


def waived(step: Step) -> bool:
    """Whether a step that was not done can be ticked all the same, its checks being good: it is so already."""
    return step.kind in ("action", "command") and bool(step.after)


def is_good(seen: Sequence[Mapping[str, Any]]) -> bool:
    """Whether everything that was looked at lets one go on."""
    return all(each.get("good") for each in seen)


def verdict_of(seen: Mapping[str, Any]) -> Check:
    return Check(str(seen.get("verdict", "unknown")))
