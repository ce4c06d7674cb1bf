"""The pane of checklists in a real terminal: looked at live, overridden, signed and acknowledged in place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import invalid_record, make_workspace, run_cli, valid_record
from tests.terminal.screen import Terminal
from tests.terminal.test_hostile import ACTS

SLOW = "until test -e answer; do sleep 0.02; done; cat answer; exit $(wc -l <answer)"  # its last line has no end


def answer(root: Path) -> None:
    (root / "written").write_text("[@click=app.quit]EMPTY\x1b[2J\nmore\nthe last")
    (root / "written").rename(root / "answer")


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """Three files, one bad; a program and a sign-off hold every run, the program answers when it may."""
    files = {f"alpha/{n}.json": valid_record(n) for n in range(3)} | {"beta/bad.json": invalid_record(0)}
    own = {"name": "fuel", "text": "Fuel for the van", "command": ["/bin/sh", "-c", SLOW]}
    preflight = [own, {"name": "ready", "text": "Everybody was told", "sign_off": True}]
    preflight += [{"name": "errors", "probe": "errors", "text": "Errors reviewed"}]
    gate = {"fuel": "block", "ready": "block", "headroom": "off"}
    root = make_workspace(tmp_path / "ws", files, {"checklists": {"preflight": preflight}, "gate": gate})
    answer(root)
    assert run_cli(root, "migrate", "--yes").returncode == 4
    (root / "answer").unlink()
    return root


def test_looked_at_live_overridden_and_signed_in_place(held: Path) -> None:
    with Terminal(held, size=(80, 24)) as t:
        t.wait("4 new")
        t.press("5")
        t.wait("■ Fuel for the van")
        t.wait("? to sign    ■ Everybody was told")
        t.wait("Documentation is updated")
        t.press("R")
        t.wait("▶ looking    ■ Fuel for the van")
        t.wait("looking at 2  x: stop")
        t.press("x")
        t.gone("▶ looking")  # nobody waits for it any more
        t.press("enter")
        t.wait("▶ looking    ■ Fuel for the van")
        t.press("down")  # alive while it looks
        t.wait("▸? to sign")
        t.press("s")
        t.wait("Sign off: Everybody was told")
        t.press(*"told")
        t.wait("│ told")
        t.press("tab", "tab", "enter")
        t.wait("✓ pass       ■ Everybody was told")
        t.press("up")
        t.wait("▸▶ looking    ■ Fuel")
        answer(held)
        t.wait("✗ fail       ■ Fuel for the van")
        t.wait("\n [@click=app.quit]EMPTY␛[2J\n")
        t.press("d")
        t.wait(": evidence ─")
        t.wait("│ the last")
        t.press("esc")
        t.gone(": evidence ─")

        t.press("a", "m")  # the plan does not run, whatever is pressed
        t.wait("fuel refuses the run")
        t.press("tab", "tab", "tab", "tab", "tab")
        t.wait("fuel refuses the run")
        t.wait("[ Migrate ]")
        t.press("esc")
        t.gone("fuel refuses the run")
        t.press("o")
        t.wait("Override: fuel")
        t.press(*"walk")
        t.wait("│ walk")
        t.press("tab", "tab", "enter")
        t.wait("fuel overridden: walk")
        t.wait("--override fuel --reason walk")
        t.wait("[ Migrate 4 files ]")
        t.press("tab", "tab", "tab")
        t.press("enter")
        t.wait("fuel (overridden)")
        t.press("5")
        t.wait("1 of 3 pass")
        t.press("end")
        t.wait("▸? to sign    Documentation is updated")
        t.press("o")
        t.wait("No run is held by documentation")
        t.press("e")
        t.wait("Acknowledge the errors of the logs")
        t.press(*"bad dates")
        t.wait("│ bad dates")
        t.press("tab", "tab", "enter")
        t.wait("no error since they we")
        t.press("h")
        t.wait("History of documentation")
        t.wait("nothing is kept")
        t.press("esc")
        t.gone("History of documentation")
        t.press("ctrl+q")
        assert t.ended(10) == 0 and t.left_clean()
        for bytes_ in ACTS:
            assert bytes_ not in t.raw, bytes_
    with closing(sqlite3.connect(held / ".opsconsole/ledger.sqlite")) as connection:
        signed = connection.execute("SELECT item, kind, note FROM signoffs ORDER BY id").fetchall()
        overrides = connection.execute("SELECT overrides FROM runs ORDER BY seq DESC LIMIT 1").fetchone()
    assert signed == [("ready", "sign", "told"), ("errors", "acknowledge", "bad dates")]
    assert overrides == ('{"fuel": "walk"}',)


def test_who_only_looks_looks_and_signs_nothing(held: Path) -> None:
    before = (held / ".opsconsole/ledger.sqlite").stat().st_mtime_ns
    with Terminal(held, "--read-only", size=(120, 40)) as t:
        t.wait("READ-ONLY")
        t.press("5")
        t.wait("■ Fuel for the van")
        t.press("R")
        t.wait("! warn       Errors reviewed")  # shown, although it is kept nowhere
        t.wait("✗ fail       ■ Fuel for the van")  # what others found last: who only looks starts no commands
        t.press("down")
        t.wait("▸? to sign")
        t.press("s")
        t.wait("read-only, it can change")
        t.press("o")
        t.press("ctrl+q")
        assert t.ended(10) == 0 and t.left_clean()
    assert (held / ".opsconsole/ledger.sqlite").stat().st_mtime_ns == before
