"""`opsconsole runbook`: any Markdown runbook, shown with what its shell blocks do, and walked step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.cli.session import common, given, open_session, refuse_when_read_only

if TYPE_CHECKING:
    from console.engine.context import Context
    from console.engine.procedures.runbook import Runbook
    from console.engine.settings.model import Settings


@click.command("runbook")
@click.argument("file", type=click.Path())
@click.option("--sections", "list_them", is_flag=True, help="Its sections: number, title, blocks, the worst they do.")
@click.option(
    "--walk", "walk", metavar="SECTION", help="Go through a section, in a dialogue: its number, or its title."
)
@click.option(
    "--set", "values", metavar="NAME=VALUE", multiple=True, help="With --walk: a value that will be asked for."
)
@click.option("--detach", is_flag=True, help="With --walk: make the session, print its id, and come back at once.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a block; with --sections one a section.")
@common
def command(file: str, list_them: bool, walk: str | None, values: tuple[str, ...], detach: bool, as_json: bool) -> int:
    """Show a Markdown runbook, each shell block with what it does to files and the safe action where one is known.

    Nothing in it is run. --walk makes a session of a section, as `procedure start` does of a procedure: every block is
    shown in full, its placeholders ([name], <name>, $NAME) are asked for, and it runs only when you say so; what the
    console knows (migrate.py, an edit of the state file, a copied backup, rm -rf) is offered as the safe action
    first. What it cannot judge counts as writing.

    \b
    Examples:
      opsconsole runbook runbook.md | less
      opsconsole runbook runbook.md --sections
      opsconsole runbook runbook.md --walk "Daily Operations"
    """
    from pathlib import Path

    from console.engine.procedures.runbook import read_runbook

    if walk is None and (values or detach):
        raise click.UsageError("--set and --detach go with --walk.")
    if walk is not None and (list_them or as_json):
        raise click.UsageError("--walk is a dialogue: it goes without --sections and --json.")
    book = read_runbook(Path(file))
    if walk is not None:
        return _walk(open_session(), book, walk, values, detach)
    from console.cli import runbook_view

    if list_them:
        (runbook_view.section_documents if as_json else runbook_view.show_sections)(book)
    else:
        (runbook_view.block_documents if as_json else runbook_view.show_book)(book, _settings())
    return 0


def _settings() -> Settings:
    """The workspace's, which say where its zones are; outside of a workspace the default ones."""
    from console.engine.errors import EngineError
    from console.engine.settings.model import Settings

    try:
        return open_session().settings
    except EngineError:
        if given("root") or given("config"):
            raise
        return Settings("", "toml", "")


def _walk(ctx: Context, book: Runbook, section: str, values: tuple[str, ...], detach: bool) -> int:
    from console.cli.procedure import go_on, refuse_without_terminal, values_of
    from console.engine.procedures import guide
    from console.engine.procedures.runbook_compile import procedure_of

    refuse_when_read_only("walk runbooks")
    if not detach:
        refuse_without_terminal("--walk", "--detach starts the session and prints its id")
    procedure = procedure_of(book, book.find(section), ctx.settings)
    return go_on(ctx, guide.start_procedure(ctx, procedure, values_of(procedure, values)), detach)
