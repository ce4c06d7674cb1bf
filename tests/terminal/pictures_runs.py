"""Pictures of two weeks on the Overview and of two runs compared, for `make pictures`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.engine.context import open_context
from console.engine.ledger.store import transaction
from console.engine.observe.disk import zone_disks
from tests.engine.ledger.filled import add_run, opened
from tests.support import run_cli
from tests.terminal.pictures import SIZES, console, sample, take
from tests.widgets.hosting import page, until

STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
DUMP = "data/raw/funding_sources/ea_grants/dumps/2023-10-16_051344/data.json"
# Files judged and failed, from thirteen days ago to yesterday; None: nothing ran.
DAYS = ((40, 0), (52, 1), None, (44, 0), (61, 2), (48, 0), (77, 31), (20, 0), (51, 1), None, (60, 0), (112, 3), (58, 1))


def _ran(folder: Path) -> Path:
    """Two weeks of runs in the ledger, then two migrates: after the second one a file newly fails."""
    root = sample(folder)
    ctx = open_context(root)
    ctx.workspace.private.mkdir()
    disk = max(zone_disks(ctx), key=lambda each: each.percent)
    with opened(ctx) as connection, transaction(connection):
        for seq, day in enumerate(DAYS, 1):
            begun = datetime.now(UTC) - timedelta(days=14 - seq, hours=1)
            taken = [disk.mount, begun.strftime(STAMP), disk.used * (86 + seq) // 100, disk.total]
            connection.execute("INSERT INTO samples VALUES ('filesystem', ?, ?, ?, ?, -1, -1)", taken)
            if day is None:
                continue
            add_run(
                connection,
                seq,
                id=f"{begun:%Y%m%dT%H%M%SZ}-migrate-{0x51A0 + 77 * seq:04x}",
                status="partial" if day[1] else "done",
                who=json.dumps({"login": "timer" if seq % 3 else "bob"}),
                started_at=begun.strftime(STAMP),
                ended_at=(begun + timedelta(seconds=1 + sum(day) / 40)).strftime(STAMP),
                counts=json.dumps({"processed": day[0] - day[1], "failed": day[1], "skipped": 1204}),
            )
    run_cli(root, "migrate", "--yes")
    records = json.loads((root / DUMP).read_bytes())
    for record in records[:3]:
        record.pop("amount", None)
    (root / DUMP).write_text(json.dumps(records), encoding="utf-8")
    new = root / DUMP.replace("2023-10-16_051344", "2026-10-16_051344")
    new.parent.mkdir()
    new.write_text(json.dumps(records[3:]), encoding="utf-8")
    run_cli(root, "migrate", "--yes")
    return root


async def runs(folder: Path) -> None:
    """Both sizes."""
    root = _ran(folder)
    for size in SIZES:
        async with console(root, size, "ops-dark") as (app, pilot):
            await until(pilot, lambda: "14 days" in page(app))
            take(app, f"overview-trends-{size}")
            await pilot.press("t")
            await until(pilot, lambda: "a column a day" in page(app) and "per file" in page(app))
            take(app, f"trends-{size}")
            await pilot.press("escape")
            await pilot.press("6")
            await until(pilot, lambda: "m: mark" in page(app))
            await pilot.press("m", "down")
            await until(pilot, lambda: "c: compare with it" in page(app))
            take(app, f"runs-marked-{size}")
            await pilot.press("c")
            await until(pilot, lambda: "newly failing" in page(app) and "record" in page(app))
            take(app, f"runs-compare-{size}")
