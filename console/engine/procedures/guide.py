"""Taking a session on: look, do, tick, override, skip, go back, hand over, abandon. Both fronts use it and nothing
else; every call is one event of the journal, or an error and nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from console.engine.checks.checklists import ask, looking
from console.engine.checks.probes.look import Look
from console.engine.context import Context
from console.engine.errors import ConfigurationError, LedgerError, RefusedError, UsageError
from console.engine.model import Check, RunStatus
from console.engine.procedures import journal
from console.engine.procedures.acts import ACTS
from console.engine.procedures.fill import fill, fill_condition, fill_given, fill_shell, named
from console.engine.procedures.load import find_procedure
from console.engine.procedures.model import Condition, Procedure, Step
from console.engine.procedures.offers import valid_value
from console.engine.procedures.session import Event, Session, is_good, lacking, waived
from console.engine.reasons import check_reason
from console.engine.settings.checklists import ItemSetting, read_probe
from console.engine.text import recordable

# Of evidence that is kept: details, characters of one, of the evidence itself, of a command's output, of a note.
_LINES, _LINE, _EVIDENCE, _OUTPUT, _NOTE = 20, 300, 2000, 32 * 1024, 10_000
Seen = list[dict[str, Any]]


def never() -> bool:
    return False


# ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────────


def start(ctx: Context, name: str, values: Mapping[str, str] | None = None) -> Session:
    """A new session. values: of inputs, known already; those that the procedure does not ask for are left out.

    Raises UsageError (no such procedure, a value that cannot be), ReadOnlyError, EngineError.
    """
    return start_procedure(ctx, find_procedure(ctx, name), values)


def start_procedure(ctx: Context, procedure: Procedure, values: Mapping[str, str] | None = None) -> Session:
    """As `start`, of a procedure that lies in no folder: one that a runbook was made into."""
    known: dict[str, str] = {}
    for value, text in (values or {}).items():
        step = procedure.values.get(value)
        if step is not None and text:
            known[value] = valid_value(ctx, step.of, text)
    return journal.begin(ctx, procedure.name, procedure.source, known)


def resume(ctx: Context, text: str = "") -> Session:
    """The session that `text` names (its last digits; '' the newest open one). That somebody else, or another
    terminal, goes on with it is an event. A run that was waited for and has ended meanwhile is recorded.

    Raises UsageError, EngineError. A session that only looks writes nothing.
    """
    session = journal.load_session(ctx, journal.find_session(ctx, text))
    last, who = session.last_by, ctx.env.who
    if ctx.read_only or session.step is None or last is None:
        return session
    me = (recordable(who.login or who.user), recordable(who.terminal), recordable(who.host))
    if (last.by, last.terminal, last.host) != me:
        session = journal.write(ctx, session, Event.RESUMED)
    with suppress(LedgerError):  # it may be what the procedure is about
        session = settle_run(ctx, session)
    return session


def reload(ctx: Context, session: Session) -> Session:
    """As it is now, whoever took it on."""
    return journal.load_session(ctx, session.id)


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def look(ctx: Context, session: Session, cancelled: Callable[[], bool] = never) -> Session:
    """Ask everything that the current step asks, and keep what was said, where that may be written. What was still
    being asked when cancelled() became true is no answer, and is not kept."""
    for what, conditions in asked_by(_step(session)):
        seen = ask_conditions(ctx, session, conditions, cancelled)
        if cancelled():
            break
        session = _looked(ctx, session, what, seen)
    return session


def asked_by(step: Step) -> list[tuple[str, tuple[Condition, ...]]]:
    """Everything that a step asks, by the name under which `last_seen` has what was said."""
    asked = [("before", step.before), ("checks", step.checks), ("after", step.after)]
    asked += [(branch.label, branch.evidence) for branch in step.branches]
    return [(what, conditions) for what, conditions in asked if conditions]


def ask_conditions(
    ctx: Context, session: Session, conditions: Iterable[Condition], cancelled: Callable[[], bool] = never
) -> Seen:
    """What the probes say now: text, probe, verdict, good, evidence, next_step, details."""
    found: Seen = []
    with looking(ctx, cancelled) as opened:
        for condition in conditions:
            found.append(_ask(opened, session, condition))
    return found


def _ask(opened: Look, session: Session, condition: Condition) -> dict[str, Any]:
    filled = fill_condition(condition, session.all_values)
    entry = {"probe": filled.probe, "parameters": filled.parameters}
    seen: dict[str, Any] = {"text": filled.text, "probe": filled.probe}
    try:
        _, parameters = read_probe(entry, session.procedure.name, "condition")
    except ConfigurationError as error:  # this version asks it in another way, or a value is none that it takes
        step = "look at it yourself, then override with a reason"
        return {**seen, "verdict": "unknown", "good": False, "evidence": error.what, "next_step": step, "details": []}
    item = ItemSetting(filled.probe, filled.text, "probe", filled.probe, parameters)
    result = ask(opened, "procedure", item)
    verdict = result.verdict or Check.UNKNOWN
    return {
        **seen,
        "verdict": verdict.value,
        "good": verdict in filled.good,
        "evidence": recordable(result.evidence)[:_EVIDENCE],
        "next_step": recordable(result.next_step)[:_EVIDENCE],
        "details": [recordable(line)[:_LINE] for line in result.details[:_LINES]],
    }


def _looked(ctx: Context, session: Session, what: str, seen: Seen) -> Session:
    if ctx.read_only:
        return session
    said = [(each["verdict"], each["evidence"]) for each in seen]
    for entry in session.here(Event.LOOKED):
        if entry.data.get("what") == what:
            if [(each["verdict"], each["evidence"]) for each in entry.data["seen"]] == said:
                return session  # the same again is no news
            break
    return journal.write(ctx, session, Event.LOOKED, what=what, seen=seen)


def last_seen(session: Session, what: str) -> Seen:
    """What the newest look of the current step said of `before`, `checks`, `after` or a branch; [] for none."""
    for entry in session.here(Event.LOOKED):
        if entry.data.get("what") == what:
            return list(entry.data["seen"])
    return []


# ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def may_do(ctx: Context, session: Session) -> Session:
    """The session, its preconditions looked at. Raises RefusedError: one does not hold, or a value is not known."""
    step = _step(session)
    given = [value for value in step.given.values() if isinstance(value, str)]
    for name in (each for text in (step.command, *given) for each in named(text)):
        if name not in session.all_values:
            asked = session.procedure.values.get(name)
            where = f"step {session.procedure.number(asked.id)} asks for it: go back to it" if asked else ""
            raise RefusedError(f"the value `{name}` is not known", untouched="everything", next_step=where)
    if not step.before:
        return session
    seen = ask_conditions(ctx, session, step.before)
    session = _looked(ctx, session, "before", seen)
    if not is_good(seen):
        raise _refused("this cannot be done yet", seen)
    return session


def given_of(session: Session) -> dict[str, str | int | bool]:
    """The parameters of the current step's action, values in their places."""
    step = _step(session)
    filled = fill_given(step.given, session.all_values)
    return {name: value for name, value in filled.items() if isinstance(value, str | int | bool)}


