"""The gate: what holds an action until it is right or a person takes responsibility. DESIGN: "Gate"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from console.engine.errors import RefusedError, UsageError
from console.engine.model import Check, GateItem, ZoneSpace
from console.engine.settings.model import Settings
from console.engine.text import count, size

# What may be released for one run with a reason. What cannot be read cannot be waved through.
RELEASABLE = ("zone-filesystem", "source-empty", "missing", "failures", "recovery", "headroom")
ALL = (
    "lock",
    "maintenance",
    "ledger",
    "adoption",
    "mirror",
    "zones",
    "network",
    "writable",
    "space",
    "inodes",
    *RELEASABLE,
)
NAMES = frozenset((*ALL, "note", "session"))  # no item of a checklist may have one of these

HEADROOM_PERCENT = 20


def releasable(settings: Settings) -> frozenset[str]:
    """What may be released for one run with a reason, the items of the pre-flight list among it."""
    return settings.checklists.names.union(RELEASABLE)


def apply_settings(
    items: Iterable[GateItem],
    configured: Mapping[str, str],
    overrides: Mapping[str, str],
    also: Collection[str] = (),
) -> list[GateItem]:
    """The items as the configuration (block | warn | off) and this run's overrides (item -> reason) leave them.

    also: items of the pre-flight list, which may be released too. Raises UsageError for an override of an item that is
    unknown or cannot be released.
    """
    for name in overrides:
        if name not in RELEASABLE and name not in also:
            raise UsageError(
                f"{name!r} cannot be overridden",
                next_step="what can be: " + ", ".join([*RELEASABLE, *sorted(also)]),
                untouched="everything",
            )
    gated = []
    for item in items:
        how = configured.get(item.name, "")
        if how == "off":
            continue
        if how:
            item = replace(item, blocks=how == "block")
        if item.verdict in (Check.FAIL, Check.UNKNOWN) and not item.blocks:
            item = replace(item, verdict=Check.WARN if item.verdict == Check.FAIL else Check.UNKNOWN)
        if item.name in overrides and item.verdict != Check.PASS:
            item = replace(item, overridden=overrides[item.name])
        gated.append(item)
    return gated


def space_items(space: Iterable[ZoneSpace]) -> list[GateItem]:
    """Whether the plan's bytes and inodes fit, and the runbook's 20 % free, on each file system of its own."""
    items = []
    for part in space:
        zones = ", ".join(part.zones)
        if part.need_bytes > part.free_bytes:
            items.append(
                GateItem(
                    "space",
                    Check.FAIL,
                    True,
                    f"Insufficient disk space: {zones} on {part.mount} needs {size(part.need_bytes)},"
                    f" {size(part.free_bytes)} free",
                    "free some room there, or migrate one source at a time with --source",
                )
            )
        if 0 <= part.free_inodes < part.need_inodes:
            items.append(
                GateItem(
                    "inodes",
                    Check.FAIL,
                    True,
                    f"Insufficient disk space: {zones} on {part.mount} needs {count(part.need_inodes)} inodes,"
                    f" {count(part.free_inodes)} free",
                    "remove small files that are not needed there",
                )
            )
    for name in ("space", "inodes"):
        if not any(item.name == name for item in items):
            items.append(GateItem(name, Check.PASS, True, "fits on every file system"))
    return items


def headroom_item(shares: Mapping[str, float]) -> GateItem:
    """shares: mount -> percent free. The runbook's 20 % warns, it does not block."""
    tight = [f"{mount} {free:.0f} % free" for mount, free in shares.items() if free < HEADROOM_PERCENT]
    if tight:
        return GateItem("headroom", Check.WARN, False, ", ".join(tight), "free room soon")
    return GateItem("headroom", Check.PASS, False, f"over {HEADROOM_PERCENT} % free everywhere")


def _said(item: GateItem) -> str:
    """The item's name before its evidence, unless that begins with it."""
    return item.evidence if item.evidence.startswith(f"{item.name} ") else f"{item.name}: {item.evidence}"


def refusal(items: Iterable[GateItem]) -> RefusedError | None:
    """The error for the items that refuse, or None."""
    refusing = [item for item in items if item.refuses]
    if not refusing:
        return None
    return RefusedError(
        "refused: " + "; ".join(_said(item) for item in refusing),
        untouched="everything",
        next_step="; ".join(item.next_step for item in refusing if item.next_step),
    )
