"""Starting the console: environment for Textual before it is imported, what the terminal can, exit status."""

from __future__ import annotations

import locale
import os
import sys
import tempfile
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.engine.context import Context, open_context
from console.engine.environment import Environment
from console.engine.errors import ConfigurationError
from console.engine.text import visible

if TYPE_CHECKING:
    from console.tui.app import ConsoleApp

# Read by Textual when it is imported (textual.constants). An operator's own setting stands.
_KNOBS = {
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
    "ESCDELAY": "600",  # ms: pieces of an escape sequence that a slow line split are put together within this
}
FPS_NEAR, FPS_FAR = "60", "30"


def set_knobs(environ: MutableMapping[str, str]) -> None:
    """Quiet and lean: no animation, few frames over SSH."""
    for name, value in _KNOBS.items():
        environ.setdefault(name, value)
    for stale in ("COLUMNS", "LINES"):  # the terminal itself knows, and goes on knowing when it is resized
        environ.pop(stale, None)
    environ.setdefault("TEXTUAL_FPS", FPS_FAR if environ.get("SSH_CONNECTION") else FPS_NEAR)


def open_for_looking(root: str | Path, config: str, read_only: bool) -> tuple[Context, list[str]]:
    """The workspace, and what is wrong with its configuration; then nothing can be changed, only looked at.

    Raises UsageError where there is no such folder.
    """
    try:
        return open_context(root, config, read_only=read_only), []
    except ConfigurationError as error:
        from console.engine.settings.model import Settings
        from console.engine.workspace import open_workspace

        ctx = Context(open_workspace(Path(root)), Settings(config, "toml", ""), Environment(), True)
        if (ctx.workspace.root / error.file).exists():
            helps = "mend it, or put back the version before; until then only what needs no configuration is shown"
        else:
            helps = "`opsconsole init .` makes what is missing and touches nothing that is there"
        return ctx, [*error.lines(), f"{helps}; then start the console again"]


def run_console(root: str | Path, config: str = "", read_only: bool = False, *, mouse: bool = True) -> int:
    """Run the console until it is left. Exit status: 0, 129 and 143 for hang-up and termination, 1 for a crash.

    mouse: false, or false in the configuration: the terminal is never asked for its mouse, unless somebody asks in
    the palette.

    Raises EngineError where there is nothing to open.
    """
    set_knobs(os.environ)
    ctx, trouble = open_for_looking(root, config, read_only)
    from console.tui import glyphs, theme
    from console.tui.app import ConsoleApp

    encoding = locale.getpreferredencoding(False)
    app = ConsoleApp(
        ctx, theme=theme.choose(os.environ), stand_ins=glyphs.stand_ins(os.environ, encoding), trouble=trouble
    )
    app.run(mouse=mouse and ctx.settings.mouse)
    return _said_goodbye(app)


def _said_goodbye(app: ConsoleApp) -> int:
    """What is left to say on the operator's own screen, and the exit status."""
    if app.crash is not None:
        where = write_crash(app.crash)
        what = visible(f"{type(app.crash).__name__}: {app.crash}")[:300]
        _say(f"opsconsole stopped by an error of its own ({what}). Runs go on. Details: {where}")
        return 1
    status = app.return_code or 0
    if status == 0 and app.running is not None:
        run = app.running
        _say(f"{run.action} {run.short} goes on without the console: opsconsole runs attach {run.short}")
    return status


def _say(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:  # the terminal is gone
        pass


def write_crash(error: BaseException) -> str:
    """Write the traceback to a file of this user; its path, or why there is none."""
    text = "".join(traceback.format_exception(error))
    safe = "\n".join(visible(line) for line in text.split("\n"))
    name = f"crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    for folder in (Path(state) / "opsconsole", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(safe)
        except OSError:
            continue
        return str(path)
    return "could not be written"