def act(ctx: Context, session: Session) -> Session:
    """Do a short act (`maintenance on`). Raises EngineError."""
    step = _step(session)
    known = ACTS.get(step.action)
    if known is None:
        raise UsageError(f"there is no short act {step.action!r}", untouched="everything")
    session = may_do(ctx, session)
    given = given_of(session)
    message = known.do(ctx, given)
    return _fact(ctx, session, Event.DID, command=act_line(session), message=message)


def act_line(session: Session) -> str:
    """The command line that does the same as the current step's short act; '' where it is none."""
    known = ACTS.get(_step(session).action)
    given = {name: str(value) for name, value in given_of(session).items()}
    return fill_shell(known.command, given) if known else ""


def run_started(ctx: Context, session: Session, run: str, command: str) -> Session:
    """A run was started for the current step; from now on any terminal that goes on here waits for it."""
    return _fact(ctx, session, Event.RUN, run=run, command=command)


def settle_run(ctx: Context, session: Session) -> Session:
    """Record the end of every run that was started here and has ended, also of a step that was left meanwhile.

    Whoever else took the session on: it is recorded once, and the session comes back as it is then. Raises EngineError.
    """
    for run in () if ctx.read_only else session.unsettled:
        ended = _end_of(ctx, run)
        while ended and run in session.unsettled:
            try:
                session = journal.write(ctx, session, Event.RAN, **ended)
            except journal.MovedOnError:
                session = reload(ctx, session)
    return session


