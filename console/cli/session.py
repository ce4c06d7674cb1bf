"""The options that every command takes, and the session they open: workspace, settings, environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:  # the engine is imported when a command runs, not when its help is shown
    from console.engine.context import Context

F = TypeVar("F", bound=Callable[..., Any])
_META = "opsconsole."
last_typed: dict[str, Any] = {}  # the common options, still known when an error has ended the command


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value not in (None, False, ""):
        ctx.meta[_META + str(parameter.name)] = value
        last_typed[str(parameter.name)] = value


def root_option(function: F) -> F:
    """`--root`, accepted before and after the command's name."""
    return click.option(
        "--root",
        metavar="DIR",
        type=click.Path(file_okay=False),
        expose_value=False,
        callback=_remember,
        help="The workspace's root folder (default: the current folder).",
    )(function)


def config_option(function: F) -> F:
    """`--config`, accepted before and after the command's name."""
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        expose_value=False,
        callback=_remember,
        help="The configuration, relative to the root (default: config/console.toml).",
    )(function)


def common(function: F) -> F:
    """The options of every command that works on a workspace."""
    return root_option(config_option(function))


def read_only_option(function: F) -> F:
    """`--read-only`, before the command's name only."""
    return click.option(
        "--read-only",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Change nothing at all: what would is refused.",
    )(function)


def no_mouse_option(function: F) -> F:
    """`--no-mouse`, before the command's name only."""
    return click.option(
        "--no-mouse",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Leave the mouse to the terminal (as mouse = false in the configuration).",
    )(function)


def given(name: str, ctx: click.Context | None = None) -> Any:
    """What was typed for a common option (`root`, `config`, `read_only`, `no_mouse`); None where it was not."""
    return (ctx or click.get_current_context()).meta.get(_META + name)


def root_given() -> str:
    """The root folder as typed, or the current folder."""
    return str(given("root") or ".")


def open_session(ctx: click.Context | None = None) -> Context:
    """The workspace with its settings. Raises UsageError and ConfigurationError; writes nothing."""
    from console.engine.context import open_context

    click_ctx = ctx or click.get_current_context()
    return open_context(
        str(given("root", click_ctx) or "."),
        str(given("config", click_ctx) or ""),
        read_only=bool(given("read_only", click_ctx)),
    )


def refuse_when_read_only(what: str) -> None:
    """Raises ReadOnlyError in a `--read-only` session; `what` completes 'this session does not …'."""
    if given("read_only"):
        from console.engine.errors import ReadOnlyError

        raise ReadOnlyError(
            f"this session is read-only and does not {what}",
            untouched="everything",
            next_step="type the command without --read-only",
        )


def typed_path(file: str) -> str:
    """A file as an operator types it, for the engine: one that exists seen from the current folder is meant so.

    Any other is left as it is: relative to the root.
    """
    if not os.path.isabs(file) and os.path.lexists(file):
        # the name itself may be a link: only its folder is resolved, the engine judges the rest
        head, tail = os.path.split(os.path.abspath(file))
        return os.path.join(os.path.realpath(head), tail)
    return file


def below_raw(ctx: Context, path: str) -> str:
    """A raw file's path without the raw zone, for a table on a terminal: every command takes it back."""
    return path.removeprefix(ctx.settings.zones.raw.rstrip("/") + "/")


def later_text(command: str, summary: str) -> str:
    """What a command of a later version answers."""
    return f"`{command}` ({summary}) comes with a later version. Nothing was done."


def on_terminal() -> bool:
    """Whether somebody can be asked: standard input and standard error are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def spoken_command(*words: str) -> str:
    """A command line that continues in this session, for the shell: `opsconsole --root X runs show Y`."""
    import shlex

    parts = ["opsconsole"]
    for name in ("root", "config"):
        value = given(name)
        if value:
            parts += [f"--{name}", str(value)]
    return " ".join([*(shlex.quote(part) for part in parts), *words])


def in_this_session(command: str) -> str:
    """An engine's `opsconsole ...` with the options of this session, so that it can be typed as it is."""
    return spoken_command() + command.removeprefix("opsconsole")
