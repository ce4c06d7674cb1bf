"""`make pictures`: the console on the sample workspace, every pane and dialog, as SVG and PNG in docs/pictures/.

The workspace is a copy in a temporary folder; a real migrate runs in it. Themes: dark, light, the 16 colours of the
terminal (ansi) and NO_COLOR.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cairosvg
from PIL import Image
from textual.filter import LineFilter, NoColor
from textual.pilot import Pilot

from console.engine.context import open_context
from console.engine.environment import Environment, Who
from console.tui.app import ConsoleApp
from console.tui.glyphs import StandIns
from tests.support import PROJECT
from tests.terminal.svg import DARK, LIGHT, screen_svg
from tests.widgets.hosting import page, until

OUT = PROJECT / "docs" / "pictures"
SIZES = {"80x24": (80, 24), "120x40": (120, 40)}


def take(app: ConsoleApp, name: str) -> None:
    """A picture of what `app` shows now, as NAME.svg and NAME.png; of one at 80x24 also how it looks on a light ground
    and without colours, as looks/….png."""
    _save(app, name, svg=True)
    if not name.endswith("-80x24") or name.startswith("palette"):  # the palette keeps the theme that it was opened in
        return
    plain = name.removesuffix("-80x24")
    theme, filters = app.theme, app._filters
    for look, other, more in (("light", "ops-light", []), ("no-color", "ansi-dark", [NoColor()])):
        _look(app, other, [*filters, *more])
        _save(app, f"looks/{plain}-{look}")
    _look(app, theme, filters)


def _look(app: ConsoleApp, theme: str, filters: list[LineFilter]) -> None:
    """Drawn in this theme from now on: what waits for the loop is done at once."""
    app.theme, app._filters = theme, filters
    app.refresh_css(animate=False)
    for screen in app.screen_stack:
        for widget in screen.walk_children(with_self=True):
            widget.refresh()
            widget._styles_cache.clear()


def _save(app: ConsoleApp, name: str, *, svg: bool = False) -> None:
    strips = app.screen._compositor.render_strips(app.size)
    drawn = screen_svg(strips, app.size.width, DARK if app.current_theme.dark else LIGHT)
    (OUT / name).parent.mkdir(parents=True, exist_ok=True)
    if svg:
        (OUT / f"{name}.svg").write_text(drawn, encoding="utf-8")
    png = cairosvg.svg2png(bytestring=drawn.encode())
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(OUT / f"{name}.png")
    print(f"docs/pictures/{name}.png", flush=True)


@asynccontextmanager
async def console(root: Path, size: str, theme: str, **options: Any) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    """The console on `root`, once it has read what is waiting."""
    env = Environment(who=Who("ann", "ann", host="db7"))
    ctx = open_context(root, read_only=options.pop("read_only", False), env=env)
    ctx = replace(ctx, settings=replace(ctx.settings, name="PROD"))
    app = ConsoleApp(ctx, theme=theme, **options)
    async with app.run_test(size=SIZES[size]) as pilot:
        await until(pilot, lambda: "looking…" not in page(app) and "free" in page(app))
        yield app, pilot


def sample(folder: Path) -> Path:
    """A fresh copy of the sample workspace."""
    root = folder / "pdoom-data"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for name in ("config", "data"):
        shutil.copytree(PROJECT / name, root / name, ignore=shutil.ignore_patterns("transformed", "_backups"))
    (root / "logs").mkdir()
    config = root / "config/console.toml"
    # how full the disk of whoever takes the pictures is, is nothing to show
    config.write_text(
        config.read_text(encoding="utf-8").replace("\noff = []\n", '\noff = ["disk"]\n'), encoding="utf-8"
    )
    return root


async def migrate(app: ConsoleApp, pilot: Pilot[None], name: str = "") -> None:
    """The whole dialog; pictures on the way when there is a name."""
    await pilot.press("a", "m")
    await until(pilot, lambda: "Would end" in page(app), 3000)
    if name:
        take(app, f"migrate-plan-{name}")
        await pilot.press("f")
        await until(pilot, lambda: "of the plan" in page(app))
        take(app, f"migrate-files-{name}")
        await pilot.press("escape", "o")
        await until(pilot, lambda: "Plan with these" in page(app))
        take(app, f"migrate-options-{name}")
        await pilot.press("escape")
        await until(pilot, lambda: "Would end" in page(app))
    app.screen.query_one("#migrate").focus()
    await pilot.press("enter")
    await until(pilot, lambda: "Show failed" in page(app) and "in 0" in page(app), 3000)
    await until(pilot, lambda: not any(word in page(app) for word in ("reading…", "▶", "and more")))
    await until(pilot, lambda: "alert" in page(app))


async def session(folder: Path, size: str, theme: str, name: str) -> None:
    """Everything an operator meets, at one size in one theme."""
    root = sample(folder)
    async with console(root, size, theme) as (app, pilot):
        take(app, f"overview-before-{name}")
        await migrate(app, pilot, name)
        take(app, f"run-detail-{name}")
        await pilot.press("f")
        await until(pilot, lambda: "✗ failed" in page(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Failing records" in page(app) or "Today" in page(app))
        take(app, f"run-file-{name}")
        await pilot.press("escape", "r")
        await until(pilot, lambda: "Report of" in page(app) and "reading…" not in page(app))
        take(app, f"run-report-{name}")
        await pilot.press("escape", "escape")
        await pilot.pause()
        take(app, f"runs-{name}")
        await pilot.press("2")
        await until(pilot, lambda: "Migrate" in page(app) and "following" in page(app), 1000)
        take(app, f"logs-{name}")
        await pilot.press("question_mark")
        await until(pilot, lambda: "Help: Logs" in page(app))
        take(app, f"help-{name}")
        await pilot.press("escape", "1")
        await until(pilot, lambda: "nothing new" in page(app), 1000)
        take(app, f"overview-{name}")
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Adopt" in page(app))
        take(app, f"palette-{name}")
        await pilot.press("escape")


async def looks(folder: Path) -> None:
    """The other looks: light, 16 colours, NO_COLOR, ASCII, read-only, and a workspace with nothing in it."""
    root = sample(folder)
    async with console(root, "80x24", "ops-dark") as (app, pilot):
        await migrate(app, pilot)
    for theme, name in (("ops-light", "light"), ("ansi-dark", "16-colours"), ("ansi-light", "16-colours-light")):
        async with console(root, "80x24", theme) as (app, pilot):
            take(app, f"overview-{name}")
            await pilot.press("a", "m")
            await until(pilot, lambda app=app: "Left alone" in page(app), 1000)
            take(app, f"migrate-plan-{name}")
    os.environ["NO_COLOR"] = "1"
    async with console(root, "80x24", "ansi-dark") as (app, pilot):
        take(app, "overview-no-color")
        await pilot.press("6")
        await pilot.pause()
        take(app, "runs-no-color")
    del os.environ["NO_COLOR"]
    async with console(root, "80x24", "ansi-dark", stand_ins="ascii") as (app, pilot):
        assert any(isinstance(each, StandIns) for each in app._filters)
        take(app, "overview-ascii")
    async with console(root, "80x24", "ops-dark", read_only=True) as (app, pilot):
        take(app, "overview-read-only")
    shutil.rmtree(root / "data" / "raw" / "funding_sources")
    (root / "data" / "raw" / "funding_sources").mkdir()
    shutil.rmtree(root / ".opsconsole")
    shutil.rmtree(root / "logs" / "migration")
    async with console(root, "80x24", "ops-dark") as (app, pilot):
        take(app, "overview-empty")


def main() -> None:
    """All of them, or those that are named: a size, `looks`, `shared`, `shared-looks`, `disk`, `logs`, `state`, `undo`,
    `runs`, `checks`, `procedures`."""
    from tests.terminal.pictures_disk import disk
    from tests.terminal.pictures_shared import shared, shared_looks
    from tests.terminal.pictures_undo import undo

    several = ["looks", "shared", "shared-looks", "disk", "logs", "state", "undo", "runs", "checks", "procedures"]
    wanted = sys.argv[1:] or [*SIZES, *several]
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            if size in wanted:
                asyncio.run(session(Path(folder), size, "ops-dark", size))
            if "shared" in wanted:
                asyncio.run(shared(Path(folder), size, "ops-dark", size))
        if "looks" in wanted:
            asyncio.run(looks(Path(folder)))
        if "shared-looks" in wanted:
            asyncio.run(shared_looks(Path(folder)))
        if "undo" in wanted:
            asyncio.run(undo(Path(folder)))
        if "runs" in wanted:
            from tests.terminal.pictures_runs import runs

            asyncio.run(runs(Path(folder)))
        if "checks" in wanted:
            from tests.terminal.pictures_checks import checks

            asyncio.run(checks(Path(folder)))
        if "procedures" in wanted:
            from tests.terminal.pictures_procedures import procedures

            asyncio.run(procedures(Path(folder)))
        if "disk" in wanted:
            asyncio.run(disk(Path(folder)))
        if "logs" in wanted:
            from tests.terminal.pictures_logs import log_pictures

            asyncio.run(log_pictures(Path(folder)))
        if "state" in wanted:
            from tests.terminal.pictures_state import state_pictures  # it adds a size of its own

            asyncio.run(state_pictures(Path(folder)))


def index() -> None:
    """docs/pictures/README.md: what there is a picture of, and in which looks."""
    found = {path.stem for path in OUT.glob("*.png")}
    names = sorted(name.removesuffix("-80x24") for name in found if name.endswith("-80x24"))
    lines = ["# Pictures", "", "Made by `make pictures`, from the console itself.", ""]
    lines += ["| of | 80x24 | 120x40 | light | NO_COLOR |", "| --- | --- | --- | --- | --- |"]
    for name in names:
        wide = f"[120x40]({name}-120x40.png)" if f"{name}-120x40" in found else ""
        looks = [
            f"[{look}](looks/{name}-{look}.png)" if (OUT / f"looks/{name}-{look}.png").exists() else ""
            for look in ("light", "no-color")
        ]
        lines.append(f"| {name.replace('-', ' ')} | [80x24]({name}-80x24.png) | {wide} | {' | '.join(looks)} |")
    others = sorted(name for name in found if not name.endswith(("-80x24", "-120x40")))
    lines += ["", "Others: " + ", ".join(f"[{name.replace('-', ' ')}]({name}.png)" for name in others) + "."]
    (OUT / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
    index()
