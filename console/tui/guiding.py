"""What a session in the console asks the engine, each for a thread: no widget is touched here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from console.engine.errors import EngineError
from console.engine.procedures import guide
from console.engine.procedures.acts import ACTS
from console.engine.procedures.session import MOVES, Event, Session
from widgets.procedures.words import Standing

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.model import ActionParams
    from console.engine.procedures.guide import Seen


@dataclass(frozen=True, slots=True)
class Stood:
    """A session as it can be shown. params: of the current step's action; trouble: why there are none; error: what
    came of the work, where it was refused."""

    standing: Standing
    params: ActionParams | None = None
    trouble: str = ""
    error: Exception | None = None

    def with_seen(self, seen: Mapping[str, Any]) -> Stood:
        """The same, with what was looked at and is kept nowhere."""
        return replace(self, standing=replace(self.standing, seen=seen))


def stand(ctx: Context, session: Session, seen: Mapping[str, Seen] | None = None) -> Stood:
    """With the command line of its step, and its parameters."""
    step = session.step
    command, params, trouble = "", None, ""
    try:
        if step is not None and step.kind == "command":
            command = guide.shell_line(session)
        elif step is not None and step.action in ACTS:
            command = guide.act_line(session)
        elif step is not None and step.kind == "action":
            params, command = _params(ctx, session, step.action)
    except EngineError as error:
        trouble = " · ".join(error.lines())
    return Stood(Standing(session, command, seen or {}), params, trouble)


def _params(ctx: Context, session: Session, action: str) -> tuple[ActionParams, str]:
    from console.engine.actions.command import command_line
    from console.engine.actions.parameters import make_params
    from console.engine.actions.registry import word_for
    from console.engine.context import workspace_name

    params = make_params(ctx, action, guide.given_of(session))
    return params, command_line(action, params, word=word_for(action, workspace_name(ctx)))


def work_on(
    ctx: Context,
    session: Session,
    work: Callable[[Session], Session | Stood],
) -> Stood:
    """Do it, and how the session stands then; what refused it is in `error`. Raises EngineError where the session
    cannot even be read again."""
    try:
        done = work(session)
        return done if isinstance(done, Stood) else stand(ctx, done)
    except Exception as error:  # noqa: BLE001 - it is shown, whatever it is
        again = stand(ctx, guide.reload(ctx, session))
        return Stood(again.standing, again.params, again.trouble, error)


def look(ctx: Context, session: Session, cancelled: Callable[[], bool]) -> Session | Stood:
    """Ask everything that the step asks. A session that only looks keeps nothing: what was seen is shown."""
    if not ctx.read_only:
        return guide.look(ctx, session, cancelled)
    seen: dict[str, Seen] = {}
    for what, conditions in guide.asked_by(session.step) if session.step else ():
        found = guide.ask_conditions(ctx, session, conditions, cancelled)
        if cancelled():
            break
        seen[what] = found
    return stand(ctx, session, seen)


def settle(ctx: Context, session: Session, cancelled: Callable[[], bool]) -> Session | Stood:
    """The end of the run that is waited for, if it has come, and what holds then."""
    settled = guide.settle_run(ctx, session)
    if session.waiting_run and not settled.waiting_run and settled.step is not None:
        return look(ctx, settled, cancelled)
    return settled


def answer(ctx: Context, session: Session, text: str, cancelled: Callable[[], bool]) -> Session:
    """A value, and on."""
    step = session.step
    if step is not None and (not text or session.values.get(step.value) != text):
        session = guide.set_value(ctx, session, text)
    return guide.tick(ctx, session, cancelled)


def kept(write: Callable[[], Session]) -> str:
    """Keep what has been done; why that could not be, '' where it was."""
    try:
        write()
    except EngineError as error:
        return " · ".join(error.lines())
    return ""


def open_sessions(ctx: Context, name: str) -> list[Session]:
    """Those of this procedure that are on their way, newest first."""
    from console.engine.procedures.journal import sessions

    return [each for each in sessions(ctx) if each.status == "open" and each.procedure.name == name]


def where_it_is(session: Session) -> str:
    """Where it stands, in a few words."""
    if session.step is None:
        return f"it is over: {session.status}"
    return f"it is at step {session.number}: {session.step.title}"


def kept_words(session: Session) -> str:
    """For the status line."""
    return f"{session.procedure.name} {session.number}/{len(session.procedure.steps)}" if session.step else ""


def report_lines(ctx: Context, session: Session) -> list[tuple[str, str]]:
    """The incident report as lines for a pager."""
    from console.engine.procedures.report import incident_markdown
    from widgets.pager.markdown import plain

    return plain("\n".join(incident_markdown(ctx, guide.reload(ctx, session))))


def taken_on(before: Session, now: Session, typed: str) -> str:
    """Who has taken a session to another step since `before`, and what was typed for the step it stood at; '' where it
    stands there still."""
    if (before.step and before.step.id, before.entered) == (now.step and now.step.id, now.entered):
        return ""
    moves = [entry for entry in now.entries[before.seq :] if entry.event in MOVES or entry.event == Event.ABANDONED]
    if not moves:
        return ""
    last = moves[-1]
    where = f" ({last.terminal.removeprefix('/dev/')})" if last.terminal else ""
    said = f"{last.by}{where} took it on: {last.event.value} {last.step}"
    return said + (f"; you had typed: {typed}" if typed and typed not in now.values.values() else "")
