"""The options that mutating commands share, and the question that most of them end in."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from console.cli.session import on_terminal, open_session, refuse_when_read_only

if TYPE_CHECKING:
    from console.cli.output import Stream
    from console.engine.context import Context
    from console.engine.model import GateItem


class _Gated(Protocol):
    @property
    def refused(self) -> list[GateItem]: ...


P = TypeVar("P", bound=_Gated)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class HowToRun:
    """What was typed of the shared options."""

    dry_run: bool
    yes: bool
    detach: bool
    foreground: bool
    as_json: bool
    overridden: tuple[str, ...] = ()
    reason: str = ""
    word: str = ""

    @property
    def overrides(self) -> dict[str, str]:
        """Item -> reason."""
        return dict.fromkeys(self.overridden, self.reason.strip())


def run_options(function: F) -> F:
    """`--dry-run --yes --detach --foreground --override --reason --confirm --json`; the command takes them as
    `**shared`."""
    options = (
        click.option("--dry-run", is_flag=True, help="Show what would happen; change nothing."),
        click.option("--yes", is_flag=True, help="Run without asking."),
        click.option("--detach", is_flag=True, help="Start the run and come back at once."),
        click.option("--foreground", is_flag=True, help="Run in this process, for systemd and containers."),
        click.option("--override", "overridden", metavar="ITEM", multiple=True, help="Release a check for this run."),
        click.option("--reason", metavar="TEXT", default="", help="Why; kept with the run."),
        click.option("--confirm", "word", metavar="WORD", default="", help="The word, where an action asks for one."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line, last the summary."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def how_to_run(shared: dict[str, Any]) -> HowToRun:
    """Raises click.UsageError for options that exclude each other."""
    how = HowToRun(**shared)
    if how.detach and how.foreground:
        raise click.UsageError("--detach and --foreground exclude each other.")
    if how.dry_run and (how.detach or how.foreground):
        raise click.UsageError("--dry-run runs nothing that could be detached or put in the foreground.")
    check_override_reason(how.overridden, how.reason)
    return how


def check_override_reason(overridden: tuple[str, ...], reason: str) -> None:
    """Raises click.UsageError where something is released and nobody says why."""
    from console.engine.reasons import AT_LEAST, says_why

    if overridden and not says_why(reason):
        raise click.UsageError(f"--override needs --reason TEXT, {AT_LEAST}: it is kept with the run.")


def agreed(question: str, how: HowToRun, *, word: str = "") -> bool:
    """Whether to go on: --yes, or a yes at the terminal; word: has to be typed there, or given with --confirm.

    Raises UsageError where nobody can be asked.
    """
    from console.cli.ask import confirm, typed
    from console.cli.output import note
    from console.engine.errors import EXIT_CANCELLED, UsageError

    if word and (how.word or how.yes) and how.word != word:
        raise UsageError(
            f"the word is wrong: {how.word!r}" if how.word else "this action asks for a word",
            untouched="everything",
            next_step=f"add --confirm {word}, the workspace's name, if it is this workspace that you mean",
        )
    if how.yes:
        return True
    if not on_terminal():
        raise UsageError(
            "there is no terminal to ask on whether to run this",
            untouched="everything",
            next_step="add --yes to run it, or --dry-run to see what would happen",
        )
    try:
        if typed(question, word) if word and not how.word else confirm(question):
            return True
    except KeyboardInterrupt:
        note().line("")
        note().line("Interrupted; nothing was changed.")
        raise click.exceptions.Exit(EXIT_CANCELLED) from None
    note().line("Nothing was changed.")
    return False


def check_gate(refused: Sequence[GateItem], overrides: Container[str] = ()) -> None:
    """Raises RefusedError where gate items refuse; LockedError where all that refuses is another run."""
    from console.engine.errors import LockedError, RefusedError

    left = [item for item in refused if item.name not in overrides]
    names = [item.name for item in left]
    if names == ["lock"]:
        raise LockedError(left[0].evidence, untouched="everything", next_step=left[0].next_step)
    if names:
        raise RefusedError("refused by " + ", ".join(names), untouched="everything", next_step="see above")


def plan_ask_run(
    action: str,
    how: HowToRun,
    *,
    question: str,
    make_plan: Callable[[Context], P],
    show: Callable[[Stream, P], None],
    counts: Callable[[P], dict[str, int]],
) -> int:
    """An action without parameters from its plan to its end: shown, asked about, run. The exit status.

    counts: what the JSON summary of a dry run says. Raises EngineError as the plan, the gate and the run do.
    """
    from console.cli.launch import launch
    from console.cli.output import note, out
    from console.cli.result import Summary
    from console.engine.errors import EXIT_FAILURES, EXIT_OK, EngineError
    from console.engine.model import ActionParams

    summary = Summary(action, how.as_json)
    try:
        ctx = open_session()
        if not how.dry_run:
            refuse_when_read_only(action)
        if how.dry_run or not how.yes:
            plan = make_plan(ctx)
            show(out() if how.dry_run and not how.as_json else note(), plan)
            if how.dry_run:
                status = EXIT_FAILURES if plan.refused else EXIT_OK
                summary.last(None, "planned", counts(plan), status)
                return status
            check_gate(plan.refused, how.overrides)
            if not agreed(question, how):
                summary.last(None, "declined", {}, EXIT_OK)
                return EXIT_OK
        return launch(
            ctx,
            action,
            ActionParams(),
            how.overrides,
            None,
            detach=how.detach,
            foreground=how.foreground,
            summary=summary,
        )
    except EngineError as error:
        summary.refused(error)
        raise