def _end_of(ctx: Context, run: str) -> dict[str, Any]:
    """How a run has ended; nothing while it goes on."""
    from console.engine.runs.query import as_it_is, get_run

    row = get_run(ctx, run)
    if row is None:  # the ledger was made anew meanwhile
        return {"run": run, "status": "unknown", "exit_status": None, "message": "the ledger has no such run"}
    row = as_it_is(row)
    if row.status == RunStatus.RUNNING:
        return {}
    return {"run": row.id, "status": row.status.value, "exit_status": row.exit_status, "message": row.message}


def _fact(ctx: Context, session: Session, event: Event, **data: Any) -> Session:
    """Something that has been done, whoever took the session on meanwhile: where it is at another step by now, a note
    says what was done for this one."""
    here = _step(session).id
    while True:
        try:
            return journal.write(ctx, session, event, **data)
        except journal.MovedOnError:
            session = reload(ctx, session)
        if session.step is None or session.step.id != here:
            said = "; ".join(f"{name} {value}" for name, value in data.items() if value not in ("", None))
            event, data = Event.NOTE, {"text": f"done for step {here}, which was left meanwhile: {said}"[:_NOTE]}


def shell_line(session: Session) -> str:
    """The current step's command, each value quoted, as the shell gets it."""
    return fill_shell(_step(session).command, session.all_values)


def command_ran(ctx: Context, session: Session, command: str, status: int | None, output: str, took: float) -> Session:
    """A command of the current step has ended. status None: it took too long and was ended."""
    cut = "" if len(output) <= _OUTPUT else "(what it said before is not kept)\n"
    kept = cut + output[-_OUTPUT:]
    return _fact(ctx, session, Event.COMMAND, command=command, status=status, output=kept, seconds=round(took, 1))


def note(ctx: Context, session: Session, text: str) -> Session:
    """Raises UsageError where nothing is said."""
    said = _said(text, "a note says something")
    return journal.write(ctx, session, Event.NOTE, text=said)


def set_value(ctx: Context, session: Session, text: str) -> Session:
    """The value that the current step asks for; '' where it may be left open. Raises UsageError."""
    step = _step(session)
    if step.kind != "input":
        raise UsageError("this step asks for no value", untouched="everything")
    if not text.strip():
        if not step.optional:
            raise UsageError(f"say which {step.of}", untouched="everything")
        return journal.write(ctx, session, Event.VALUE, name=step.value, value="")
    value = valid_value(ctx, step.of, text.strip())
    return journal.write(ctx, session, Event.VALUE, name=step.value, value=recordable(value))


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────────────────


def tick(ctx: Context, session: Session, cancelled: Callable[[], bool] = never) -> Session:
    """The current step is done: its checks are asked now, and only if all are good the next one is entered.

    Raises RefusedError with what is lacking, or which check says what; MovedOnError.
    """
    step, entered = _step(session), session.entered
    session = settle_run(ctx, session)
    if (session.step, session.entered) != (
        step,
        entered,
    ):  # the end of the run was recorded, and the step left, by somebody else
        raise journal.moved_on(session.entries)
    missing = lacking(session)
    if missing and not (waived(step) and not session.waiting_run):
        raise RefusedError(missing, untouched="the step is still open")
    for what, conditions in _gates(step):
        seen = ask_conditions(ctx, session, conditions, cancelled)
        if cancelled():
            raise RefusedError("nobody waited for its checks", untouched="the step is still open")
        session = _looked(ctx, session, what, seen)
        if not is_good(seen):
            raise _refused(missing or "this is not so yet", seen)
    return journal.write(ctx, session, Event.TICKED, to=step.next)


