"""The State pane in a real terminal: from failures to their causes, from the Overview to the record that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import make_workspace, run_cli, valid_record
from tests.support.large_ledger import make_large
from tests.terminal.multiplexer import DIRECT, TMUX, Multiplexed, missing
from tests.terminal.screen import Terminal

# Where the keys that issue and guide promise are counted: in tmux, as operators sit, wherever it is installed.
WHERE = DIRECT if missing(TMUX) else TMUX


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40,000 failed files of three causes."""
    return make_large(tmp_path_factory.mktemp("state") / "w", 1000, 40_000)


def count_keys(t: Terminal, *steps: tuple[str, str]) -> int:
    """Press each key and wait for what it shows; how many keys that were."""
    for key, shows in steps:
        t.press(key)
        t.wait(shows)
    return len(steps)


def test_from_40_000_failed_files_to_their_three_causes(failing: Path) -> None:
    with Multiplexed(WHERE, failing) as t:
        t.wait("Last run")
        assert count_keys(t, ("3", "files"), ("c", "3 causes")) <= 3
        for text in ("date is missing", "24,000", "for example"):
            t.wait(text)
        t.press("down", "enter")
        t.wait("8,000 files")
        t.press("esc")
        t.wait("3 causes")
        t.press("ctrl+q")
        assert t.ended(10) == 0


def click(t: Terminal, text: str) -> None:
    """On the middle of the first place that shows `text`, in SGR reports."""
    t.wait(text)
    row = next(at for at, line in enumerate(t.lines) if text in line)
    column = t.lines[row].index(text) + 1 + len(text) // 2
    t.send(f"\x1b[<0;{column};{row + 1}M\x1b[<0;{column};{row + 1}m".encode())


def test_the_same_with_the_mouse(failing: Path) -> None:
    """Two clicks to the causes, two more to the record that fails."""
    with Multiplexed(WHERE, failing) as t:
        t.wait("Last run")
        for on, shows in (("3 State", "files"), ("By cause", "3 causes")):
            click(t, on)
            t.wait(shows)
        for on, shows in (("date is missing", "24,000 files"), ("failed", "Record 17"), ("1 Overview", "Last run")):
            click(t, on)
            t.wait(shows)


def test_from_the_overview_to_the_record_that_fails(tmp_path: Path) -> None:
    bad = {key: value for key, value in valid_record(17).items() if key != "date"}
    files = {f"src/{n}.json": [valid_record(n)] for n in range(5)}
    root = make_workspace(tmp_path / "w", {**files, "src/deep/bad.json": [valid_record(1), bad]})
    run_cli(root, "migrate", "--yes")
    with Multiplexed(WHERE, root) as t:
        t.wait("Last run")
        keys = count_keys(t, ("3", "6 files"), ("c", "1 cause"), ("enter", "1 file"), ("enter", "Record 2"))
        assert keys <= 8
        for text in ("✗ date", "required:", "G-000017"):
            t.wait(text)
        t.press("l")  # to the log and back
        t.wait("▐2 Logs▌")
        t.wait("bad.json")
        t.press("3", "u")
        t.wait("▐6 Runs▌")
        t.wait("Report")
        t.press("f")
        t.wait("Show published")
        t.wait("▸✗ failed")
        t.press("s")  # from a failed file of the run back to State
        t.wait("▐3 State▌")
        t.wait("Record 2")
        t.press("a", "r")
        t.wait("Reprocess: plan")
        t.wait("pattern deep/bad.json")
        t.press("esc")
        t.gone("Reprocess: plan")
        t.press("A")
        t.wait("Accept failures?")
        t.press(*"known gap")
        t.wait("known gap")
        t.press("tab", "tab", "enter")
        t.wait("1 failure accepted")
        t.wait("accepted")
        t.press("e")
        t.wait("Export")
        t.press("tab", "enter")
        t.wait("Exported")


def test_filter_as_one_types(failing: Path) -> None:
    with Terminal(failing, size=(120, 40)) as t:
        t.wait("Last run")
        t.press("3")
        t.wait("files")
        t.press("/", *"src12*part-00001*")
        t.wait("/src12*part-00001*")
        t.wait(lambda: "src120" in t.page and "src000" not in t.page)
        t.press("enter", "end")
        t.press("esc")
        t.wait(lambda: "/src12" not in t.page)
        t.press("/", *"nothing like it")
        t.wait("no path here holds")
