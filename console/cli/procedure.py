"""`opsconsole procedure`: guided procedures in plain lines, for scripts and for terminals that cannot draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.complete import procedure_names, session_names
from console.cli.session import (
    common,
    in_this_session,
    on_terminal,
    open_session,
    refuse_when_read_only,
    spoken_command,
)

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.procedures.model import Procedure
    from console.engine.procedures.session import Session


@click.group("procedure")
def command() -> None:
    """Guided procedures: one step at a time, each with what is true now, until a check says that it is done.

    A session is kept after every step. It outlives the terminal: `resume` goes on at the same step, from any
    terminal and by anybody who may write here. A workspace's own procedures lie in config/procedures/.

    \b
    Examples:
      opsconsole procedure list
      opsconsole procedure start failed-migration
      opsconsole procedure resume
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Sessions that are over as well, the newest 50.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: sessions, procedures, broken files.")
@common
def list_command(everything: bool, as_json: bool) -> int:
    """Open sessions, then every procedure with when one takes it, then files that do not load and why.

    \b
    Example:
      opsconsole procedure list --all
    """
    from console.cli.procedure_view import list_documents, show_list
    from console.engine.procedures.load import load_procedures

    ctx = open_session()
    (list_documents if as_json else show_list)(ctx, load_procedures(ctx), everything)
    return 0


@command.command("show")
@click.argument("name", shell_complete=procedure_names)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def show_command(name: str, as_json: bool) -> int:
    """The steps of a procedure, in plain lines.

    \b
    Example:
      opsconsole procedure show failed-migration
    """
    from console.cli.output import out
    from console.cli.procedure_view import procedure_document, show_procedure
    from console.engine.procedures.load import find_procedure

    found = find_procedure(open_session(), name)
    if as_json:
        out().json(procedure_document(found))
    else:
        show_procedure(found)
    return 0


@command.command("start")
@click.argument("name", shell_complete=procedure_names)
@click.option("--set", "given", metavar="NAME=VALUE", multiple=True, help="A value that it will ask for; repeatable.")
@click.option("--detach", is_flag=True, help="Make the session, print its id, and come back at once.")
@common
def start_command(name: str, given: tuple[str, ...], detach: bool) -> int:
    """Start a procedure and go through it, in a dialogue of plain lines.

    Every step shows its text, what its checks say now and the command line that does the same, then asks. q leaves
    the session open; so do Ctrl-C and a line that drops. Exit status 0 when it is done or left open by q, 1 when it
    was abandoned, 130 after Ctrl-C.

    \b
    Examples:
      opsconsole procedure start failed-migration
      opsconsole procedure start failed-migration --set run=7f3a
      opsconsole procedure start daily-check --detach     for scripts: prints the id of the session
    """
    from console.engine.procedures import guide
    from console.engine.procedures.load import find_procedure

    ctx = open_session()
    refuse_when_read_only("start procedures")
    if not detach:
        refuse_without_terminal("start", "--detach starts the session and prints its id")
    procedure = find_procedure(ctx, name)
    session = guide.start_procedure(ctx, procedure, values_of(procedure, given))
    return go_on(ctx, session, detach)


def go_on(ctx: Context, session: Session, detach: bool) -> int:
    """Go through a session that was made just now, or only say how it is gone on with."""
    from console.cli.output import note, out

    if not detach:
        return talk(ctx, session)
    out().line(session.id)
    say_trouble(session)
    note().line(("bold", spoken_command("procedure", "resume", session.short)), " goes on with it.")
    return 0


def values_of(procedure: Procedure, given: tuple[str, ...]) -> dict[str, str]:
    """What --set said. Raises UsageError for a value that the procedure does not ask for."""
    from console.engine.errors import UsageError

    name, known = procedure.name, procedure.values
    values: dict[str, str] = {}
    for text in given:
        word, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--set {text}: write it as NAME=VALUE.")
        if word not in known:
            asks = ", ".join(known) or "nothing"
            raise UsageError(f"{name} does not ask for {word!r}", next_step=f"it asks for: {asks}")
        values[word] = value
    return values


@command.command("resume")
@click.argument("session", required=False, default="", shell_complete=session_names)
@common
def resume_command(session: str) -> int:
    """Go on with a session at its step: the newest open one, or SESSION (the last digits of its id).

    From any terminal, by anybody who may write here; who went on is kept. A run that was started in it and ended
    meanwhile is recorded first. Exit status as `start`.

    \b
    Example:
      opsconsole procedure resume 7f3a
    """
    from console.engine.procedures import guide

    ctx = open_session()
    refuse_when_read_only("go on with procedures")
    refuse_without_terminal("resume", "`opsconsole procedure status` says where it stands")
    return talk(ctx, guide.resume(ctx, session))


