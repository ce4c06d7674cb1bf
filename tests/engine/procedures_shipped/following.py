"""Following a procedure to its end through the guide alone, as both fronts do, with real runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from console.engine.actions.parameters import make_params
from console.engine.context import Context, open_context
from console.engine.errors import RefusedError
from console.engine.procedures import guide
from console.engine.procedures.acts import ACTS
from console.engine.procedures.session import Session
from console.engine.runs.start import start_run
from tests.support.cli import run_cli

Answer = str | Callable[[Path], object]


@dataclass(slots=True)
class Followed:
    """A session that has come to its end, and the steps it went through, in order."""

    ctx: Context
    session: Session
    way: list[str] = field(default_factory=list)

    @property
    def overridden(self) -> list[str]:
        return [step for step, state in self.session.states.items() if state != "done"]


def follow(
    root: Path,
    name: str,
    answers: Mapping[str, Answer] | None = None,
    values: Mapping[str, str] | None = None,
    *,
    stop_at: str = "",
) -> Followed:
    """Take a procedure from its beginning to its end, each step once; a check that fails ends the test.

    answers: of a choice the beginning of a label, of an input its value; of any other step what somebody does
    outside before it is done. Of a choice without an answer the one branch is taken whose evidence is good.
    stop_at: the step at which to stop.
    """
    ctx = open_context(root)
    session = guide.start(ctx, name, values)
    done = Followed(ctx, session)
    while session.step is not None and session.step.id != stop_at:
        done.way.append(session.step.id)
        assert len(done.way) < 60, done.way
        session = _step(ctx, session, (answers or {}).get(session.step.id))
        done.session = session
    return done


def _step(ctx: Context, session: Session, answer: Answer | None) -> Session:
    step = session.step
    assert step is not None
    if callable(answer):
        answer(ctx.workspace.root)
    if step.kind == "choose":
        return _choose(ctx, session, answer)
    if step.kind == "input":
        if isinstance(answer, str) or not session.values.get(step.value):
            session = guide.set_value(ctx, session, answer if isinstance(answer, str) else step.default)
    elif step.kind in ("manual", "record"):
        session = guide.note(ctx, session, "done and seen")
    elif step.kind == "command":
        ran = subprocess.run(
            guide.shell_line(session), shell=True, cwd=ctx.workspace.root, capture_output=True, text=True, check=False
        )
        session = guide.command_ran(
            ctx, session, guide.shell_line(session), ran.returncode, ran.stdout + ran.stderr, 0.1
        )
    elif step.kind == "action":
        session = guide.act(ctx, session) if step.action in ACTS else do_run(ctx, session)
    try:
        return guide.tick(ctx, session)
    except RefusedError as error:
        raise AssertionError(f"{session.procedure.name}, step {step.id}: {error.what}; {error.next_step}") from error


def do_run(ctx: Context, session: Session) -> Session:
    """The current step's run, to its end."""
    step = session.step
    assert step is not None
    session = guide.may_do(ctx, session)
    run = start_run(ctx, step.action, make_params(ctx, step.action, guide.given_of(session)))
    session = guide.run_started(ctx, session, run.run_id, f"opsconsole {step.action}")
    while os.read(run.done_fd, 4096):
        pass
    os.close(run.done_fd)
    run.process.wait()
    return guide.settle_run(ctx, session)


def _choose(ctx: Context, session: Session, answer: Answer | None) -> Session:
    step = session.step
    assert step is not None
    session = guide.look(ctx, session)
    if isinstance(answer, str):
        labels = [branch.label for branch in step.branches if branch.label.startswith(answer)]
    else:
        labels = []
        for branch in step.branches:
            seen = guide.last_seen(session, branch.label) if branch.evidence else []
            if seen and all(each["good"] for each in seen):
                labels.append(branch.label)
    seen_all = {branch.label: guide.last_seen(session, branch.label) for branch in step.branches}
    assert len(labels) == 1, f"{session.procedure.name}, {step.id}: {labels}: {seen_all}"
    return guide.choose(ctx, session, labels[0])


def cli(root: Path, *words: str) -> str:
    """A command line that must not break; what it said."""
    ran = run_cli(root, *words)
    assert "Traceback" not in ran.stdout + ran.stderr, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr
