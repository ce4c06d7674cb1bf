"""All sources together: what a migrate would do, what it needs, and whether it may."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from console.engine.actions.migrate.model import Group, Groups, SourceScan
from console.engine.checks import brakes
from console.engine.checks.gate import apply_settings, headroom_item, space_items
from console.engine.checks.writable import writable_item
from console.engine.context import Context
from console.engine.model import Check, Counts, GateItem, ZoneSpace
from console.engine.runs.session import ends_with_session
from console.engine.text import plural, recordable
from console.engine.transfer.filesystem import Filesystem, existing, filesystem_of, room

# What a run writes beside the data, by measurement, rounded up: ledger row, mirror entry and its .bak, log lines.
_OWN_BYTES_A_FILE = 3_000
_OWN_BYTES = 1_000_000
_BLOCK = 4096  # what ext4, xfs, btrfs and tmpfs give out at least
_ZONES = ("raw", "validated", "backups", "archive")


@dataclass(slots=True)
class Survey:
    """The scans of all sources that the selection takes in, added up."""

    ctx: Context
    whole: bool  # every source, no pattern: what is not there is really gone
    moves: bool = False  # what is published leaves the raw zone for the archive
    files: int = 0
    bytes: int = 0
    blocks: int = 0  # what the files take of a file system, a folder's share included
    candidates: int = 0
    sidecars: int = 0
    replacing: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    sources: dict[str, int] = field(default_factory=dict)
    groups: Groups = field(default_factory=Groups)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    def add(self, scan: SourceScan) -> None:
        limit = self.ctx.settings.logs.unchanged_named + 1
        self.files += scan.files
        self.counts.update(scan.counts)
        if scan.files or not scan.unreadable:  # what cannot be read is not empty
            name = recordable(scan.source)  # as the ledger keeps one that is no UTF-8, and it may be asked for by both
            self.sources[name] = self.sources.get(name, 0) + scan.files
        self.groups.extend(scan.groups)
        self.ignored.extend(scan.ignored)
        self.unreadable.extend(scan.unreadable)
        self.vanished.extend(scan.vanished)
        self.altered.extend(scan.altered)
        self.unchanged.extend(scan.unchanged[: max(0, limit - len(self.unchanged))])
        for _, candidates, sidecar, _ in scan.groups:
            for _, status, size, *_ in candidates:
                self.candidates += 1
                self.bytes += size
                self.blocks += -(-size // _BLOCK) + 1
                self.replacing += status == "changed"
            if sidecar is not None:
                self.sidecars += 1
                self.bytes += sidecar[2]
                self.blocks += -(-sidecar[2] // _BLOCK) + 1

    def sample(self, limit: int) -> None:
        """Keep only the first `limit` candidates, in the order of their paths."""
        kept: list[Group] = []
        self.candidates = self.bytes = self.blocks = self.sidecars = 0
        for group in self.groups:
            room_left = limit - self.candidates
            if room_left <= 0:
                break
            group = group._replace(candidates=group.candidates[:room_left])
            kept.append(group)
            self.candidates += len(group.candidates)
            self.bytes += sum(candidate.size for candidate in group.candidates)
            self.blocks += sum(-(-candidate.size // _BLOCK) + 2 for candidate in group.candidates)
            self.sidecars += group.sidecar is not None
        self.groups = Groups(kept)

    # --- what it needs ---------------------------------------------------------------------------------

    def space(self) -> list[ZoneSpace]:
        """Bytes and inodes on each file system: data at the destination, and what we write beside it."""
        ctx, settings = self.ctx, self.ctx.settings
        own = _OWN_BYTES + _OWN_BYTES_A_FILE * self.candidates if self.candidates or self.sidecars else 0
        needs = (
            (
                "validated",
                settings.zones.validated,
                self.blocks * _BLOCK,
                self.candidates + self.sidecars + len(self.groups),
            ),
            ("backups", settings.zones.backups, 0, 2 * self.replacing),
            ("ledger", ".opsconsole", own * 2 // 3, 8),
            ("logs", settings.log_dir, own // 3, 4),
        )
        parts: dict[int, ZoneSpace] = {}
        for zone, folder, need_bytes, need_inodes in needs:
            place = existing(ctx.workspace.path(folder))
            device = os.stat(place).st_dev
            before = parts.get(device)
            if before is None:
                free, inodes, _ = room(place)
                before = ZoneSpace((), filesystem_of(place).mount, 0, free, 0, inodes)
            parts[device] = ZoneSpace(
                (*before.zones, zone),
                before.mount,
                before.need_bytes + need_bytes,
                before.free_bytes,
                before.need_inodes + need_inodes,
                before.free_inodes,
            )
        return list(parts.values())

    def filesystems(self) -> dict[str, Filesystem]:
        zones = self.ctx.settings.zones
        return {zone: filesystem_of(self.ctx.workspace.path(getattr(zones, zone))) for zone in _ZONES}

    # --- whether it may --------------------------------------------------------------------------------

    def gate(self, connection: sqlite3.Connection | None, overrides: dict[str, str]) -> list[GateItem]:
        """Every item with its verdict, as configuration and overrides leave it."""
        systems = self.filesystems()
        seen = read_seen(connection)
        found = brakes.Found(
            {zone: system.identity for zone, system in systems.items()}, self.sources, self.counts["missing"]
        )
        raw = self.ctx.workspace.path(self.ctx.settings.zones.raw)
        items = [
            GateItem("zones", Check.PASS, True, "the raw zone is there")
            if raw.is_dir()
            else GateItem(
                "zones",
                Check.FAIL,
                True,
                f"there is no raw zone {self.ctx.settings.zones.raw}",
                "mount it, or name the right folder in the configuration",
            ),
            self._network(systems),
            writable_item(self.ctx, self.groups.packed(), moves=self.moves),
            *self._warned(),
            *space_items(self.space()),
            *self._headroom_item(systems, overrides),
            brakes.zone_brake(seen, found),
            brakes.source_brake(seen, found),
            brakes.missing_brake(self.ctx.settings.brakes, seen, found),
        ]
        settings = self.ctx.settings
        return apply_settings(items, settings.gate, overrides, settings.checklists.names)

    def _headroom_item(self, systems: dict[str, Filesystem], overrides: dict[str, str]) -> list[GateItem]:
        """None where the pre-flight list says it in more detail and nobody has asked for this one."""
        settings = self.ctx.settings
        told = any(i.probe == "disk" and settings.gate.get(i.name) != "off" for i in settings.checklists.preflight)
        if told and "headroom" not in settings.gate and "headroom" not in overrides:
            return []
        return [headroom_item(_headroom(self.ctx, systems))]

    def _warned(self) -> list[GateItem]:
        """What is said and recorded, and holds nothing."""
        said = list(self.ctx.settings.warnings)
        if self.counts["altered"]:
            said.append(f"{plural(self.counts['altered'], 'published file')} {_ALTERED}")
        if self.counts["vanished"]:
            said.append(f"the source of {plural(self.counts['vanished'], 'published file')} is gone; the copies stay")
        items = [GateItem("note", Check.WARN, False, text) for text in said]
        if ends_with_session() and not shutil.which("systemd-run"):
            items.append(
                GateItem(
                    "session",
                    Check.WARN,
                    False,
                    "this system ends what a user left running when the session ends, the run too",
                    "ask for `loginctl enable-linger`, or run it from a system timer",
                )
            )
        return items

    def _network(self, systems: dict[str, Filesystem]) -> GateItem:
        network = sorted({f"{s.mount} ({s.kind})" for s in systems.values() if s.network})
        if not network or self.ctx.settings.allow_network_filesystem:
            return GateItem("network", Check.PASS, True, "locks and renames can be relied on")
        return GateItem(
            "network",
            Check.FAIL,
            True,
            f"a network file system: {', '.join(network)}",
            "its locks and renames may not hold; allow_network_filesystem = true in the configuration takes the risk",
        )


_ALTERED = "changed by somebody else since they were published; they are left alone"


def _headroom(ctx: Context, systems: dict[str, Filesystem]) -> dict[str, float]:
    """Percent free for this user, as df counts it: what is kept for root is nobody's."""
    shares = {}
    for zone, system in systems.items():
        facts = os.statvfs(existing(ctx.workspace.path(getattr(ctx.settings.zones, zone))))
        total = facts.f_blocks - facts.f_bfree + facts.f_bavail
        shares[system.mount] = 100 * facts.f_bavail / total if total else 100.0
    return shares


