"""Alerts of the rules as an operator meets them: seen, led by, answered for with a note, gone from the count."""

from __future__ import annotations

from pathlib import Path

from tests.engine.checks.alert_site import HOUR, Site
from tests.engine.checks.test_alert_rules import bad, good
from tests.support import run_cli
from tests.terminal.screen import Terminal

NOTE = "funder-knows"


def look_of(t: Terminal, text: str) -> object:
    """Colours and weight of the first cell of `text` on the screen; None where it is not there."""
    for row, line in enumerate(t.lines):
        if text in line:
            cell = t.screen.buffer[row][line.index(text)]
            return cell.fg, cell.bg, cell.bold, cell.reverse
    return None


def test_an_alert_is_answered_for_by_keys_alone(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", {**good(3), **bad(12)})
    site.later(-HOUR)  # somebody else's run, a while ago
    site.migrate()
    with Terminal(site.root) as t:
        t.wait("2 alerts")  # the second from the logs, which are read a moment later
        t.wait("✗ 12 files fail and nobody answered; 80 % of files judged in 7 days failed: 12 of 15"[:60])
        t.wait("Enter: by cause")
        t.press("!")
        t.wait("n: acknowledge with a note")
        t.wait("12 errors in 24 h: Validation failed: date is missing")
        t.press("n")  # the worst is the first
        t.wait("Acknowledge this alert")
        t.wait("80 % of files judged")
        t.wait("until it gets worse")
        t.press("tab", "tab", "enter")  # without a note nothing is kept
        t.wait("first type a reason")
        t.press(*NOTE)
        t.wait(NOTE)
        t.press("enter")
        t.wait(lambda: look_of(t, "[ Acknowledge ]") != look_of(t, "[ Back ]"))  # the button has the focus
        t.press("enter")
        t.wait("1 alert")
        t.gone("Acknowledge this alert")
        t.wait("acknowledged by")  # among what is good to know
        t.press("ctrl+q")
        assert t.ended(10) == 0
    listed = run_cli(site.root, "alerts", "list").stdout
    assert NOTE in listed and "noted" in listed
    with Terminal(site.root, "--read-only", size=(120, 40)) as t:
        t.wait("1 alert")
        t.wait("12 errors in 24 h")
        t.press("!")
        t.wait("n: acknowledge with a note")
        t.press("n")
        t.wait("can change")
        t.press("ctrl+q")
        assert t.ended(10) == 0
