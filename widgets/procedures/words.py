"""How a session reads: its steps with their signs, what a look said, what was done, as cells for `paint`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from console.engine.model import Check
from console.engine.procedures import guide
from console.engine.procedures.fill import fill_condition
from console.engine.procedures.model import Condition, Step
from console.engine.procedures.session import Entry, Event, Session, lacking, verdict_of, waived
from console.engine.text import plural, visible
from widgets.look import Cell, fit, marked, short_time, width_of, wrap

Line = list[Cell]
Seen = Sequence[Mapping[str, Any]]

SIGNS: Mapping[Check, tuple[str, str]] = {
    Check.PASS: ("✓", "good"),
    Check.WARN: ("!", "warn"),
    Check.FAIL: ("✗", "bad"),
    Check.UNKNOWN: ("?", "warn"),
}
STATES: Mapping[str, tuple[str, str, str]] = {
    "done": ("✓", "good", ""),
    "overridden": ("!", "warn", "overridden"),
    "skipped": ("–", "warn", "skipped"),
}
TITLE_MOST = 36  # cells of a step's title where something stands beside it
_BESIDE = 24  # cells that what stands beside a title has at least
_COMMAND = 3  # lines of a command under a session
_HERE = 5  # things done in this step that are shown; all are in the evidence
GOOD_ENOUGH = "good enough here"  # of what did not pass and need not
_PARAGRAPHS = 40  # lines of a step's text


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as it is shown. command: the line that does the current step, '' for none; seen: what was looked at
    and not kept, because nothing is written from here."""

    session: Session
    command: str = ""
    seen: Mapping[str, Seen] = field(default_factory=dict)

    def seen_of(self, what: str) -> Seen:
        return self.seen.get(what) or guide.last_seen(self.session, what)


# ── the head and the steps ───────────────────────────────────────────────────────────────────────────────────────


def head(session: Session, width: int, zone: tzinfo | None, now: datetime) -> Line:
    """Title, how far, since when and whose."""
    began = f"started {short_time(session.started_at, zone, now)} by {visible(session.started_by)}"
    steps = len(session.procedure.steps)
    far = f"step {session.number} of {steps}" if session.step else session.status
    tone = "strong" if session.step else "good" if session.status == "done" else "warn"
    for middle in (f"   {began}", f"   {visible(session.started_by)}", ""):
        room = width - 3 - width_of(far) - width_of(middle)
        if room >= min(width_of(visible(session.procedure.title)), 24):
            break
    title = visible(session.procedure.title)
    return [" ", (fit(title, room), "accent"), " ", (far, tone), (middle, "dim")]


def step_line(session: Session, step: Step, width: int, titles: int) -> Line:
    """One line of the list: sign, number, title, and what came of it."""
    number = session.procedure.number(step.id)
    state = STATES.get(session.states.get(step.id, ""))
    current = session.step is not None and session.step.id == step.id
    sign, tone, word = state or ("▶", "running", "") if state or current else (" ", "dim", "")
    said = outcome(session, step.id) if state else ""  # of a step that was gone back from it says nothing any more
    beside = f"{word}: {said}" if word and said else word or said
    room = width - 6 - titles - 2
    text_tone = "strong" if current else "" if state else "dim"
    line: Line = [" ", (sign, tone), f" {number:>2} ", (fit(visible(step.title), min(titles, width - 6)), text_tone)]
    if beside and not current and room >= 8:
        line += ["  ", (fit(visible(beside), room).rstrip(), "warn" if word else "dim")]
    return line


def title_width(session: Session, width: int) -> int:
    """Cells of the column of titles."""
    longest = max(width_of(visible(step.title)) for step in session.procedure.steps)
    return max(8, min(longest, TITLE_MOST if width >= TITLE_MOST + _BESIDE else width - 6))


def outcome(session: Session, step: str) -> str:
    """What came of a step, in a few words; '' where nothing did."""
    for entry in reversed(session.entries):
        if entry.step == step and (said := _said(entry)):
            return said
    return ""