def refuse_without_terminal(what: str, instead: str) -> None:
    """Raises UsageError where nobody can be asked."""
    from console.engine.errors import UsageError

    if not on_terminal():
        raise UsageError(
            f"there is no terminal to ask on: `{what}` is a dialogue", untouched="everything", next_step=instead
        )


def talk(ctx: Context, session: Session) -> int:
    """The dialogue, until the session is over or left open; the exit status."""
    from console.cli.procedure_talk import Talk

    return Talk(ctx, session).to_its_end()


def say_trouble(session: Session) -> None:
    """Where its journal lies, if it is not where it should, and what stands against going on."""
    from console.cli.output import note

    for text in (session.kept_beside, session.trouble):
        if text:
            note().line(("yellow", "note: "), text)


@command.command("status")
@click.argument("session", required=False, default="", shell_complete=session_names)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common
def status_command(session: str, as_json: bool) -> int:
    """Where a session stands, what its step said last, and what it still lacks. Looks at nothing now, changes nothing.

    \b
    Example:
      opsconsole procedure status 7f3a --json
    """
    from console.cli.output import out
    from console.cli.procedure_view import show_status, status_document

    ctx = open_session()
    found = _find(ctx, session)
    if as_json:
        out().json(status_document(found))
        return 0
    show_status(ctx, found)
    say_trouble(found)
    return 0


def _find(ctx: Context, session: str) -> Session:
    from console.engine.procedures.journal import find_session, load_session

    return load_session(ctx, find_session(ctx, session))


@command.command("note")
@click.argument("session", shell_complete=session_names)
@click.option("--note", "text", metavar="TEXT", required=True, help="What was done and seen; kept with your name.")
@common
def note_command(session: str, text: str) -> int:
    """Write something down in a session, at the step where it is.

    \b
    Example:
      opsconsole procedure note 7f3a --note "the disk of db7 is replaced tomorrow at nine"
    """
    from console.cli.output import out
    from console.engine.procedures import guide

    ctx = open_session()
    refuse_when_read_only("write into sessions")
    made = guide.note(ctx, _find(ctx, session), text)
    out().line(f"Kept in {made.id}.")
    return 0


@command.command("hand-over")
@click.argument("session", shell_complete=session_names)
@click.option("--note", "text", metavar="TEXT", required=True, help="What whoever goes on should know.")
@common
def hand_over_command(session: str, text: str) -> int:
    """Leave a session to whoever resumes it, with a note that they see first.

    \b
    Example:
      opsconsole procedure hand-over 7f3a --note "rolled back; verify it, then allow processing"
    """
    from console.cli.output import note, out
    from console.engine.procedures import guide

    ctx = open_session()
    refuse_when_read_only("write into sessions")
    made = guide.hand_over(ctx, _find(ctx, session), text)
    out().line(f"{made.id} is open, at step {made.number} of {len(made.procedure.steps)}.")
    note().line(("bold", spoken_command("procedure", "resume", made.short)), " goes on with it.")
    return 0


@command.command("abandon")
@click.argument("session", shell_complete=session_names)
@click.option("--reason", metavar="TEXT", required=True, help="Why; kept with your name.")
@common
def abandon_command(session: str, reason: str) -> int:
    """End a session before its end. What was done stays done, and its report can be read.

    \b
    Example:
      opsconsole procedure abandon 7f3a --reason "a false alarm: the zone was mounted late"
    """
    from console.cli.output import note, out
    from console.engine.procedures import guide

    ctx = open_session()
    refuse_when_read_only("write into sessions")
    made = guide.abandon(ctx, _find(ctx, session), reason)
    out().line(f"{made.id} is abandoned. What was done stays done.")
    note().line(("bold", in_this_session(f"opsconsole procedure report {made.short}")), " tells what that was.")
    return 0


@command.command("report")
@click.argument("session", required=False, default="", shell_complete=session_names)
@click.option("--bundle", metavar="FILE", type=click.Path(dir_okay=False), help="Pack it with its evidence into FILE.")
@common
def report_command(session: str, bundle: str | None) -> int:
    """The incident report of a session, in Markdown: who did and saw what, when, and what was overridden and why.

    --bundle packs it together with the reports of its runs, log lines and the state of the files concerned.

    \b
    Examples:
      opsconsole procedure report 7f3a > incident.md
      opsconsole procedure report 7f3a --bundle incident.tar.gz
    """
    import os
    from pathlib import Path

    from console.cli.output import note, out

    ctx = open_session()
    found = _find(ctx, session)
    if bundle is None:
        from console.engine.procedures.report import incident_markdown

        for line in incident_markdown(ctx, found):
            out().line(line)
        return 0
    from console.engine.procedures.bundle import write_bundle

    names = write_bundle(ctx, found, Path(os.path.abspath(bundle)))
    for name in names:
        out().line(name)
    note().line(f"{len(names)} files in {bundle}")
    return 0
