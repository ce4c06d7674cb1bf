"""What SMART says of the disks behind a zone. Asks smartctl, where there is one and this user may."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from console.engine.checks.command import run_program
from console.engine.checks.probes.look import Finding, Look, closed, lacking
from console.engine.model import Check
from console.engine.text import recordable
from console.engine.transfer.filesystem import existing, filesystem_of

SYS = "/sys"
_SECONDS = 20
# Bits of its exit status, smartctl(8), "EXIT STATUS"
_CANNOT, _FAILING, _WORRYING = 0b0000_0111, 0b0000_1000, 0b1111_0000
_COUNTED = {197: "sectors that cannot be read", 198: "sectors that could not be read offline"}  # raw value over 0


def device_is_well(look: Look, *, zone: str) -> Finding:
    """Fails where the disk says that it fails, warns for sectors or errors that it counted; unknown, with the device
    named, where there is no smartctl, this user may not ask, or no disk is known behind the file system."""
    if not zone:
        return lacking("zone", "raw, validated, backups, archive, logs or ledger")
    path = _place(look, zone)
    try:
        system = filesystem_of(look.ctx.workspace.path(path))
        disks = disks_behind(os.stat(existing(look.ctx.workspace.path(path))).st_dev, system.source)
    except OSError as error:
        return closed(look, error)
    where = f"{path} is on {system.source or 'nothing that has a name'} ({system.kind}, {system.mount})"
    if not disks:
        return Finding(
            Check.UNKNOWN, f"{where}: no disk of this machine is known behind it", "ask who runs the storage"
        )
    named = ", ".join(disks)
    by_hand = f"`sudo smartctl -a {disks[0]}`"
    if look.ctx.read_only:
        return Finding(Check.UNKNOWN, f"{where}, disk {named}; a read-only session starts no program", by_hand)
    program = shutil.which("smartctl")
    if program is None:
        step = f"install smartmontools, then {by_hand}"
        return Finding(Check.UNKNOWN, f"{where}, disk {named}; there is no smartctl here", step)
    found = [_ask(look, program, disk) for disk in disks]
    details = (where, *(line for each in found for line in (each.evidence, *each.details)))
    for verdict in (Check.FAIL, Check.UNKNOWN, Check.WARN):
        for each in found:
            if each.verdict == verdict:
                return Finding(verdict, f"{path}, disk {each.evidence}", each.next_step or by_hand, details)
    return Finding(Check.PASS, f"{path}, disk {'; '.join(each.evidence for each in found)}", "", details)


def _place(look: Look, zone: str) -> str:
    if zone == "ledger":
        return os.path.relpath(look.ctx.workspace.private, look.ctx.workspace.root)
    if zone == "logs":
        return look.ctx.settings.log_dir
    return str(getattr(look.ctx.settings.zones, zone))


def disks_behind(number: int, source: str) -> list[str]:
    """The whole disks that a device is made of: /dev/sda for /dev/sda2, each leg of a RAID or of a volume. number: of
    the file system's device; source: its name, for file systems that have a number of their own. [] for none."""
    top = os.path.realpath(f"{SYS}/dev/block/{os.major(number)}:{os.minor(number)}")
    if not os.path.isdir(top):
        top = os.path.realpath(f"{SYS}/class/block/{os.path.basename(os.path.realpath(source))}")
    if not source.startswith("/") and "/block/" not in top:
        return []
    found: list[str] = []
    stack, seen = [top], set[str]()
    while stack:
        place = stack.pop()
        if place in seen or not os.path.isdir(place):
            continue
        seen.add(place)
        try:
            legs = sorted(os.listdir(f"{place}/slaves"))
        except OSError:
            legs = []
        if legs:
            stack += [os.path.realpath(f"{place}/slaves/{leg}") for leg in legs]
        elif os.path.exists(f"{place}/partition"):
            stack.append(os.path.dirname(place))
        else:
            found.append(f"/dev/{os.path.basename(place).replace('!', '/')}")
    return sorted(set(found))


def _ask(look: Look, program: str, disk: str) -> Finding:
    status, data, why = run_program(look, (program, "-H", "-A", "-j", disk), _SECONDS)
    if status is None or why:
        return Finding(Check.UNKNOWN, f"{disk}: smartctl: {why}")
    try:
        said = json.loads(data)
        said = said if isinstance(said, dict) else {}
    except ValueError:
        first = data.decode("utf-8", "replace").strip().splitlines()
        return Finding(
            Check.UNKNOWN, f"{disk}: smartctl: {recordable(first[-1]) if first else f'exit status {status}'}"
        )
    model = recordable(str(said.get("model_name") or said.get("scsi_product") or ""))
    name = f"{disk} ({model})" if model else disk
    passed = _inside(said, "smart_status", "passed")
    if status & _FAILING or passed is False:
        step = "copy what is on it, replace it, then `opsconsole verify --repair`"
        return Finding(Check.FAIL, f"{name}: SMART says that it fails", step)
    messages = _inside(said, "smartctl", "messages") or []
    words = [recordable(str(each.get("string", ""))) for each in messages if isinstance(each, dict)]
    if status & _CANNOT or passed is not True:
        why = words[0] if words else f"smartctl ended with {status} and no verdict"
        return Finding(Check.UNKNOWN, f"{name}: {why}")
    if trouble := _counted(said):
        return Finding(Check.WARN, f"{name}: SMART passes it, but it counts {', '.join(trouble)}")
    if status & _WORRYING:
        return Finding(Check.WARN, f"{name}: SMART passes it, but it has logged errors or old age (status {status})")
    return Finding(Check.PASS, f"{name}: SMART passes it")


def _counted(said: dict[str, Any]) -> list[str]:
    """What the disk has counted that should be 0."""
    found = []
    for row in _inside(said, "ata_smart_attributes", "table") or []:
        if isinstance(row, dict) and row.get("id") in _COUNTED and (number := _inside(row, "raw", "value")):
            found.append(f"{number} {_COUNTED[row['id']]}")
    for key in ("critical_warning", "media_errors"):
        if number := _inside(said, "nvme_smart_health_information_log", key):
            found.append(f"{number} {key.replace('_', ' ')}")
    return found


def _inside(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document
