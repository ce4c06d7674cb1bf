"""A group of commands whose modules are imported only when they are called: every command starts fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from console.cli.session import later_text
from console.engine.text import visible


class LazyGroup(click.Group):
    """`table` maps a command's name to its module, whose `command` it is, and to its one line of help."""

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, tuple[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = dict(table or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table, which is the order of an operator's day."""
        return [*self.table, *(name for name in super().list_commands(ctx) if name not in self.table)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.table.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        command = importlib.import_module(entry[0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the table alone: no module is imported for it."""
        if not self.table:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in self.table.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Names of commands and options; from the table, so that a Tab imports nothing."""
        from click.shell_completion import CompletionItem

        if not self.table or incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=help_text)
            for name, (_, help_text) in self.table.items()
            if name.startswith(incomplete)
        ]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Commands of later versions and misspelt ones get an answer that helps."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            summary = self._later_action(name)
            if summary:
                raise click.UsageError(later_text(f"{ctx.command_path} {name}", summary), ctx)
            import difflib

            known = list(self.table) or list(self.commands)
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean `{near[0]}`?" if near else f" The commands are: {', '.join(known)}."
            raise click.UsageError(f"There is no command `{visible(name)}`.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def _later_action(self, name: str) -> str:
        """What the registry says an action does that this version does not have; '' for any other name."""
        if not self.table:  # a group below the root
            return ""
        from console.engine.actions.registry import ACTIONS

        return next((action.summary for action in ACTIONS if action.name == name and not action.available), "")
