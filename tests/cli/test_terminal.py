"""The command line on a terminal: plan, question, progress, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.cli.harness import FILES, HELD, Terminal, big_workspace, held_run, rows, until
from tests.support import VALIDATED, invalid_record, make_workspace, run_cli, valid_record

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def plain(text: str) -> str:
    return CONTROL.sub("", text)


def test_enter_means_no(ws: Path) -> None:
    terminal = Terminal(ws, "migrate")
    plan = plain(terminal.expect(r"\[y/N\] "))
    assert "5 files" in plan
    assert "5 new" in plan
    assert "ignored" in plan
    assert "opsconsole --root" in plan
    assert "migrate --yes" in plan
    terminal.type("")
    status, rest = terminal.end()
    assert status == 0
    assert "Nothing was changed" in rest
    assert not (ws / ".opsconsole").exists()
    assert not list((ws / VALIDATED).iterdir())


def test_yes_runs_the_plan_that_was_shown(ws: Path) -> None:
    terminal = Terminal(ws, "migrate")
    terminal.expect(r"\[y/N\] ")
    terminal.type("y")
    status, rest = terminal.end()
    assert status == 1
    assert "4 published" in plain(rest)
    assert "1 failed" in plain(rest)


def test_a_plan_that_is_out_of_date_is_refused(ws: Path) -> None:
    terminal = Terminal(ws, "migrate")
    terminal.expect(r"\[y/N\] ")
    (ws / "config/console.toml").write_text((ws / "config/console.toml").read_text() + "fail_on_warning = true\n")
    terminal.type("y")
    status, rest = terminal.end()
    assert status == 4, rest
    assert not list((ws / VALIDATED).iterdir())


def test_control_d_at_the_question_means_no(ws: Path) -> None:
    terminal = Terminal(ws, "migrate")
    terminal.expect(r"\[y/N\] ")
    terminal.press("d")
    assert terminal.end()[0] == 0
    assert not (ws / ".opsconsole").exists()


def test_control_c_at_the_question_is_130_and_changes_nothing(ws: Path) -> None:
    terminal = Terminal(ws, "migrate")
    terminal.expect(r"\[y/N\] ")
    terminal.press("c")
    status, rest = terminal.end()
    assert status == 130
    assert "Traceback" not in rest
    assert not (ws / ".opsconsole").exists()


def test_nothing_to_do_asks_nothing(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {"alpha/one.json": [valid_record(1)]})
    assert Terminal(root, "migrate", "--yes").end()[0] == 0
    status, rest = Terminal(root, "migrate").end()
    assert status == 0
    assert "nothing to do" in rest
    assert len(rows(root, "SELECT id FROM runs")) == 1


def test_a_brake_is_shown_instead_of_the_question(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {"alpha/one.json": [valid_record(1)], "beta/two.json": [valid_record(2)]})
    assert Terminal(root, "migrate", "--yes").end()[0] == 0
    next((root / "data/raw/funding_sources/beta").iterdir()).unlink()
    status, rest = Terminal(root, "migrate").end()
    assert status == 4
    assert "--override source-empty" in plain(rest)
    assert "[y/N]" not in rest


def test_progress_is_one_line_redrawn_in_place(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    status, shown = Terminal(root, "migrate", "--yes").end()
    assert status == 0
    assert f"/{FILES:,} files" in shown
    lines = shown.split("\n")
    assert len(lines) < 15, "never a line a file"
    for part in re.split(r"[\r\n]", shown):
        assert len(CONTROL.sub("", part)) < 80


@pytest.mark.parametrize("answer", ["c", "cancel"])
def test_control_c_can_cancel(tmp_path: Path, answer: str) -> None:
    root = big_workspace(tmp_path / "ws")
    terminal = Terminal(root, "migrate", "--yes", env=HELD)
    with held_run(root):
        terminal.press("c")
        terminal.expect(r"\[g\] ")
        terminal.type(answer)
        until(lambda: rows(root, "SELECT 1 FROM runs WHERE cancel_at IS NOT NULL"), "the request")
    status, rest = terminal.end()
    assert status == 130
    assert "cancelled" in plain(rest)


def test_control_c_can_detach(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    terminal = Terminal(root, "migrate", "--yes", env=HELD)
    with held_run(root):
        terminal.press("c")
        terminal.expect(r"\[g\] ")
        terminal.type("d")
        status, rest = terminal.end()
        assert status == 0
        assert "runs attach" in plain(rest)
    until(lambda: rows(root, "SELECT 1 FROM runs WHERE status = 'done'"), "the run to end by itself")


def test_control_c_can_be_a_mistake(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    terminal = Terminal(root, "migrate", "--yes", env=HELD)
    with held_run(root):
        terminal.press("c")
        terminal.expect(r"\[g\] ")
        terminal.type("")
    status, rest = terminal.end()
    assert status == 0
    assert f"{FILES:,} published" in plain(rest)


def test_control_c_twice_cancels(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    terminal = Terminal(root, "migrate", "--yes", env=HELD)
    with held_run(root):
        terminal.press("c")
        terminal.expect(r"\[g\] ")
        terminal.press("c")
        until(lambda: rows(root, "SELECT 1 FROM runs WHERE cancel_at IS NOT NULL"), "the request")
    assert terminal.end()[0] == 130


def test_an_attached_watcher_can_cancel_too(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    assert run_cli(root, "migrate", "--yes", "--detach", env=HELD).returncode == 0
    with held_run(root):
        terminal = Terminal(root, "runs", "attach")
        terminal.expect("publish|scan|recover")
        terminal.press("c")
        terminal.expect(r"\[g\] ")
        terminal.type("c")
        until(lambda: rows(root, "SELECT 1 FROM runs WHERE cancel_at IS NOT NULL"), "the request")
    assert terminal.end()[0] == 130


def test_closing_the_terminal_leaves_the_run_running(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    terminal = Terminal(root, "migrate", "--yes", env=HELD)
    with held_run(root):
        terminal.child.close(force=False)
    until(lambda: rows(root, "SELECT 1 FROM runs WHERE status = 'done'"), "the run to end by itself")


def test_a_terminal_that_cannot_redraw_gets_words_only(ws: Path) -> None:
    status, shown = Terminal(ws, "migrate", "--yes", env={"TERM": "dumb"}).end()
    assert status == 1
    assert "\x1b" not in shown
    status, shown = Terminal(ws, env={"TERM": "dumb"}).end()
    assert status == 2
    assert "TERM=dumb" in shown
    assert "opsconsole migrate --yes" in shown


def test_no_color_leaves_no_colour(ws: Path) -> None:
    _, shown = Terminal(ws, "migrate", "--yes", env={"NO_COLOR": "1"}).end()
    assert not re.search(r"\x1b\[[0-9;]*m", shown)
    assert re.search(r"\x1b\[[0-9;]*m", Terminal(ws, "runs", "list").end()[1])


def test_an_ascii_terminal_gets_ascii(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {"é日/naïve…\x1b[31m.json": [invalid_record(1)]})
    status, shown = Terminal(root, "migrate", "--yes", env={"LC_ALL": "C"}).end()
    assert status == 1
    assert shown.isascii()
    assert "na\\xefve" in shown


def test_a_killed_run_moves_the_progress_line_no_more(tmp_path: Path) -> None:
    root = big_workspace(tmp_path / "ws")
    terminal = Terminal(root, "migrate", "--yes", env={**HELD, "NO_COLOR": "1"})
    with held_run(root) as pid:
        terminal.expect("migrate [0-9a-f]{4}  ")
        os.kill(pid, signal.SIGKILL)
    terminal.expect("The run's process has died")
    status, rest = terminal.end()
    assert status == 1
    assert ": died, " in rest and "running" not in rest
