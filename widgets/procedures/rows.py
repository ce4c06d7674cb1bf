"""The list: what today suggests, what is open, all procedures, what did not load, what has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from console.engine.procedures.load import Library
from console.engine.procedures.model import Procedure
from console.engine.procedures.session import Session
from console.engine.procedures.symptoms import Suggestion
from console.engine.text import plural, visible
from widgets.look import Cell, marked, short_time, wrap
from widgets.procedures.words import Line

ENDED = 5  # sessions that are over and still listed


@dataclass(frozen=True, slots=True)
class Row:
    """One line. kind: heading | start | open | ended | broken. about: what the foot says of it, what `/` searches."""

    kind: str
    cells: tuple[Cell, ...]
    name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    about: tuple[str, ...] = ()

    def has(self, text: str) -> bool:
        said = " ".join([self.name, *(cell if isinstance(cell, str) else cell[0] for cell in self.cells), *self.about])
        return all(word in said.lower() for word in text.lower().split())


def list_rows(
    library: Library,
    sessions: Sequence[Session],
    suggested: Sequence[Suggestion],
    zone: tzinfo | None,
    now: datetime,
    filter: str,
) -> list[Row]:
    """All rows; with a filter only those that fit, and the headings above them."""
    known = library.procedures  # by name; the workspace's own come first
    going = [session for session in sessions if session.status == "open"]
    over = [session for session in sessions if session.status != "open"][:ENDED]
    groups = (
        ("Suggested now", [_suggested(each.procedure, each.why, each.values) for each in suggested]),
        ("On their way", [_going(session, zone, now) for session in going]),
        ("Not loaded", [_broken(file, said) for file, said in library.broken.items()]),
        ("All procedures", [_one(procedure) for procedure in sorted(known.values(), key=lambda each: not each.own)]),
        ("Ended", [_over(session, zone, now) for session in over]),
    )
    rows = []
    for title, of in groups:
        fitting = [row for row in of if row.has(filter)] if filter else of
        if fitting:
            count = f"{len(fitting)} of {len(of)}" if filter else str(len(of))
            rows += [Row("heading", ("", (f"{title}  {count}", "strong"), "")), *fitting]
    return rows


def _about(procedure: Procedure) -> tuple[str, ...]:
    steps = plural(len(procedure.steps), "step")
    whose = "of this workspace: config/procedures" if procedure.own else "shipped"
    leads = ", ".join(procedure.symptoms)
    return (procedure.about, f"`{procedure.name}`  {steps}, {whose}" + (f"; for {leads}" if leads else ""))


def _suggested(procedure: Procedure, why: str, values: Mapping[str, str]) -> Row:
    given = ", ".join(f"{name} = {value}" for name, value in values.items())
    about = (f"{why}{f' ({given})' if given else ''}", *_about(procedure))
    return Row("start", (("! now", "warn"), procedure.title, (why, "")), procedure.name, values, about)


def _one(procedure: Procedure) -> Row:
    own = ("own", "accent") if procedure.own else ""
    return Row("start", (own, procedure.title, (procedure.about, "dim")), procedure.name, {}, _about(procedure))


def _going(session: Session, zone: tzinfo | None, now: datetime) -> Row:
    last = session.last_by
    far = f"{session.number}/{len(session.procedure.steps)}"
    step = session.step.title if session.step else ""
    who = f"{last.by} {short_time(last.at, zone, now)}" if last else ""
    began = f"started {short_time(session.started_at, zone, now)} by {session.started_by}"
    values = ", ".join(f"{name} = {value}" for name, value in session.values.items() if value)
    about = (f"{began}; last {who}" + (f", {last.terminal or last.host}" if last else ""), values, f"`{session.id}`")
    cells = ((f"▶ {far}", "running"), session.procedure.title, f"{who} at: {step}")
    return Row("open", cells, session.id, {}, about)


def _over(session: Session, zone: tzinfo | None, now: datetime) -> Row:
    last = session.last_by
    sign, tone = ("✓ done", "good") if session.status == "done" else ("– left", "warn")
    who = f"{last.by} {short_time(last.at, zone, now)}" if last else ""
    cells = ((sign, tone), (session.procedure.title, "dim"), (who, "dim"))
    return Row("ended", cells, session.id, {}, (f"Enter: what was done; r there: the report   `{session.id}`",))


def _broken(file: str, said: Sequence[str]) -> Row:
    why = " · ".join(line for line in said if not line.startswith(("file: ", "key: ", "left untouched: ")))
    return Row("broken", (("✗ broken", "bad"), (file, ""), (why, "warn")), file, {}, (f"{file}: {why}",))


def foot_lines(row: Row | None, width: int, most: int, read_only: bool) -> list[Line]:
    """What is known of the row under the cursor."""
    if row is None or row.kind == "heading":
        return []
    out: list[Line] = []
    for text in row.about:
        out += (
            [[" ", *marked(piece, "" if not out else "dim")] for piece in wrap(visible(text), width - 2)]
            if text
            else []
        )
    return out[:most]
