"""Whether an archive or its restore may: places, room where files have to be copied, zones where they were."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable

from console.engine.actions.change.binding import common_gate
from console.engine.actions.migrate.model import Group, pack_groups
from console.engine.actions.migrate.survey import Survey, read_seen
from console.engine.checks import brakes
from console.engine.checks.adoption import adoption_item
from console.engine.checks.gate import space_items
from console.engine.checks.writable import writable_item
from console.engine.context import Context
from console.engine.errors import MirrorError
from console.engine.model import Check, GateItem, ZoneSpace
from console.engine.transfer.filesystem import existing, filesystem_of, room

Need = tuple[str, str, int]  # from which zone to which (names of settings.Zones), bytes


def moving_gate(
    ctx: Context, connection: sqlite3.Connection | None, folders: Iterable[str], needs: Iterable[Need], *, lock: bool
) -> list[GateItem]:
    """folders: of the raw zone, relative to it. needs: what moves where. lock: look at lock and state file too, for a
    plan that is made outside of the lock."""
    groups = (Group(folder, [], None, False) for folder in folders)
    raw = ctx.workspace.path(ctx.settings.zones.raw)
    items = [item for item in common_gate(ctx, connection) if item.name != "writable"] if lock else []
    try:
        items.append(adoption_item(ctx, connection))
    except MirrorError:
        pass  # said by the item of the state file
    systems = Survey(ctx, whole=False).filesystems()
    found = brakes.Found({zone: system.identity for zone, system in systems.items()}, {}, 0)
    items += [
        GateItem("zones", Check.PASS, True, "the raw zone is there")
        if raw.is_dir()
        else GateItem(
            "zones",
            Check.FAIL,
            True,
            f"there is no raw zone {ctx.settings.zones.raw}",
            "mount it, or name the right folder in the configuration",
        ),
        writable_item(ctx, pack_groups(groups), moves=True),
        *space_items(_space(ctx, needs)),
        brakes.zone_brake(read_seen(connection), found),
    ]
    return items


def _space(ctx: Context, needs: Iterable[Need]) -> list[ZoneSpace]:
    """What is copied, for it goes to another file system; a rename needs no room."""
    spaces = []
    for source, target, size in needs:
        here, there = (existing(ctx.workspace.path(getattr(ctx.settings.zones, zone))) for zone in (source, target))
        if os.stat(here).st_dev != os.stat(there).st_dev:
            free, inodes, _ = room(there)
            spaces.append(ZoneSpace((target,), filesystem_of(there).mount, size, free, 0, inodes))
    return spaces