def _said(entry: Entry) -> str:
    data = entry.data
    match entry.event:
        case Event.OVERRIDDEN | Event.SKIPPED:
            return str(data.get("reason", ""))
        case Event.CHOSEN:
            return str(data.get("label", ""))
        case Event.VALUE:
            return f"{data.get('name')} = {data.get('value') or 'left open'}"
        case Event.RAN:
            return f"run {_short(data.get('run'))}: {data.get('status')} {data.get('message') or ''}".rstrip()
        case Event.DID:
            return str(data.get("message", ""))
        case Event.COMMAND:
            return f"command: {status_words(data.get('status'))}"
        case Event.NOTE:
            return str(data.get("text", ""))
        case Event.LOOKED if data.get("what") in ("checks", "after"):
            return _of_look(data.get("seen") or ())
    return ""


def _of_look(seen: Seen) -> str:
    bad = [each for each in seen if not each.get("good")]
    return str((bad or list(seen) or [{}])[0].get("evidence", ""))


def _short(run: object) -> str:
    return str(run).rsplit("-", 1)[-1]


def status_words(status: object) -> str:
    """How a command ended."""
    return "ended before its end" if status is None else f"exit status {status}"


def command_lines(command: str, width: int) -> list[str]:
    """A command line, cut after so many lines: its dialog shows all of it."""
    pieces = [piece for line in command.split("\n") for piece in wrap(visible(line), width - 2, "  ")]
    cut = [*pieces[: _COMMAND - 1], f"{pieces[_COMMAND - 1]} …"] if len(pieces) > _COMMAND else pieces
    return [f"{'  ' if at else '$ '}{piece}" for at, piece in enumerate(cut)]


# ── the current step ─────────────────────────────────────────────────────────────────────────────────────────────


def detail(
    standing: Standing, width: int, indent: int, zone: tzinfo | None, now: datetime, progress: str
) -> list[Line]:
    """Everything about the current step, each line at most `width` cells. progress: of the run that is waited for."""
    session = standing.session
    step = session.step
    if step is None:
        return _ending(session, width, indent, zone, now)
    room = max(20, width - indent - 1)
    rows: list[Line] = []
    for paragraph in paragraphs(guide.text_of(session))[:_PARAGRAPHS]:
        rows += [marked(piece) for piece in wrap(visible(paragraph), room)] if paragraph else [[]]
    rows += _asked(standing, step, room)
    if step.kind == "input":
        rows.append(_value(session, step))
    rows += _here(session, room, zone, now)
    waiting = session.waiting_run
    if waiting:
        rows.append(
            [(f"▶ run {_short(waiting)} is in progress" + (f": {visible(progress)}" if progress else ""), "running")]
        )
    rows += _lacks(session, step, room, progress=bool(waiting))
    return [[" " * indent, *row] for row in rows]


def paragraphs(text: str) -> list[str]:
    """A step's text without the line ends that only its file needed: a blank line parts, and so does an item's dash, a
    number, or an indent."""
    out: list[str] = []
    for line in text.split("\n"):
        begins = not line.strip() or line[0] in " -*" or line[:1].isdigit()
        if begins or not out or not out[-1]:
            out.append(line.rstrip())
        else:
            out[-1] += " " + line.strip()
    return out if text else []


def _asked(standing: Standing, step: Step, room: int) -> list[Line]:
    rows: list[Line] = []
    groups = [("first", "before", step.before), ("", "checks", step.checks), ("then", "after", step.after)]
    for label, what, conditions in groups:
        rows += _conditions(standing, what, label, conditions, room)
    for branch in step.branches:
        if branch.evidence:
            rows.append([(fit(f"For: {visible(branch.label)}", room).rstrip(), "strong")])
            rows += _conditions(standing, branch.label, "", branch.evidence, room, branch=True)
    return rows


