"""Pictures of the Procedures pane, for `make pictures`: a bad migrate is taken back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from console.engine.context import open_context
from console.engine.environment import Environment, Who
from console.engine.procedures import guide
from console.engine.procedures.offers import offers
from tests.support import run_cli
from tests.terminal.pictures import SIZES, console, sample, take
from tests.widgets.hosting import page, until


def _begun(root: Path) -> None:
    """Up to its choice, by ann and bob."""
    ann = open_context(root, env=Environment(who=Who("ann", "ann", terminal="pts/0", host="db7")))
    bob = open_context(root, env=Environment(who=Who("bob", "bob", terminal="pts/4", host="db7")))
    session = guide.start(ann, "failed-migration")
    session = guide.tick(ann, guide.act(ann, session))
    session = guide.tick(ann, guide.set_value(ann, session, offers(ann, "run")[0][0]))
    session = guide.hand_over(ann, guide.look(ann, session), "37 files of one source look wrong, I go to bed")
    guide.note(bob, guide.resume(bob, session.id), "it is the amounts")


async def procedures(folder: Path) -> None:
    """The list, a probe that was handed over, a choice, the plan that a step opens: both sizes; the other looks."""
    root = sample(folder)
    shutil.rmtree(root / "config/procedures")  # the installation has them
    run_cli(root, "migrate", "--yes")
    _begun(root)
    for size in SIZES:
        async with console(root, size, "ops-dark") as (app, pilot):
            await pilot.press("7")
            await until(pilot, lambda app=app: "Suggested now" in page(app) and "On their way" in page(app), 1000)
            take(app, f"procedures-{size}")
            await pilot.press("down", "v")
            await until(pilot, lambda app=app: "─ Procedure: " in page(app))
            take(app, f"procedure-steps-{size}")
            await pilot.press("escape")
            await until(pilot, lambda app=app: "─ Procedure: " not in page(app))
            app.open_newest_session()
            await until(pilot, lambda app=app: "step 3 of" in page(app) and "looking" not in page(app), 1000)
            take(app, f"procedure-{size}")
            await pilot.press("t")
            await until(pilot, lambda app=app: "step 4 of" in page(app) and "speak for it" in page(app), 2000)
            take(app, f"procedure-choice-{size}")
            await pilot.press("enter")
            await until(pilot, lambda app=app: "step 5 of" in page(app) and "looking" not in page(app), 1000)
            await pilot.press("d")
            await until(pilot, lambda app=app: "Rollback: plan" in page(app) and "Pre-flight" in page(app), 2000)
            take(app, f"procedure-plan-{size}")
            await pilot.press("escape")
            await until(pilot, lambda app=app: "Rollback: plan" not in page(app))
            await pilot.press("r")
            await until(pilot, lambda app=app: "Incident: " in page(app), 1000)
            take(app, f"procedure-report-{size}")
            await pilot.press("escape", "b", "b")
            await until(pilot, lambda app=app: "step 4 of" in page(app) or "step 3 of" in page(app), 1000)
            if "step 4 of" in page(app):
                await pilot.press("b")
            await until(pilot, lambda app=app: "step 3 of" in page(app), 1000)
    await _looks(root)


async def _looks(root: Path) -> None:
    for theme, name in (("ops-light", "light"), ("ansi-dark", "16-colours")):
        async with console(root, "80x24", theme) as (app, pilot):
            app.open_newest_session()
            await until(pilot, lambda app=app: "step 3 of" in page(app) and "looking" not in page(app), 1000)
            take(app, f"procedure-{name}")
    os.environ["NO_COLOR"] = "1"
    async with console(root, "80x24", "ansi-dark", stand_ins="ascii") as (app, pilot):
        app.open_newest_session()
        await until(pilot, lambda: "step 3 of" in page(app) and "looking" not in page(app), 1000)
        take(app, "procedure-ascii-no-color")
    del os.environ["NO_COLOR"]
    async with console(root, "80x24", "ops-dark", read_only=True) as (app, pilot):
        app.open_newest_session()
        await until(pilot, lambda: "step 3 of" in page(app) and "looking" not in page(app), 1000)
        take(app, "procedure-read-only")
