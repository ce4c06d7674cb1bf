"""What cannot be known is said to be so: a ledger that is garbage, a configuration that does not load, others' runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.engine.context import open_context
from console.tui.app import ConsoleApp
from console.tui.screens.dialog import AskScreen
from console.tui.start import open_for_looking
from tests.support import RAW, make_workspace, run_cli, valid_record
from tests.widgets.hosting import page, until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_workspace(tmp_path / "ws", {f"alpha/{n}.json": [valid_record(n)] for n in range(3)})
    assert run_cli(root, "migrate", "--yes").returncode == 0
    return root


async def test_a_ledger_that_is_garbage_is_said_in_every_pane_and_nothing_else_is_claimed(root: Path) -> None:
    (root / ".opsconsole/ledger.sqlite").write_bytes(b"no ledger at all" * 4096)
    app = ConsoleApp(open_context(root))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: page(app).count("not known: the ledger cannot be read") >= 2, 3000)
        assert "no data files" not in page(app) and "none yet" not in page(app) and "no run yet" not in page(app)
        await pilot.press("6")
        await until(pilot, lambda: "not known: the ledger cannot be read" in page(app))
        await pilot.press("3")
        await until(pilot, lambda: "not known:" in page(app))
        assert "first migrate" not in page(app)


async def test_a_configuration_that_does_not_load_makes_no_file_stale(root: Path) -> None:
    config = root / "config/console.toml"
    config.write_text(config.read_text() + "\nx = = 1\n")
    ctx, trouble = open_for_looking(root, "", False)
    assert "mend it" in trouble[-1] and "init" not in trouble[-1]
    app = ConsoleApp(ctx, trouble=trouble)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "not TOML" in page(app))
        await pilot.press("3")
        await until(pilot, lambda: "not known: the configuration does not load" in page(app))
        assert "stale" not in page(app)
        await pilot.press("5")
        await until(pilot, lambda: "the configuration does not load" in page(app))


async def test_what_waits_is_looked_at_again_after_a_run_that_somebody_else_made(root: Path) -> None:
    app = ConsoleApp(open_context(root))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "✓ nothing new" in page(app), 3000)
        (root / RAW / "beta").mkdir()
        (root / RAW / "beta/x.json").write_text("[]")
        run_cli(root, "rollback", "--last", "--yes", "--confirm", root.name)
        await until(pilot, lambda: "1 new" in page(app), 3000)


async def test_esc_never_leaves_a_dialog_with_something_typed(root: Path) -> None:
    app = ConsoleApp(open_context(root))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "free" in page(app))
        app.push_screen(AskScreen("Why", ["say it"], [("no", "Cancel"), ("yes", "Do it")], typed="a reason"))
        await until(pilot, lambda: "say it" in page(app))
        await pilot.press("a", "b", "c", "escape", "escape", "escape")
        await until(pilot, lambda: "Cancel leaves it" in page(app))
        assert "abc" in page(app)
        await pilot.press("enter")
        await until(pilot, lambda: "say it" not in page(app))


async def test_the_plan_of_a_migrate_without_a_ledger_does_not_claim_that_nothing_waits(root: Path) -> None:
    (root / ".opsconsole/ledger.sqlite").write_bytes(b"no ledger at all" * 4096)
    app = ConsoleApp(open_context(root))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "not known: the ledger cannot be read" in page(app), 3000)
        await pilot.press("a", "m")
        await until(pilot, lambda: "Would do" in page(app))
        said = page(app)
        assert "not known: the ledger cannot be read" in said.partition("Would do")[2]
        assert "nothing:" not in said
