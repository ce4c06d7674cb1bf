"""The one door from the command line to the screen."""

from __future__ import annotations

import os
import sys

from console.cli.output import note
from console.cli.session import given, root_given
from console.engine.errors import EXIT_USAGE


def start() -> int:
    """Open the console on the workspace; its exit status. Without a usable terminal: what to type, and 2."""
    term = os.environ.get("TERM", "")
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _refuse("The console needs a terminal for its input and output, and this is none.")
    if term in ("", "dumb"):
        said = f"TERM={term}" if term else "an unset TERM"
        return _refuse(f"The console draws on the whole screen, and {said} says that this terminal cannot.")
    from console.tui.start import run_console

    return run_console(root_given(), str(given("config") or ""), bool(given("read_only")), mouse=not given("no_mouse"))


def _refuse(why: str) -> int:
    stream = note()
    stream.line(why)
    stream.line("The same work without a screen:")
    for command, does in (
        ("opsconsole runs list", "what ran last, and how it went"),
        ("opsconsole failures list", "what fails, by cause"),
        ("opsconsole migrate --dry-run", "what a migration would do"),
        ("opsconsole migrate --yes", "do it"),
        ("opsconsole --help", "all commands"),
    ):
        stream.line(f"  {command:<30}  {does}")
    return EXIT_USAGE