def _conditions(
    standing: Standing, what: str, label: str, conditions: Sequence[Condition], room: int, *, branch: bool = False
) -> list[Line]:
    """Each with its verdict and its evidence, or that nobody has looked yet."""
    rows: list[Line] = []
    seen = standing.seen_of(what)
    for at, condition in enumerate(conditions):
        if at < len(seen):
            rows += _seen(seen[at], label, room, branch=branch)
        else:
            text = fill_condition(condition, standing.session.all_values).text
            rows.append(
                [("· ", "dim"), (fit(f"{_labelled(label, text)}   not looked at yet", room - 2).rstrip(), "dim")]
            )
    return rows


def _labelled(label: str, text: str) -> str:
    return f"{label}: {visible(text)}" if label else visible(text)


def _seen(each: Mapping[str, Any], label: str, room: int, *, branch: bool) -> list[Line]:
    """One answer of a look. What lets one go on is one line where it fits; what does not says what helps too. branch:
    it speaks for one or against it, and neither is right or wrong."""
    verdict, good = verdict_of(each), bool(each.get("good"))
    sign, tone = SIGNS[verdict]
    if branch and (good or verdict != Check.UNKNOWN):
        sign, tone = SIGNS[Check.PASS] if good else ("·", "dim")
    text = _labelled(label, str(each.get("text", "")))
    evidence = visible(str(each.get("evidence", "")))
    beside = room - 2 - width_of(text) - 3
    rows: list[Line]
    if width_of(evidence) <= beside:
        rows = [[(f"{sign} ", tone), text, "   ", (evidence, "dim" if good else "")]]
    else:
        rows = [[(f"{sign} " if not at else "  ", tone), piece] for at, piece in enumerate(wrap(text, room - 2)[:2])]
        rows += [["    ", (piece, "dim" if good else "")] for piece in wrap(evidence, room - 4)[:3]]
    if branch:
        return rows
    if not good and each.get("next_step"):
        rows += [
            ["    ", *marked(piece, "dim")] for piece in wrap(f"next: {visible(str(each['next_step']))}", room - 4)[:3]
        ]
    elif good and verdict != Check.PASS:
        taken = sum(width_of(cell if isinstance(cell, str) else cell[0]) for cell in rows[-1])
        if taken + 3 + width_of(GOOD_ENOUGH) <= room:
            rows[-1].append((f"   {GOOD_ENOUGH}", "dim"))
        else:
            rows.append(["    ", (GOOD_ENOUGH, "dim")])
    return rows


def branch_rows(standing: Standing, step: Step) -> list[list[Cell]]:
    """The branches of a choice, each with how much speaks for it."""
    rows: list[list[Cell]] = []
    for branch in step.branches:
        seen = standing.seen_of(branch.label)
        good = sum(bool(each.get("good")) for each in seen)
        said: Cell = ("· not looked at yet" if branch.evidence else "", "dim")
        if seen:
            whole = good == len(seen)
            said = (f"{'✓' if whole else '·'} {good} of {len(seen)} speak for it", "good" if whole else "dim")
        rows.append([branch.label, said])
    return rows


def _value(session: Session, step: Step) -> Line:
    value = session.values.get(step.value, "")
    more = [step.of if step.of != step.value else "", "may be left open" if step.optional else ""]
    said = ", ".join(each for each in more if each)
    name = step.value + (f" ({said})" if said else "")
    return [(f"{name}: ", "dim"), (visible(value), "strong") if value else ("not known yet", "dim")]


def _here(session: Session, room: int, zone: tzinfo | None, now: datetime) -> list[Line]:
    """What was done since the step was entered, oldest first."""
    entries = [entry for entry in session.here() if _told(entry)]
    rows: list[Line] = []
    if len(entries) > _HERE:
        rows.append([(f"{plural(len(entries) - _HERE, 'thing')} before: e shows all", "dim")])
    for entry in reversed(entries[:_HERE]):
        start = f"{short_time(entry.at, zone, now)} {visible(entry.by)}  "
        pieces = wrap(visible(_told(entry)), max(16, room - width_of(start)))
        rows.append([(start, "dim"), pieces[0]])
        rows += [[" " * width_of(start), piece] for piece in pieces[1:3]]
    return rows