def _gates(step: Step) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    """What has to hold when a step is ticked. What was to hold before an action may have ended with it."""
    done = step.kind in ("action", "command")
    for what, conditions in (("before", () if done else step.before), ("checks", step.checks), ("after", step.after)):
        if conditions:
            yield what, conditions


def choose(ctx: Context, session: Session, label: str) -> Session:
    """One branch of a choice. Raises UsageError."""
    step = _step(session)
    branch = next((each for each in step.branches if each.label == label), None)
    if branch is None:
        known = "; ".join(each.label for each in step.branches)
        raise UsageError(f"there is no branch {label!r}", next_step=f"one of: {known}" if known else "")
    return journal.write(ctx, session, Event.CHOSEN, label=label, to=branch.to)


def override(ctx: Context, session: Session, reason: str) -> Session:
    """Tick the current step although it is not done, or its checks fail. Raises UsageError."""
    step = _step(session)
    said = _said(reason, "an override needs a reason")
    if step.kind == "choose":
        raise UsageError("a choice cannot be overridden: choose a branch", untouched="everything")
    seen: Seen = []
    for _, conditions in _gates(step):
        seen += ask_conditions(ctx, session, conditions)
    return journal.write(ctx, session, Event.OVERRIDDEN, reason=said, lacking=lacking(session), seen=seen, to=step.next)


def skip(ctx: Context, session: Session, reason: str) -> Session:
    """Leave the current step undone. Raises UsageError."""
    step = _step(session)
    said = _said(reason, "skipping needs a reason")
    if step.kind == "choose":
        raise UsageError("a choice cannot be skipped: choose a branch", untouched="everything")
    return journal.write(ctx, session, Event.SKIPPED, reason=said, to=step.next)


def back(ctx: Context, session: Session) -> Session:
    """To the step before. What was done there stays done; it is open again. Raises UsageError."""
    _step(session)
    if len(session.way) < 2:
        raise UsageError("this is the first step", untouched="everything")
    return journal.write(ctx, session, Event.BACK, to=session.way[-2])


def hand_over(ctx: Context, session: Session, text: str) -> Session:
    """Say for whoever goes on what they should know. Raises UsageError."""
    _step(session)
    return journal.write(ctx, session, Event.HANDED_OVER, note=_said(text, "say what the next one should know"))


def abandon(ctx: Context, session: Session, reason: str) -> Session:
    """End it before its end. What was done stays done. Raises UsageError."""
    _step(session)
    return journal.write(ctx, session, Event.ABANDONED, reason=_said(reason, "abandoning needs a reason"))


def text_of(session: Session, step: Step | None = None) -> str:
    """What a step says, values in their places."""
    chosen = step or session.step
    return fill(chosen.text, session.all_values) if chosen else ""


def _step(session: Session) -> Step:
    if session.step is None:
        raise UsageError(f"this session is over: {session.status}", next_step="`opsconsole procedure list`")
    return session.step


def _said(text: str, what: str) -> str:
    said = check_reason(text, what, next_step="")
    if len(text) > _NOTE:
        step = "put it into a file and name the file"
        raise UsageError(f"that is too long: more than {_NOTE:,} characters", untouched="everything", next_step=step)
    return recordable(said)


def _refused(what: str, seen: Seen) -> RefusedError:
    bad = next(each for each in seen if not each["good"])
    more = sum(not each["good"] for each in seen) - 1
    others = f" (and {more} more)" if more else ""
    return RefusedError(
        f"{what}: {bad['text']}: {bad['evidence']}{others}",
        untouched="the step is still open",
        next_step=bad["next_step"] or "put that right and look again, or override it with a reason",
    )
