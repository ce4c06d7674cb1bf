"""Workspaces with a procedure of their own, and two operators who go through it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from console.engine.context import Context, open_context
from console.engine.environment import Who
from console.engine.procedures.session import Session
from tests.support import fixed_environment, make_workspace

HEAD = 'title = "Try"\nabout = "For tests."\n'


def step(id: str, kind: str, *lines: str) -> str:
    """One step of a definition."""
    return "\n".join(["[[step]]", f'id = "{id}"', f'kind = "{kind}"', f'title = "Step {id}"', *lines, ""])


def write_procedure(root: Path, text: str, name: str = "try") -> Path:
    """A definition of the workspace's own."""
    file = root / "config/procedures" / f"{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return file


def workspace(folder: Path, *steps: str, name: str = "try") -> Path:
    root = make_workspace(folder)
    write_procedure(root, HEAD + "".join(steps), name)
    return root


def operator(root: Path, name: str = "ana", terminal: str = "/dev/pts/7", *, read_only: bool = False) -> Context:
    """What somebody at a terminal has open."""
    env = fixed_environment(step=1.0)
    who = Who(name, name, 1000, "", terminal, "", "testhost")
    return open_context(root, env=replace(env, who=who), read_only=read_only)


def told(session: Session) -> list[str]:
    """The events of a session."""
    return [entry.event.value for entry in session.entries]