def _told(entry: Entry) -> str:
    """What of a journal's entry is worth a line in its step."""
    data = entry.data
    match entry.event:
        case Event.RUN:
            return f"started run {_short(data.get('run'))}: {data.get('command')}"
        case Event.RAN | Event.DID:
            return _said(entry)
        case Event.COMMAND:
            last = str(data.get("output", "")).strip().rsplit("\n", 1)[-1]
            came = status_words(data.get("status")) + (f": {last}" if last else "")
            return f"{came} – $ {data.get('command')}"  # what came of it first: of a long one the end is cut
        case Event.NOTE:
            return f"note: {data.get('text')}"
        case Event.HANDED_OVER:
            return f"handed over: {data.get('note')}"
        case Event.RESUMED:
            return f"goes on here, from {entry.terminal or entry.host or 'another terminal'}"
    return ""


def _lacks(session: Session, step: Step, room: int, *, progress: bool) -> list[Line]:
    """Why it cannot be ticked yet, its checks left out."""
    missing = lacking(session)
    if not missing or step.kind in ("choose", "input") or progress:
        return []
    if (
        waived(step)
        and all(each.get("good") for each in guide.last_seen(session, "after"))
        and (guide.last_seen(session, "after"))
    ):
        return [[("it is so already: t ticks it", "good")]]
    hint = {"manual": "   n: write it", "record": "   n: write it", "action": "   d: do it", "command": "   d: run it"}
    return [[(piece, "warn")] for piece in wrap(f"! {visible(missing)}{hint.get(step.kind, '')}", room)[:2]]


def _ending(session: Session, width: int, indent: int, zone: tzinfo | None, now: datetime) -> list[Line]:
    last = session.entries[-1]
    word = "Done" if session.status == "done" else "Abandoned"
    when = f"{word} {short_time(last.at, zone, now)} by {visible(last.by)}"
    rows: list[Line] = [[(when, "good" if session.status == "done" else "warn")]]
    reason = str(last.data.get("reason", ""))
    if reason and session.status == "abandoned":
        rows += [[piece] for piece in wrap(visible(reason), width - indent - 1)[:3]]
    left = sum(state != "done" for state in session.states.values())
    if left:
        rows.append([(f"{plural(left, 'step')} overridden or skipped", "warn")])
    rows.append([("r: the report   e: everything that was kept   Esc: back to the list", "dim")])
    return [[" " * indent, *row] for row in rows]


# ── everything that is kept ──────────────────────────────────────────────────────────────────────────────────────


def evidence(session: Session, zone: tzinfo | None, now: datetime) -> list[tuple[str, str]]:
    """The whole journal as lines for a pager, the oldest first."""
    rows: list[tuple[str, str]] = []
    for entry in session.entries:
        what = f"{entry.event.value} {_for_pager(entry)}".rstrip()
        where = f"  [{entry.step}]" if entry.step else ""
        rows.append((f"{short_time(entry.at, zone, now)} {entry.by}{where}  {what}", "strong"))
        rows += _more(entry)
    return rows


def _for_pager(entry: Entry) -> str:
    data = entry.data
    if entry.event == Event.LOOKED:
        return f"({data.get('what')})"
    if entry.event == Event.STARTED:
        values = ", ".join(f"{name} = {value}" for name, value in dict(data.get("values") or {}).items())
        return f"{data.get('procedure')} {values}".rstrip()
    if entry.event in (Event.TICKED, Event.BACK):
        return f"to {data.get('to')}"
    return _told(entry) or _said(entry) or str(data.get("reason", ""))


def _more(entry: Entry) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for each in entry.data.get("seen") or ():
        sign, tone = SIGNS[verdict_of(each)]
        rows.append((f"    {sign} {each.get('text')}: {each.get('evidence')}", tone if not each.get("good") else ""))
        if each.get("next_step") and not each.get("good"):
            rows.append((f"      next: {each['next_step']}", "dim"))
        rows += [(f"        {line}", "dim") for line in each.get("details") or ()]
    output = str(entry.data.get("output", "")).rstrip("\n")
    rows += [(f"    │ {line}", "dim") for line in output.split("\n")] if output else []
    return rows
