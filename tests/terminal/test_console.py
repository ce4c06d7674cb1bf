"""The console as an operator meets it: a real terminal, keys alone, both sizes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.terminal.screen import Terminal


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.soak)])
def test_migrate_by_keys_alone(sample: Path, size: tuple[int, int]) -> None:
    with Terminal(sample, size=size) as t:
        t.wait("a m: plan a migrate")
        assert "● idle" in t.lines[0] and "[ Migrate" in t.lines[-1]
        t.press("a", "m")
        t.wait("would fail")
        t.wait("opsconsole migrate")
        t.wait("[ Cancel ]")
        assert "● idle" in t.lines[0]
        t.press("enter")  # Cancel has the focus
        t.gone("Migrate: plan")
        assert not (sample / ".opsconsole").exists()
        t.press("f5")
        t.wait("would fail")
        t.press("tab", "tab", "tab", "enter")
        t.wait("! partial")
        t.wait("10 published")
        t.wait("Enter: why and where")
        t.press("f")
        t.wait("failed: 9")
        t.press("enter")
        t.wait("Today")
        t.press("esc")
        t.gone("Today")
        t.press("r")
        t.wait("Workspace")
        t.press("q")
        t.gone("Workspace")
        t.press("2")
        t.wait("Migrate complete")
        t.press("1")
        t.wait("nothing new")
        t.press("ctrl+q")
        assert t.ended(10) == 0
        assert t.left_clean()
    assert len(list((sample / "data" / "transformed" / "validated").rglob("data.*"))) == 10


def test_read_only_changes_nothing(sample: Path) -> None:
    before = sorted(str(path) for path in sample.rglob("*"))
    with Terminal(sample, "--read-only") as t:
        t.wait("READ-ONLY")
        t.wait("19 new")
        t.press("a", "m")
        t.wait("it can change")
        t.press("6", "2", "1", "ctrl+q")
        assert t.ended(10) == 0
    assert sorted(str(path) for path in sample.rglob("*")) == before


def test_every_button_opens_its_plan(sample: Path) -> None:
    with Terminal(sample) as t:
        t.wait("19 new")
        for key, *titles in (
            ("m", "Migrate: plan"),
            ("r", "Reprocess: plan"),
            ("a", "Archive: options", "Archive: plan"),
        ):
            t.press("a", key)
            for title in titles:
                t.wait(title)
                t.press("esc")
                t.gone(title)
        t.press("a", "b")
        t.wait("no run is there that could be rolled back")


def test_without_a_configuration_it_opens_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with Terminal(tmp_path) as t:
        t.wait("config/console.toml")
        t.wait("opsconsole init")
        assert "✗ configuration" in t.lines[0] and "READ-ONLY" in t.lines[0]
        t.press("6")
        t.wait("no run yet")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    assert not (tmp_path / ".opsconsole").exists()


def test_a_broken_ledger_is_said(sample: Path) -> None:
    (sample / ".opsconsole").mkdir()
    (sample / ".opsconsole" / "ledger.sqlite").write_bytes(b"this is no database" * 500)
    with Terminal(sample) as t:
        t.wait("the ledger cannot be read")
        t.wait("opsconsole doctor")
        t.press("6", "2", "1", "a", "m")
        t.wait("ledger refuses the run")
        t.press("esc")
        t.gone("Migrate: plan")


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "screen", "COLORTERM": ""},
        {"TERM": "linux", "COLORTERM": ""},
        {"NO_COLOR": "1"},
        {"LANG": "C", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["screen", "linux", "no-color", "ascii"],
)
def test_poor_terminals(sample: Path, env: dict[str, str]) -> None:
    with Terminal(sample, env=env) as t:
        t.wait("19 new")
        t.press("a", "m")
        t.wait("would fail")
        t.press("esc")
        t.gone("would fail")
        t.press("ctrl+q")
        assert t.ended(10) == 0
        if "LANG" not in env:  # none of a palette that it has not
            assert b"38;2;" not in t.raw and b"48;2;" not in t.raw
        if "NO_COLOR" in env:
            assert not any(b"\x1b[%d" % code in t.raw for code in (31, 32, 33, 34))
        if "LANG" in env:
            assert t.raw.isascii()
        if env.get("TERM") == "linux":
            assert "✓".encode() not in t.raw and "▶".encode() not in t.raw


def test_a_crash_is_one_sentence_and_a_file(sample: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from console.tui.app import ConsoleApp; from console.tui.start import run_console\n"
        "def boom(self): raise RuntimeError('boom \\x1b[31m')\n"
        "ConsoleApp.action_look_again = boom\n"
        "sys.exit(run_console(sys.argv[1]))"
    )
    import sys

    argv = [sys.executable, "-c", code, str(sample)]
    with Terminal(sample, argv=argv, env={"XDG_STATE_HOME": str(tmp_path / "state")}) as t:
        t.wait("19 new")
        t.send(b"\x12")  # ctrl+r
        assert t.ended(10) == 1
        assert t.left_clean()
        after = t.raw[t.raw.rfind(b"\x1b[?1049l") :].decode()
        assert "stopped by an error of its own (RuntimeError: boom ␛[31m)" in after
        files = list((tmp_path / "state" / "opsconsole").iterdir())
        assert len(files) == 1 and str(files[0]) in after.replace("\r\n", "")
        assert "in boom" in files[0].read_text() and oct(os.stat(files[0]).st_mode)[-3:] == "600"


def test_a_pane_key_typed_before_the_first_frame_leads_to_a_pane_that_has_the_keys(sample: Path) -> None:
    with Terminal(sample) as t:
        t.press("5")
        t.wait("Documentation is updated")
        t.press("down")
        t.wait("▸· not asked  Sufficient disk space")
        t.press("ctrl+q")
        assert t.ended(10) == 0
