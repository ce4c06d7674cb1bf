"""The console where operators run it: inside tmux, GNU screen or byobu, themselves in our pty.

What `page` shows is what the multiplexer painted, its own status line included where it has one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.cli import cli_environment
from tests.terminal.screen import Terminal

DIRECT, TMUX, SCREEN, BYOBU = "direct", "tmux", "screen", "byobu"
MULTIPLEXERS = (TMUX, SCREEN, BYOBU)
_PROGRAMS = {TMUX: ("tmux",), SCREEN: ("screen",), BYOBU: ("byobu", "tmux")}


def missing(kind: str) -> str:
    """Which program this machine lacks for it; '' for none."""
    return next((program for program in _PROGRAMS.get(kind, ()) if shutil.which(program) is None), "")


def need(kind: str) -> None:
    """Skip the test, aloud, where the program is not installed."""
    if program := missing(kind):
        pytest.skip(f"NOT TESTED: the console in {kind}, because {program} is not installed here")


class Multiplexed(Terminal):
    """`with Multiplexed(kind, root, term="screen") as t:`; kind: direct | tmux | screen | byobu.

    term: TERM as the console meets it. outer: TERM of the terminal around. size: of the terminal around; tmux
    and byobu take one line of it for themselves. mouse: tmux hands the mouse on. Servers, sockets and settings live in
    a folder of their own, so that nobody's sessions and settings are met, and end with the test.
    """

    def __init__(
        self,
        kind: str,
        root: Path,
        *options: str,
        term: str = "screen",
        outer: str = "xterm-256color",
        size: tuple[int, int] = (80, 24),
        env: dict[str, str] | None = None,
        mouse: bool = True,
    ) -> None:
        self.kind = kind
        self._home = Path(tempfile.mkdtemp(prefix="mux-"))  # short: the path of a socket has at most 107 bytes
        self._home.chmod(0o700)
        own = {name: str(self._home) for name in ("HOME", "TMUX_TMPDIR", "SCREENDIR", "BYOBU_CONFIG_DIR")}
        self._env = {"COLORTERM": "", "TMUX": "", "STY": "", "XDG_STATE_HOME": str(self._home / "state"), **own}
        self._env |= {"TERM": outer if kind != DIRECT else term, **(env or {})}
        console = [sys.executable, "-P", "-m", "console", "--root", str(root), *options]
        super().__init__(root, size=size, env=self._env, argv=[*self._around(term, mouse), *console])

    def _around(self, term: str, mouse: bool) -> list[str]:
        """The command line in front of the console's."""
        settings = f'set -g default-terminal "{term}"\nset -g mouse {"on" if mouse else "off"}\n'
        if self.kind == TMUX:
            (self._home / "tmux.conf").write_text(settings)
            return ["tmux", "-u", "-f", str(self._home / "tmux.conf"), "new-session"]
        if self.kind == SCREEN:
            (self._home / "screenrc").write_text("startup_message off\n")
            return ["screen", "-c", str(self._home / "screenrc"), "-U", "-T", term, "-S", "ops"]
        if self.kind == BYOBU:
            (self._home / ".tmux.conf").write_text(settings)  # read last of all
            return ["byobu-tmux", "new-session"]
        return []

    @property
    def inside(self) -> list[str]:
        """The lines that are the console's."""
        return self.lines[:-1] if self.kind in (TMUX, BYOBU) else self.lines

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.kind != DIRECT and self.status is None:
            end = ["screen", "-S", "ops", "-X", "quit"] if self.kind == SCREEN else ["tmux", "kill-server"]
            subprocess.run(end, env=cli_environment(self._env), cwd=os.sep, capture_output=True, check=False)
        super().__exit__(kind, error, trace)
        shutil.rmtree(self._home, ignore_errors=True)
