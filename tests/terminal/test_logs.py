"""The Logs pane in a real terminal: filters, time, all logs at once, leads, copies, and whatever befalls a file."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from tests.support import invalid_record, make_workspace, run_cli, valid_record
from tests.terminal.screen import Terminal

CTRL_R, CTRL_N = "\x12", "\x0e"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 files published, 3 failing, by one run that began today."""
    files = {f"good/2024-01-{n + 1:02d}/data.json": [valid_record(n)] for n in range(12)}
    files |= {f"bad/2024-01-{n + 1:02d}/data.json": [invalid_record(n)] for n in range(3)}
    root = make_workspace(tmp_path_factory.mktemp("logs") / "w", files)
    run_cli(root, "migrate", "--yes")
    return root


def shown(t: Terminal) -> list[str]:
    """The rows of the log; what a notification covers begins further right."""
    return [line for line in t.lines[4:21] if line[2:6].isdigit()]


def press(t: Terminal, *steps: tuple[str, str]) -> None:
    """Keys, and what the screen shows when they have worked."""
    for keys, shows in steps:
        t.press(keys)
        t.wait(shows)


def test_filters_leads_and_copies(migrated: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Terminal(migrated, env={"HOME": str(home)}) as t:
        t.wait("Last run")
        press(t, ("2", "● following"))
        t.wait("Migrate complete")
        # a text; turned round; one more; taken off
        press(t, ("&", "only lines with text"), ("bad/", "bad/"), ("enter", '"bad/"'))
        t.wait(lambda: len(shown(t)) == 6 and "Migrate complete" not in t.page)
        press(t, ("v", 'not "bad/"'))
        t.wait(lambda: "Migrate complete" in t.page and "ERROR" not in t.page)
        # an expression: what is wrong is said as it is typed, and nothing is taken until it is right
        press(t, ("&", "only lines with text"), (CTRL_R, "only lines with expression"))
        press(t, ("(complete", "missing ), unterminated"), ("enter", "only lines with expression"), ("|x)", "|x)"))
        press(t, (CTRL_N, "only lines without expression"), (CTRL_N, "only lines with expression"))
        press(t, ("enter", "/(complete|x)/"))
        t.wait(lambda: len(shown(t)) == 1)
        t.press("\x7f")  # Backspace
        t.wait(lambda: "/(complete|x)/" not in t.page and len(shown(t)) > 10)
        # one that would take for ever is stopped, said, and what it hid is there again
        press(t, ("&", "only lines with expression"), ("([a-z/_]+)+#", "+#"), ("enter", "filter taken off"))
        t.wait(lambda: "/([a-z/_]+)+#/" not in t.page and len(shown(t)) > 10)
        # level
        press(t, ("L", "[all]"), ("l", "[info+]"), ("l", "[warning+]"), ("l", "[error+]"))
        t.wait(lambda: len(shown(t)) == 3)
        # one line: marked, copied, saved; its file; its run
        press(t, ("up", "paused"))
        for key, rows in (("m", 1), ("up", 2)):
            t.press(key)
            t.wait(lambda rows=rows: sum(line[1:2] == "*" for line in shown(t)) == rows)
        t.press("c")
        t.wait("Sent 2 lines")
        copied = base64.b64decode(t.raw.rpartition(b"\x1b]52;c;")[2].partition(b"\x07")[0]).decode()
        log = (migrated / "logs/migration/migration.log").read_text().splitlines()
        assert copied.splitlines() == [line for line in log if "ERROR" in line][1:]
        press(t, ("S", "save as"), ("~/mine.log", "~/mine.log"), ("enter", "Saved"))
        assert (home / "mine.log").read_text() == copied + "\n"
        press(t, ("P", "file 2024-01-02/data.json"))  # the newest but one
        t.wait(lambda: len(shown(t)) == 1)
        press(t, ("U", " · run "), ("P", "error+ · run "), ("L", "[all]"))
        press(t, ("enter", "one record"), ("esc", "paused"))
        press(t, ("p", "▐3 State▌"))
        t.wait("bad/2024-01-02/data.json")
        press(t, ("2", "▐2 Logs▌"), ("u", "▐6 Runs▌"))
        t.wait("12 published  3 failed")
        t.press("ctrl+q")
        assert t.ended(10) == 0


def test_time_and_all_logs_at_once(migrated: Path) -> None:
    """Another log of the same minute, and an hour before: one order for all."""
    path = migrated / "logs/migration/migration.log"
    last = next(line for line in path.read_text().splitlines() if " - ERROR - " in line)[:19]
    other = migrated / "logs/cron.log"
    early = [f"2024-02-03 04:{n // 60:02d}:{n % 60:02d} - cron - INFO - beat {n}" for n in range(600)]
    other.write_text("\n".join([*early, f"{last} - cron - ERROR - in the same second", "  and its traceback"]))
    with Terminal(migrated, size=(120, 40)) as t:
        t.wait("Last run")
        press(t, ("2", "● following"), ("o", "choose a log"))
        t.wait("all logs by time")
        press(t, ("up", "▸all logs by time"), ("enter", "in all"))
        t.wait(lambda: all(f" {tag} " in t.page for tag in ("log", "json", "cron.log")))
        at = next(n for n, line in enumerate(t.lines) if "in the same second" in line)
        assert "  and its traceback" in t.lines[at + 1] and "cron" in t.lines[at + 1]
        press(t, ("t", "go to time"), ("later", "no time: such as 03:12"), ("enter", "no time: such as 03:12"))
        t.press(*["\x7f"] * 5)
        press(t, ("2024-02-03 04:05", "Sat 2024-02-03 04:05:00 UTC"), ("enter", "at Sat 2024-02-03 04:05:00"))
        t.wait("beat 300")
        t.wait("in cron.log")
        t.wait("beat 299")
        press(t, ("e", "in the same second"), ("/", "find "), ("minimum", "minimum"), ("enter", "text minimum"))
        press(t, ("n", "below the minimum"))
        # one structured record, laid out
        press(t, ("o", "▸all logs by time"), ("down", "▸migration.log"), ("down", "▸migration.json"))
        press(t, ("enter", "migration.json  ●"), ("E", "paused"), ("enter", '"level": "ERROR",'))
        t.wait('"errors": [')
        t.press("ctrl+q")
        assert t.ended(10) == 0


HOSTILE = (
    b"\x1b[31mcoloured\x1b[0m by somebody",
    b"\x1b]52;c;aGFja2Vk\x07 to the clipboard, \x1b[2J\x1b[?1049l off the screen",
    b"[@click=app.quit]click me[/] [bold]b[/foo]",
    "\u202egnp.exe\u202c \u200b\u2028 \x9b31m \u4e2d\u6587 e\u0301 \U0001f600".encode(),
    b"\xff\xfe\xed\xa0\x80 is no text",
    b"2026-03-04 03:12:00 - x - ERROR - ends as Windows has it\r",
    b"x" * 300_000 + b"\x1b]52;c;aGFja2Vk\x07" + b"y" * 700_000 + b" far right",
    b"no end yet",
)
ACTS = (
    b"\x1b]52",
    b"\x1b[2J",
    b"\x1b[31mcol",
    "\x9b".encode(),
    "\u202e".encode(),
    "\u2028".encode(),
    b"\xff",
    b"\xed\xa0",
)


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.soak)])
def test_whatever_is_in_a_log_and_befalls_it(tmp_path: Path, size: tuple[int, int]) -> None:
    root = make_workspace(tmp_path / "w", {"a/1.json": [valid_record(1)]})
    log = root / "logs/migration/migration.log"
    log.write_bytes(b"\n".join(HOSTILE))
    with Terminal(root, size=size) as t:
        t.wait("1 new")
        left = len(t.raw)
        press(t, ("2", "no end yet"))
        for text in (
            "␛[31mcoloured␛[0m",
            "␛]52;c;aGFja2Vk␇",
            "[@click=app.quit]click me[/] [bold]b[/foo]",
            "\\xff\\xfe",
        ):
            t.wait(text)
        for text in ("\\u202egnp.exe\\u202c", "\\x9b31m", "中文", "1.0 MB line", "ends as Windows has it"):
            t.wait(text)
        assert "␍" not in t.page
        press(t, ("/", "find"), ("coloured", "coloured"), ("enter", "line 1 of 8"), ("enter", "one record"))
        t.wait("level not recognised")
        press(t, ("esc", "paused"), ("G", "● following"), ("up", "paused"), ("up", "line 7 of 8"), ("w", "wrapped"))
        press(t, ("enter", "only the first 262,144 bytes are shown"), ("esc", "wrapped"), ("w", "1.0 MB line"))
        with open(log, "ab") as file:
            file.write(b" but now\nanother\n")
        t.wait("paused, 2 new")
        press(t, ("G", "● following"), ("c", "Sent 1 line"))
        copied = t.raw.rpartition(b"\x1b]52;c;")[2].partition(b"\x07")[0]
        assert base64.b64decode(copied) == b"another"
        os.rename(log, f"{log}.1")
        log.write_bytes(b"after rotation\n")
        t.wait("▸ migration.log was rotated; the lines above are in migration.log.1")
        t.wait("after rotation")
        log.write_bytes(b"cut\n")
        t.wait("▸ migration.log was truncated from 15 B to 4 B")
        os.unlink(log)
        t.wait("▸ migration.log is gone")
        log.write_bytes(b"new\n")
        t.wait(lambda: any(line.startswith("  new") for line in t.lines))
        press(t, ("o", "choose a log"))
        t.wait("migration.log.1")
        t.wait("rotated 1 ×")
        t.press("ctrl+q")
        assert t.ended(10) == 0
        sent = t.raw[left:].replace(b"\x1b]52;c;" + copied, b"")
        for act in ACTS:
            assert act not in sent.partition(b"\x1b[?1049l")[0], act