def read_seen(connection: sqlite3.Connection | None) -> brakes.Seen:
    """What the last run left for the brakes; nothing where there is no ledger."""
    if connection is None:
        return brakes.Seen()
    zones = dict(tuple(row) for row in connection.execute("SELECT zone, filesystem FROM zones_seen"))
    sources = dict(tuple(row) for row in connection.execute("SELECT source, files FROM sources_seen"))
    published = connection.execute(
        "SELECT count(*) FROM files WHERE status IN ('processed', 'adopted') AND mirrored = 1"
    ).fetchone()[0]
    return brakes.Seen(zones, sources, published, _failing_share(connection))


def _failing_share(connection: sqlite3.Connection) -> float | None:
    """Of the last whole migrate that came to its end: failing files of all data files."""
    rows = connection.execute(
        "SELECT params, counts FROM runs WHERE action = 'migrate' AND status IN ('done', 'partial')"
        " ORDER BY seq DESC LIMIT 50"
    )
    for row in rows:
        params = json.loads(row["params"])
        if params.get("source") or params.get("pattern") or params.get("sample"):
            continue
        c = Counts.from_json(json.loads(row["counts"]))
        failing = c.failed + c.known_failed + c.accepted
        total = failing + c.processed + c.skipped + c.revalidated + c.held
        return failing / total if total else None
    return None
