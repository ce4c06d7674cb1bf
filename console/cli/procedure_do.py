"""Doing the current step of a session: an action by its plan, a short act, a shell command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from console.cli.ask import answer, confirm, typed
from console.cli.output import note, out
from console.cli.session import in_this_session
from console.cli.signals import Signals
from console.engine.errors import EngineError
from console.engine.procedures import guide
from console.engine.procedures.acts import ACTS
from console.engine.procedures.session import Event

if TYPE_CHECKING:
    from console.engine.actions.change.model import ChangePlan
    from console.engine.context import Context
    from console.engine.model import ActionParams, GateItem, Plan
    from console.engine.procedures.session import Session


class _Planned(Protocol):
    @property
    def refused(self) -> list[GateItem]: ...


@dataclass(slots=True)
class _Agreed:
    """What somebody said yes to. plan: None where the action binds none."""

    plan: Plan | ChangePlan | None = None
    overrides: dict[str, str] = field(default_factory=dict)


def same_as(ctx: Context, session: Session) -> str:
    """The command line that does the same as the current step; '' where there is none, or it cannot be told yet."""
    from console.engine.actions.command import command_line
    from console.engine.actions.parameters import make_params
    from console.engine.actions.registry import word_for
    from console.engine.context import workspace_name

    step = session.step
    if step is None or not (step.action or step.command):
        return ""
    if step.command:
        return guide.shell_line(session)
    if step.action in ACTS:
        return in_this_session(guide.act_line(session))
    try:
        params = make_params(ctx, step.action, guide.given_of(session))
        word = word_for(step.action, workspace_name(ctx))
    except EngineError:
        return ""
    return in_this_session(command_line(step.action, params, word=word))


def do_step(ctx: Context, session: Session) -> Session:
    """Do what the current step is there for, if whoever sits here agrees; the session as it is then.

    Raises EngineError: what it needs does not hold, it is refused, it does not start.
    """
    step = session.step
    assert step is not None
    session = guide.may_do(ctx, session)
    if step.kind == "command":
        return _command(ctx, session)
    if step.action in ACTS:
        return _act(ctx, session)
    return _run(ctx, session)


def _act(ctx: Context, session: Session) -> Session:
    """A short act: it has no plan, its command line says all of it; doctor says what it would repair."""
    note().line("  ", ("bold", same_as(ctx, session)))
    if session.step and session.step.action == "doctor repair":
        from console.engine.observe.doctor import examine

        for finding in examine(ctx):
            if finding.repair:
                note().line(f"    {finding.repair}")
    if not confirm("Do it?"):
        note().line("Nothing was changed.")
        return session
    session = guide.act(ctx, session)
    done = next(session.here(Event.DID), None)
    note().line(str(done.data.get("message", "")) if done else "It is done, and a note says so.")
    return session


# ── a run ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _run(ctx: Context, session: Session) -> Session:
    from console.cli.launch import launch
    from console.cli.result import Summary
    from console.engine.actions.parameters import make_params
    from console.engine.actions.registry import word_for
    from console.engine.context import workspace_name
    from console.engine.runs.reserve import make_room

    step = session.step
    assert step is not None
    if session.waiting_run:
        return follow(ctx, session)
    make_room(ctx, step.action)
    params = make_params(ctx, step.action, guide.given_of(session))
    word = word_for(step.action, workspace_name(ctx))
    agreed = _agree(ctx, step.action, params, word)
    if agreed is None:
        note().line("Nothing was changed.")
        return session
    kept = [session]

    def begun(run: str, command: str) -> None:
        try:
            kept[0] = guide.run_started(ctx, kept[0], run, command)
        except EngineError as error:  # it runs all the same, and whoever started it has to know its end
            note().line(("yellow", "note: "), f"the session could not keep that run {run} was started: {error.what}")

    summary = Summary(step.action, False)
    launch(
        ctx,
        step.action,
        params,
        agreed.overrides,
        agreed.plan,
        detach=False,
        foreground=False,
        summary=summary,
        word=word,
        begun=begun,
    )
    out().flush()
    return guide.settle_run(ctx, kept[0])


def follow(ctx: Context, session: Session) -> Session:
    """Watch the run that the current step waits for, whoever started it; the session when it has ended, or when
    whoever watches turned away."""
    from console.cli.follow_run import Watcher
    from console.cli.result import Summary

    step = session.step
    assert step is not None
    with Signals() as signals:
        Watcher(ctx, session.waiting_run, Summary(step.action, False), ours=True).follow(signals)
    out().flush()
    return guide.settle_run(ctx, session)


def _agree(ctx: Context, action: str, params: ActionParams, word: str) -> _Agreed | None:
    """Show the plan as the action's own command does, and ask; None for no. Raises EngineError, what refuses it."""
    from console.cli.action_options import check_gate

    agreed = _Agreed()
    nothing = _plan(ctx, action, params, agreed)
    refused = _refused(agreed, nothing)
    if refused and _release(ctx, refused, agreed):
        nothing = _plan(ctx, action, params, agreed)
        refused = _refused(agreed, nothing)
    check_gate(refused, agreed.overrides)
    question = f"Run {action}?"
    if agreed.plan is not None and not agreed.plan.files and not agreed.plan.recovery:
        question = f"There is nothing to do. Run {action} all the same, so that it is on record?"
    return agreed if (typed(question, word) if word else confirm(question)) else None


