"""Who may do what in data and logs."""

from __future__ import annotations

from console.engine.checks.probes.look import Finding, Look, interrupted
from console.engine.model import Check
from console.engine.observe.permissions import Looked, PermissionFinding, examine_permissions
from console.engine.text import count, plural, recordable

_NAMED = 50
_HARMLESS = "nothing;"  # how `blocks` begins where nothing is blocked


def permissions_right(look: Look) -> Finding:
    """Fails where mode, group, owner or flags of something in data and logs stand in somebody's way, warns where they
    are only odd; unknown where the raw zone is not there to be looked at."""
    if not look.ctx.workspace.path(look.ctx.settings.zones.raw).is_dir():
        raw = look.ctx.settings.zones.raw
        return Finding(Check.UNKNOWN, f"{raw} is not there, or not to be looked at", "mount it, then look again")
    looked = Looked()
    found: list[PermissionFinding] = []
    number = harmful = 0
    for each in examine_permissions(look.ctx, looked, cancelled=look.cancelled):
        number += 1
        bad = not each.blocks.startswith(_HARMLESS)
        harmful += bad
        if bad or len(found) < _NAMED:
            found = sorted([*found, each], key=lambda one: one.blocks.startswith(_HARMLESS))[:_NAMED]
    if look.cancelled():
        return interrupted()
    said = f"{plural(looked.folders, 'folder')} and {plural(looked.files, 'file')} looked at"
    if not number:
        return Finding(Check.PASS, f"{said}: nothing stands in anybody's way")
    details = tuple(
        f"{recordable(one.path)}: {one.problem}" + (f" — {one.blocks}" if one.blocks else "") for one in found
    )
    more = f" and {count(number - 1)} more" if number > 1 else ""
    who = f"; {found[0].hindrance}" if found[0].hindrance else ""
    step = f"`opsconsole permissions repair` shows its plan first{who}"
    return Finding(Check.FAIL if harmful else Check.WARN, f"{details[0]}{more}", step, details)
