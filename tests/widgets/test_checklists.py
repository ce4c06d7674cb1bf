"""The pane of checklists: what is asked for, what holds, what is old, hostile text, small screens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.engine.model import Check
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.checklists import ChecklistsPane
from widgets.samples_checks import sample_results


def fill(app: Host) -> ChecklistsPane:
    pane = app.query_one(ChecklistsPane)
    pane.show(sample_results(), {"backups": "block", "errors": "block"})
    pane.table.focus()
    return pane


async def test_what_is_asked_for_is_shown_as_being_asked_and_answered_one_by_one() -> None:
    app = Host(ChecklistsPane)
    async with app.run_test(size=(80, 22), message_hook=app.hook) as pilot:
        pane = fill(app)
        await until(pilot, lambda: "4 of 6 pass" not in page(app) and "3 of 6 pass" in page(app))
        await pilot.press("R")
        (wanted,) = app.of(ChecklistsPane.LookWanted)
        assert wanted.which == "preflight" and len(wanted.names) == 6
        pane.looking = frozenset(wanted.names)
        await until(pilot, lambda: "▶ looking at 6  x: stop" in page(app))
        await pilot.press("enter", "R")
        assert len(app.of(ChecklistsPane.LookWanted)) == 1  # they are being asked
        first = next(result for result in pane.results if result.item.name == "backups")
        pane.answered(replace(first, verdict=Check.PASS, evidence="every zone verified 1 min ago", asked=True))
        await until(pilot, lambda: "✓ pass       ■ Backups are current" in page(app))
        assert "looking at 5" in page(app)
        await pilot.press("x", "end", "R", "enter", "h", "d", "e")
        assert len(app.of(ChecklistsPane.StopWanted)) == 1
        assert app.of(ChecklistsPane.LookWanted)[-1].names == (
            *("run-log", "counts", "spot-check", "checksums", "disk-after"),
        )
        assert app.of(ChecklistsPane.SignWanted)[-1].result.item.name == "documentation"
        assert app.of(ChecklistsPane.HistoryWanted)[-1].name == "documentation"
        assert app.of(ChecklistsPane.DetailWanted) and app.of(ChecklistsPane.AcknowledgeWanted)


@pytest.mark.parametrize(("steps", "name", "holds"), [(0, "backups", False), (1, "disk", False), (5, "errors", True)])
async def test_only_what_blocks_and_is_not_right_can_be_overridden(steps: int, name: str, holds: bool) -> None:
    """`backups` blocks and warns: that holds nothing; `disk` does not block; `errors` blocks and fails."""
    app = Host(ChecklistsPane)
    async with app.run_test(size=(80, 22), message_hook=app.hook) as pilot:
        fill(app)
        await pilot.press(*["down"] * steps, "o")
        (wanted,) = app.of(ChecklistsPane.OverrideWanted)
        assert (wanted.result.item.name, wanted.holds) == (name, holds)


@pytest.mark.parametrize("size", [(80, 22), (40, 12)])
async def test_hostile_text_is_text_and_every_verdict_has_its_word(size: tuple[int, int]) -> None:
    app = Host(ChecklistsPane)
    async with app.run_test(size=size) as pilot:
        pane = fill(app)
        bad = [
            replace(
                result,
                item=replace(result.item, text=HOSTILE[n % len(HOSTILE)]),
                evidence=HOSTILE[(n + 3) % len(HOSTILE)],
                details=HOSTILE,
                by=HOSTILE[4],
            )
            for n, result in enumerate(pane.results)
        ]
        pane.show(bad, {"backups": "block"})
        await until(pilot, lambda: "! warn" in page(app))
        for _ in range(14):
            await pilot.press("down")
        await pilot.press("home")
        assert links(app) == [] and "\x1b" not in page(app)
        if size[1] >= 22:
            text = page(app)
            for word in ("✓ pass", "! warn", "✗ fail", "? to sign", "· was pass", "· not asked"):
                assert word in text, word
        assert "Enter: look" in shown(app)[-1]
        pane.show([], {})
        pane.failed("[/] the ledger is gone")
        await until(pilot, lambda: "[/] the ledger is gone" in page(app))