def _refused(agreed: _Agreed, planned: _Planned) -> list[GateItem]:
    return (agreed.plan or planned).refused


def _plan(ctx: Context, action: str, params: ActionParams, agreed: _Agreed) -> _Planned:
    """The plan, shown. What can be agreed to is kept in `agreed`."""
    from console.cli import change, plan_view, planning
    from console.engine.model import MigrateParams

    if isinstance(params, MigrateParams):
        plan = planning.make_plan(ctx, params, agreed.overrides, "scan")
        plan_view.show_plan(note(), plan)
        agreed.plan = plan
        return plan
    if action == "adopt":
        from console.cli import adopt

        adoption = adopt.make_plan(ctx)
        adopt.show(note(), adoption)
        return adoption
    if action == "leave":
        from console.cli import leave
        from console.engine.actions.leave.plan import plan_leave

        leaving = plan_leave(ctx)
        leave.show(note(), leaving)
        return leaving
    changes = change.make_plan(ctx, action, params)
    change.show(note(), changes)
    agreed.plan = changes
    return changes


def _release(ctx: Context, refused: list[GateItem], agreed: _Agreed) -> bool:
    """Whether somebody released, for this run, all that stands in the way: asked where all of it can be."""
    from console.engine.checks.gate import releasable
    from console.engine.reasons import AT_LEAST, says_why

    names = [item.name for item in refused]
    if not set(names) <= releasable(ctx.settings):
        return False
    note().line(f"Refused by {', '.join(names)}. Who knows better can release that for this one run, with a reason.")
    reason = answer("The reason, or Enter to leave it refused:")
    if not reason:
        return False
    if not says_why(reason):
        note().line(f"That is no reason: {AT_LEAST}. It is left refused.")
        return False
    agreed.overrides.update(dict.fromkeys(names, reason))
    return True


# ── a shell command ──────────────────────────────────────────────────────────────────────────────────────────────


def _command(ctx: Context, session: Session) -> Session:
    from console.engine.procedures.shell import run_shell
    from console.engine.text import duration

    step = session.step
    assert step is not None
    line = guide.shell_line(session)
    note().line(f"The shell would run this in {ctx.workspace.root}, for at most {duration(step.seconds)}:")
    for part in line.splitlines():
        note().line("  ", ("bold", part))
    if not typed("Nothing else is asked before it runs.", "yes"):
        note().line("Nothing was run.")
        return session
    shown = _Lines()
    with Signals() as signals:
        ran = run_shell(ctx, line, step.seconds, said=shown.take, cancelled=lambda: signals.pending is not None)
    shown.end()
    ended = ran.why or f"exit status {ran.status}"
    note().line(f"{ended}, after {duration(ran.took)}")
    output = ran.output if not ran.why else f"{ran.output.rstrip()}\n({ran.why})".lstrip()
    return guide.command_ran(ctx, session, line, ran.status, output, ran.took)


class _Lines:
    """Output of a command as it comes, line by line, made visible; the half of a line waits for its end."""

    def __init__(self) -> None:
        self._rest = ""

    def take(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            note().line("  ", line.rstrip("\r"))
        note().flush()
        if len(self._rest) > 4096:
            self.end()

    def end(self) -> None:
        if self._rest:
            note().line("  ", self._rest)
        self._rest = ""
