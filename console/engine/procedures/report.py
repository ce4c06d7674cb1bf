"""The incident report of a session, as Markdown that reads well as plain text too.

Whatever came from outside (names, evidence, reasons, what people typed, output of commands) stands in code spans, so
that no renderer finds markup, links or HTML in it, and on one line, so that none can begin a heading or an item.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from console.engine.context import Context
from console.engine.errors import LedgerError
from console.engine.model import Check, RunRow
from console.engine.observe.report import code
from console.engine.procedures.model import Procedure
from console.engine.procedures.session import Entry, Event, Session
from console.engine.runs.query import as_it_is, get_run
from console.engine.text import count, duration

SIGNS = {Check.PASS: "✓ pass", Check.WARN: "! warn", Check.FAIL: "✗ fail", Check.UNKNOWN: "? unknown"}
_LINES = 40  # of one command's output
_ACTED = (Event.RUN, Event.RAN, Event.DID, Event.COMMAND)
_AGAINST = {Event.OVERRIDDEN: "overridden", Event.SKIPPED: "skipped", Event.ABANDONED: "abandoned"}
_MOMENTS = ("since", "until")  # parameters that differ from look to look


def incident_markdown(ctx: Context, session: Session) -> Iterator[str]:
    """The report line by line, without newlines. It reads the ledger for what the runs did; where that cannot be read
    it says so. Raises nothing and writes nothing."""
    yield f"# Incident: {code(session.procedure.title)}"
    yield ""
    yield from _head(ctx, session)
    yield from _values(session)
    yield from _timeline(session)
    yield from _done(ctx, session)
    yield from _seen(session)
    yield from _against(session)
    yield from _notes(session)
    yield from _before_and_after(session)


def runs_of(session: Session) -> list[str]:
    """The ids of the runs that were started in it, in order."""
    found = (str(entry.data.get("run", "")) for entry in session.entries if entry.event in (Event.RUN, Event.RAN))
    return [run for run in dict.fromkeys(found) if run]


def ended_at(session: Session) -> str:
    """When it ended, UTC; '' while it is open."""
    return session.entries[-1].at if session.entries and session.step is None else ""


# ── what, when, who ──────────────────────────────────────────────────────────────────────────────────────────────


def _head(ctx: Context, session: Session) -> Iterator[str]:
    procedure, ended = session.procedure, ended_at(session)
    people = dict.fromkeys((entry.by, entry.host) for entry in session.entries)
    where = session.step
    facts = [
        ("Workspace", code(str(ctx.workspace.root), table=True)),
        ("Procedure", f"{code(procedure.name, table=True)}{', of this workspace' if procedure.own else ''}"),
        ("What for", code(procedure.about, table=True)),
        ("Session", code(session.id, table=True)),
        (
            "Status",
            session.status if where is None else f"open, at step {session.number}: {code(where.title, table=True)}",
        ),
        ("Started", f"{_time(session.started_at)} by {code(session.started_by, table=True)}"),
        ("Ended", f"{_time(ended)}, took {_took(session.started_at, ended)}" if ended else "not yet"),
        ("People", ", ".join(f"{code(by, table=True)} at {code(host, table=True)}" for by, host in people)),
        ("Runs", ", ".join(code(run, table=True) for run in runs_of(session)) or "none"),
        ("Its journal", code(session.kept_beside, table=True) if session.kept_beside else ""),
    ]
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in facts if value)
    yield ""


def _values(session: Session) -> Iterator[str]:
    if not session.values:
        return
    yield "## Values"
    yield ""
    for name, value in session.values.items():
        yield f"- {code(name)}: {code(value) if value else 'left open'}"
    yield ""


def _time(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return code(text)


def _took(since: str, until: str) -> str:
    try:
        seconds = (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
    except (TypeError, ValueError):
        return "nobody knows how long"
    return duration(max(0.0, seconds))


# ── the timeline ─────────────────────────────────────────────────────────────────────────────────────────────────


def _timeline(session: Session) -> Iterator[str]:
    yield "## Timeline (UTC)"
    yield ""
    yield "| when | who | step | what |"
    yield "|---|---|---|---|"
    day = ""
    for entry in session.entries:
        at = _time(entry.at).removesuffix(" UTC")
        when, day = (at[11:] if at[:10] == day else at), at[:10]
        who = code(entry.by, table=True) + (f" on {code(entry.terminal, table=True)}" if entry.terminal else "")
        yield f"| {when} | {who} | {_step(session.procedure, entry)} | {_sentence(session.procedure, entry)} |"
    yield ""


def _step(procedure: Procedure, entry: Entry) -> str:
    found = procedure.find(entry.step)
    return f"{procedure.number(entry.step)} {code(found.title, table=True)}" if found else code(entry.step, table=True)


def _sentence(procedure: Procedure, entry: Entry) -> str:
    """What one entry says, in words. An entry that lacks something says less."""

    def said(key: str) -> str:
        return code(str(entry.data.get(key, "")), table=True)

    def to() -> str:
        step = procedure.find(str(entry.data.get("to", "")))
        return f"; next: {code(step.title, table=True)}" if step else "; the end"

    words: Mapping[Event, Callable[[], str]] = {
        Event.STARTED: lambda: "started",
        Event.RESUMED: lambda: "resumed",
        Event.LOOKED: lambda: f"looked ({said('what')}): {_verdicts(entry)}",
        Event.VALUE: lambda: f"{said('name')} is {said('value') or 'left open'}",
        Event.RUN: lambda: f"run {said('run')} began",
        Event.RAN: lambda: f"run {said('run')} ended: {said('status')}",
        Event.DID: lambda: f"did {said('command')}: {said('message')}",
        Event.COMMAND: lambda: f"ran {said('command')}: {_status(entry.data.get('status'))}",
        Event.NOTE: lambda: f"noted {said('text')}",
        Event.TICKED: lambda: f"done{to()}",
        Event.CHOSEN: lambda: f"chose {said('label')}{to()}",
        Event.OVERRIDDEN: lambda: f"overridden: {said('reason')}{to()}",
        Event.SKIPPED: lambda: f"skipped: {said('reason')}{to()}",
        Event.BACK: lambda: f"went back{to()}",
        Event.HANDED_OVER: lambda: f"handed over: {said('note')}",
        Event.ABANDONED: lambda: f"abandoned: {said('reason')}",
    }
    return words[entry.event]()


def _verdicts(entry: Entry) -> str:
    return ", ".join(_sign(each) for each in _looks(entry)) or "nothing was asked"


def _looks(entry: Entry) -> list[Mapping[str, Any]]:
    seen = entry.data.get("seen", ())
    return [each for each in seen if isinstance(each, Mapping)] if isinstance(seen, list | tuple) else []


def _sign(seen: Mapping[str, Any]) -> str:
    try:
        return SIGNS[Check(str(seen.get("verdict")))]
    except ValueError:
        return code(str(seen.get("verdict")))


def _status(status: object) -> str:
    return "it took too long and was ended" if status is None else f"exit status {code(str(status), table=True)}"


# ── what was done ────────────────────────────────────────────────────────────────────────────────────────────────


def _done(ctx: Context, session: Session) -> Iterator[str]:
    entries = [entry for entry in session.entries if entry.event in _ACTED]
    yield "## What was done"
    yield ""
    if not entries:
        yield "Nothing: no action, no command."
        yield ""
        return
    for entry in entries:
        if entry.event == Event.RUN:
            yield f"- {_time(entry.at)}: {code(str(entry.data.get('command', '')))}"
            yield from _run(ctx, session, str(entry.data.get("run", "")))
        elif entry.event == Event.DID:
            yield f"- {_time(entry.at)}: {code(str(entry.data.get('command', '')))}"
            yield f"  - {code(str(entry.data.get('message', '')))}"
        elif entry.event == Event.COMMAND:
            command = code(str(entry.data.get("command", "")))
            yield f"- {_time(entry.at)}: {command}, {_status(entry.data.get('status'))}"
            yield from _output(str(entry.data.get("output", "")))
    yield ""


def _output(text: str) -> Iterator[str]:
    lines = text.splitlines()
    if len(lines) > _LINES:
        yield f"  - {count(len(lines) - _LINES)} lines before these"
    yield from (f"  - {code(line)}" for line in lines[-_LINES:] if line.strip())


def _run(ctx: Context, session: Session, run: str) -> Iterator[str]:
    """How a run ended: as the ledger has it; as the session does where the ledger cannot tell."""
    try:
        row = get_run(ctx, run)
    except LedgerError as error:
        row = None
        yield f"  - the ledger cannot be read: {code(error.what)}"
    if row is not None:
        yield f"  - run {code(run)}: {_outcome(as_it_is(row))}"
        return
    ended = next((e for e in session.entries if e.event == Event.RAN and e.data.get("run") == run), None)
    told = (
        f"{code(str(ended.data.get('status')))}: {code(str(ended.data.get('message')))}" if ended else "not ended yet"
    )
    yield f"  - run {code(run)}: {told}"


def _outcome(row: RunRow) -> str:
    counts = [f"{count(number)} {name.replace('_', ' ')}" for name, number in row.counts.to_json().items() if number]
    parts = [row.status.value + (f", exit status {row.exit_status}" if row.exit_status is not None else "")]
    parts += [code(row.message)] if row.message else []
    parts += [", ".join(counts)] if counts else []
    parts += [f"{code(name)} overridden: {code(reason)}" for name, reason in row.overrides.items()]
    return "; ".join(parts)


# ── what was seen ────────────────────────────────────────────────────────────────────────────────────────────────


def _seen(session: Session) -> Iterator[str]:
    yield "## What was seen"
    yield ""
    any_looks = False
    for entry in session.entries:
        if entry.event != Event.LOOKED or not _looks(entry):
            continue
        any_looks = True
        step = session.procedure.find(entry.step)
        title = code(step.title) if step else code(entry.step)
        yield f"- {_time(entry.at)}, {title} ({code(str(entry.data.get('what', '')))}):"
        for seen in _looks(entry):
            held = "" if seen.get("good") else " (does not let one go on)"
            yield f"  - {_sign(seen)}{held} {code(str(seen.get('text', '')))}: {code(str(seen.get('evidence', '')))}"
            details = seen.get("details", ())
            for line in details if isinstance(details, list | tuple) else ():
                yield f"    - {code(str(line))}"
    if not any_looks:
        yield "Nothing was looked at."
    yield ""


def _against(session: Session) -> Iterator[str]:
    entries = [entry for entry in session.entries if entry.event in _AGAINST]
    yield "## Overridden, skipped, abandoned"
    yield ""
    if not entries:
        yield "Nothing."
    for entry in entries:
        step = session.procedure.find(entry.step)
        title = code(step.title) if step else code(entry.step)
        reason, who = code(str(entry.data.get("reason", ""))), code(entry.by)
        yield f"- {title} {_AGAINST[entry.event]} by {who} at {_time(entry.at)}: {reason}"
        if entry.data.get("lacking"):
            yield f"  - what was lacking: {code(str(entry.data['lacking']))}"
        for seen in _looks(entry):
            if not seen.get("good"):
                yield f"  - {_sign(seen)} {code(str(seen.get('text', '')))}: {code(str(seen.get('evidence', '')))}"
    yield ""


def _notes(session: Session) -> Iterator[str]:
    entries = [entry for entry in session.entries if entry.event in (Event.NOTE, Event.HANDED_OVER)]
    if not entries:
        return
    yield "## Notes"
    yield ""
    for entry in entries:
        handed = "handed over: " if entry.event == Event.HANDED_OVER else ""
        step = session.procedure.find(entry.step)
        where = f", {code(step.title)}" if step else ""
        text = str(entry.data.get("text" if entry.event == Event.NOTE else "note", ""))
        lines = [line for line in text.splitlines() if line.strip()] or [""]
        yield f"- {_time(entry.at)}, {code(entry.by)}{where}: {handed}{code(lines[0])}"
        yield from (f"  - {code(line)}" for line in lines[1:])
    yield ""


# ── before and after ─────────────────────────────────────────────────────────────────────────────────────────────


def _before_and_after(session: Session) -> Iterator[str]:
    """Of each thing that was looked at more than once, what it said first and last; branches and checks alike."""
    first: dict[str, Mapping[str, Any]] = {}
    last: dict[str, Mapping[str, Any]] = {}
    times: dict[str, int] = {}
    for entry in session.entries:
        for at, seen in enumerate(_looks(entry)):
            what = str(entry.data.get("what", "after")) if entry.event == Event.LOOKED else ""
            key = _asked(session.procedure, entry.step, what, at, seen)
            first.setdefault(key, seen)
            last[key] = seen
            times[key] = times.get(key, 0) + 1
    rows = [key for key, looks in times.items() if looks > 1]
    if not rows:
        return
    yield "## Before and after"
    yield ""
    yield "| looked at | first | last |"
    yield "|---|---|---|"
    for key in rows:
        said = (f"{_sign(each)} {code(str(each.get('evidence', '')), table=True)}" for each in (first[key], last[key]))
        yield f"| {code(key, table=True)} | {' | '.join(said)} |"
    yield ""


def _asked(procedure: Procedure, step: str, what: str, at: int, seen: Mapping[str, Any]) -> str:
    """The probe with its parameters, times left out: looks with the same are of the same thing."""
    probe = str(seen.get("probe", ""))
    found = procedure.find(step)
    if found is None:
        return probe
    branches = next((branch.evidence for branch in found.branches if branch.label == what), ())
    lists = {"before": found.before, "checks": found.checks, "after": found.after, "": (*found.checks, *found.after)}
    conditions = lists.get(what, branches)
    if at >= len(conditions) or conditions[at].probe != probe:
        return probe
    given = {name: value for name, value in conditions[at].parameters.items() if name not in _MOMENTS}
    return " ".join([probe, *(f"{name}={shlex.quote(str(value))}" for name, value in given.items())])
