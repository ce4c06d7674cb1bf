"""Notes of open consoles: seen by others, gone with them, never in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from console.engine.context import Context, open_context
from console.engine.environment import Environment, Who
from console.engine.observe.here import arrive, leave, others
from tests.support import make_workspace, run_cli


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    root = make_workspace(tmp_path / "ws", {})
    run_cli(root, "migrate", "--yes")
    return open_context(root, env=Environment(who=Who("ann", "ann", terminal="/dev/pts/3", host="db7")))


def test_each_console_sees_the_others_and_not_itself_and_a_killed_one_is_forgotten(ctx: Context) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    bob = replace(ctx, env=Environment(who=Who("b\x1b[31mob", "bob", host="db7")))
    mine, his = arrive(ctx), arrive(bob, sleeper.pid)
    assert [each.who for each in others(ctx)] == ["b\x1b[31mob"] and others(ctx)[0].pid == sleeper.pid
    assert [each.who for each in others(bob, sleeper.pid)] == ["ann"]
    sleeper.kill()
    sleeper.communicate()
    assert others(ctx) == () and his is not None and his.exists()  # left without a word
    leave(mine)
    assert arrive(ctx) == mine and not his.exists()  # whoever comes next tidies up
    leave(mine)
    leave(mine)
    assert others(bob, 1) == ()


def test_what_is_no_note_is_nobody_and_who_only_looks_leaves_none(ctx: Context, tmp_path: Path) -> None:
    assert arrive(replace(ctx, read_only=True)) is None
    assert (
        arrive(open_context(make_workspace(tmp_path / "bare", {}))) is None
        and not (tmp_path / "bare/.opsconsole").exists()
    )
    folder = ctx.workspace.here
    folder.mkdir()
    (folder / "a.json").write_bytes(b"\xff{")
    (folder / "b.json").write_text(json.dumps({"who": "x"}))
    os.mkfifo(folder / "c.json")
    (folder / "d.json").symlink_to("/etc/passwd")
    assert others(ctx) == ()
    far = arrive(replace(ctx, env=Environment(who=Who("eve", "eve", host="other/../host"))), 1)
    assert far is not None and far.parent == folder
    assert [each.who for each in others(ctx)] == ["eve"]  # of another host: only its own word is known
