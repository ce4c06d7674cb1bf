"""Procedures and sessions as plain lines, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from console.cli.output import Stream, out
from console.cli.session import spoken_command
from console.engine.model import Check
from console.engine.procedures import guide
from console.engine.procedures.session import Event, lacking, verdict_of
from console.engine.text import plural

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.procedures.load import Library
    from console.engine.procedures.model import Condition, Procedure, Step
    from console.engine.procedures.session import Entry, Session

_ROOM = 100  # columns: longer lines are hard to read, however wide the terminal is
_SESSIONS = 50

# What each event is called where somebody reads what others did; {} is its most telling part.
_EVENTS: Mapping[Event, tuple[str, str]] = {
    Event.STARTED: ("started it", ""),
    Event.RESUMED: ("went on here", ""),
    Event.LOOKED: ("looked", ""),
    Event.VALUE: ("said", "value"),
    Event.RUN: ("started run", "run"),
    Event.RAN: ("saw the end of run", "run"),
    Event.DID: ("did it", "message"),
    Event.COMMAND: ("ran", "command"),
    Event.NOTE: ("noted", "text"),
    Event.TICKED: ("ticked", ""),
    Event.CHOSEN: ("chose", "label"),
    Event.OVERRIDDEN: ("overrode the checks", "reason"),
    Event.SKIPPED: ("skipped", "reason"),
    Event.BACK: ("went back to", "to"),
    Event.HANDED_OVER: ("handed over", "note"),
    Event.ABANDONED: ("abandoned it", "reason"),
}
_STATES = {"done": "ok", "overridden": "overridden", "skipped": "skipped"}


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────


def show_list(ctx: Context, library: Library, everything: bool) -> None:
    """Sessions, procedures, and what does not load."""
    stream = out()
    found, broken = _sessions(ctx, everything)
    if found:
        stream.line(("bold", "Sessions" if everything else "Open sessions"))
        rows = [(f"  {each.short}", each.procedure.title, _stands(each), _last(ctx, each)) for each in found]
        stream.table(("  id", "procedure", "stands at", "last"), rows, cut=(1, 2), aligned=True)
        stream.line("  ", ("bold", spoken_command("procedure", "resume", found[0].short)), " goes on with it.")
        stream.line("")
    stream.line(("bold", "Procedures"))
    for procedure in library.procedures.values():
        own = "  (this workspace's own)" if procedure.own else ""
        stream.line(("bold", f"  {procedure.name}"), f"  {procedure.title}{own}")
        show_text(stream, procedure.about, "      ")
    if not library.procedures:
        stream.line("  there is none: config/procedures/ of the workspace is where they go")
    for file, lines in [*library.broken.items(), *broken.items()]:
        stream.line("")
        stream.line(("red", "does not load: "), file)
        for line in _reasons(lines):
            stream.line(f"      {line}")


def _reasons(lines: Iterable[str]) -> list[str]:
    """What an error says, without what the line above it or nobody needs here."""
    return [line for line in lines if not line.startswith(("file: ", "left untouched: "))]


def list_documents(ctx: Context, library: Library, everything: bool) -> None:
    """The same, one JSON object a line."""
    found, broken = _sessions(ctx, everything)
    for session in found:
        out().json({"event": "session", **session_document(session)})
    for procedure in library.procedures.values():
        out().json({"event": "procedure", **procedure_document(procedure), "steps": len(procedure.steps)})
    for kind, files in (("broken", library.broken), ("broken-session", broken)):
        for file, lines in files.items():
            out().json({"event": kind, "file": file, "what": lines[0], "lines": list(lines)})


def _sessions(ctx: Context, everything: bool) -> tuple[list[Session], dict[str, list[str]]]:
    """The newest sessions, and those that cannot be told with the reason."""
    from console.engine.errors import EngineError
    from console.engine.procedures.journal import load_session, open_names, session_names

    found, broken = [], {}
    for name in session_names(ctx)[:_SESSIONS] if everything else open_names(ctx):
        try:
            session = load_session(ctx, name)
        except EngineError as error:
            broken[error.file or name] = error.lines()
            continue
        if everything or session.status == "open":
            found.append(session)
    return found, broken


def _stands(session: Session) -> str:
    if session.step is None:
        return session.status
    return f"{session.number} of {len(session.procedure.steps)}: {session.step.title}"


def _last(ctx: Context, session: Session) -> str:
    from console.cli.times import short_time

    last = session.last_by
    return f"{last.by} {short_time(ctx, last.at)}" if last else ""


def session_document(session: Session) -> dict[str, Any]:
    """Where a session stands, for programs."""
    last = session.last_by
    return {
        "session": session.id,
        "procedure": session.procedure.name,
        "title": session.procedure.title,
        "status": session.status,
        "step": session.step.id if session.step else None,
        "step_title": session.step.title if session.step else None,
        "number": session.number,
        "of": len(session.procedure.steps),
        "started_at": session.started_at,
        "started_by": session.started_by,
        "last_at": last.at if last else "",
        "last_by": last.by if last else "",
        "evidence": session.evidence,
        "kept_beside": session.kept_beside,
        "trouble": session.trouble,
    }


# ── one procedure ────────────────────────────────────────────────────────────────────────────────────────────────


def show_procedure(procedure: Procedure) -> None:
    """Every step in plain lines."""
    stream = out()
    stream.line(("bold", procedure.title), f"  ({procedure.name})")
    show_text(stream, procedure.about, "  ")
    for number, step in enumerate(procedure.steps, 1):
        stream.line("")
        stream.line(("bold", f"{number}. {step.title}"), f"  ({step.kind}: {step.id})")
        show_text(stream, step.text, "   ")
        for line in _step_lines(procedure, step, number):
            stream.line(f"   {line}")
    stream.line("")
    stream.line(("bold", spoken_command("procedure", "start", procedure.name)), " starts it.")


def _step_lines(procedure: Procedure, step: Step, number: int) -> list[str]:
    lines = []
    if step.value:
        may = ", may be left open" if step.optional else ""
        default = f", {step.default!r} unless something else is said" if step.default else ""
        lines.append(f"asks for a {step.of}, `{step.value}`{may}{default}")
    if step.action:
        given = ", ".join(f"{name} = {value}" for name, value in step.given.items())
        lines.append(f"does: {step.action}" + (f" with {given}" if given else ""))
    if step.command:
        lines.append(f"shell, at most {step.seconds} s: {step.command}")
    for words, conditions in (("before: ", step.before), ("checks: ", step.checks), ("after: ", step.after)):
        lines += [words + _condition(each) for each in conditions]
    for branch in step.branches:
        lines.append(f"- {branch.label}: leads to {_place(procedure, branch.to)}")
        lines += [f"    speaks for it: {_condition(each)}" for each in branch.evidence]
    if not step.branches and procedure.number(step.next) != number + 1:
        lines.append(f"leads to {_place(procedure, step.next)}")
    return lines


def _place(procedure: Procedure, step: str) -> str:
    number = procedure.number(step)
    return f"step {number}" if number else "the end"


def _condition(condition: Condition) -> str:
    good = [each.value for each in condition.good]
    return condition.text + ("" if good == ["pass"] else f" ({' or '.join(good)} will do)")


def procedure_document(procedure: Procedure) -> dict[str, Any]:
    """A procedure for programs."""
    return {
        "procedure": procedure.name,
        "title": procedure.title,
        "about": procedure.about,
        "symptoms": list(procedure.symptoms),
        "own": procedure.own,
        "steps": [_step_document(step) for step in procedure.steps],
    }


def _step_document(step: Step) -> dict[str, Any]:
    return {
        "step": step.id,
        "kind": step.kind,
        "title": step.title,
        "text": step.text,
        "next": list(step.leads_to),
        "action": step.action,
        "with": dict(step.given),
        "value": step.value,
        "of": step.of if step.value else "",
        "optional": step.optional,
        "command": step.command,
        "branches": [{"label": branch.label, "to": branch.to} for branch in step.branches],
        "conditions": [
            {"place": place, "probe": each.probe, "text": each.text, "good": [verdict.value for verdict in each.good]}
            for place, each in step.conditions()
        ],
    }


# ── one session ──────────────────────────────────────────────────────────────────────────────────────────────────


def show_head(ctx: Context, stream: Stream, session: Session) -> None:
    """Which session, whose."""
    from console.cli.times import short_time

    begun = f", started {short_time(ctx, session.started_at)} by {session.started_by}"
    stream.line(("bold", session.procedure.title), f"  session {session.short}{begun}")


def show_status(ctx: Context, session: Session) -> None:
    """Where it stands: every step, what the current one said last, what it lacks, what was said on leaving it."""
    stream = out()
    show_head(ctx, stream, session)
    for number, step in enumerate(session.procedure.steps, 1):
        here = step is session.step
        state = ">" if here else _STATES.get(session.states.get(step.id, ""), "")
        stream.line(f"  {state:>10} ", ("bold" if here else "", f"{number} {step.title}"))
    for name, value in session.values.items():
        stream.line(f"  {name}: {value}")
    if session.step is None:
        stream.line(f"  {session.status}")
        return
    show_seen(stream, session)
    if lack := lacking(session):
        stream.line(f"  lacks: {lack}")
    show_handed_over(ctx, stream, session)
    stream.line("  ", ("bold", spoken_command("procedure", "resume", session.short)), " goes on with it.")


def status_document(session: Session) -> dict[str, Any]:
    """As show_status, for programs."""
    step = session.step
    labels = [branch.label for branch in step.branches] if step else []
    return {
        **session_document(session),
        "states": dict(session.states),
        "way": list(session.way),
        "values": dict(session.values),
        "lacking": lacking(session) if step else "",
        "waiting_run": session.waiting_run if step else "",
        "seen": {what: guide.last_seen(session, what) for what in ("before", "checks", "after", *labels)},
        "entries": session.seq,
    }


def show_handed_over(ctx: Context, stream: Stream, session: Session) -> None:
    """What the last one who left it said, where nobody has gone on from there."""
    for entry in reversed(session.entries):
        if entry.event == Event.HANDED_OVER:
            stream.line(("yellow", f"Handed over by {entry.by}: "), str(entry.data.get("note", "")))
        if entry.event not in (Event.RESUMED, Event.RAN, Event.LOOKED):
            return


def show_seen(stream: Stream, session: Session) -> None:
    """What the newest look at the current step said, check by check."""
    for what, words in (("before", "before it is done"), ("checks", "checks"), ("after", "when it is done")):
        does = session.step is not None and session.step.kind in ("action", "command")
        done = any(session.here(Event.RAN, Event.DID, Event.COMMAND))
        if (what != "before" or not done) and (seen := guide.last_seen(session, what)):
            stream.line(f"  {words}:")
            for each in seen:
                show_check(stream, each, pending=what == "after" and does and not done)


def show_check(stream: Stream, seen: Mapping[str, Any], *, pending: bool = False, branch: bool = False) -> None:
    """One check: whether it lets one go on, its verdict, its evidence, what helps. pending: what makes it good is still
    to be done, so that nothing is wrong yet. branch: it speaks for one or against it, and neither is right or wrong."""
    from console.cli.plan_view import SIGNS, STYLES

    verdict = verdict_of(seen)
    good = bool(seen.get("good"))
    sign = SIGNS[verdict] + (", will do" if good and SIGNS[verdict] != "ok" else "")
    style = "green" if good else STYLES[verdict]
    if pending and not good:
        sign, style = "not yet", ""
    elif branch and (good or verdict != Check.UNKNOWN):
        sign, style = ("for it", "green") if good else ("against", "")
    stream.line("    ", (style, f"{sign:<8}"), f" {seen.get('text', '')}")
    stream.line(f"             {seen.get('evidence', '')}")
    if good or pending:
        return
    for line in list(seen.get("details", ()))[:5]:
        stream.line(f"               {line}")
    if seen.get("next_step") and not branch:
        stream.line(f"             next: {seen['next_step']}")


def show_text(stream: Stream, text: str, indent: str) -> None:
    """A text of paragraphs, its lines not longer than the terminal; what is indented stays as it is."""
    room = max(20, min(stream.width - 1, _ROOM) - len(indent))
    for block in text.split("\n\n") if text else ():
        if any(line.startswith((" ", "-")) for line in block.splitlines()):
            lines = block.splitlines()
        else:
            lines = textwrap.wrap(" ".join(block.split()), room, break_long_words=False, break_on_hyphens=False)
        for line in lines:
            stream.line(indent + line)


def show_choices(stream: Stream, choices: Sequence[str]) -> None:
    """What can be said, on as many lines as it takes; none is broken in two."""
    line = ""
    for at, choice in enumerate(choices):
        part = choice + ("" if at == len(choices) - 1 else ",")
        if line and len(line) + 1 + len(part) >= min(stream.width, _ROOM):
            stream.line(line)
            line = ""
        line = f"{line} {part}" if line else part
    stream.line(line)


def show_entry(ctx: Context, stream: Stream, session: Session, entry: Entry) -> None:
    """One line about what somebody did in a session."""
    from console.cli.times import short_time

    words, part = _EVENTS[entry.event]
    told = " ".join(str(entry.data.get(part, "")).split())[:200] if part else ""
    if entry.event in (Event.RAN, Event.COMMAND):
        status = entry.data.get("status")
        told += f" -> {'ended before its end' if status is None else status}"
    number = session.procedure.number(entry.step)
    at = f" at step {number}" if number else ""
    stream.line(
        ("yellow", f"  {short_time(ctx, entry.at)} {entry.by}"),
        f" ({entry.terminal or entry.host or 'no terminal'}) {words}{at}" + (f": {told}" if told else ""),
    )


def how_far(session: Session) -> str:
    """`done`, or `step 3 of 6: Verify`."""
    if session.step is None:
        return session.status
    return f"step {session.number} of {len(session.procedure.steps)}: {session.step.title}"


def kept(session: Session) -> str:
    return plural(session.evidence, "piece") + " of evidence kept"
