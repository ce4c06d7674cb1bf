"""Other programs: what of theirs waits to be adopted."""

from __future__ import annotations

from console.engine.checks.adoption import adoption_item
from console.engine.checks.probes.look import Finding, Look
from console.engine.model import Check
from console.engine.observe.others import before
from console.engine.text import plural


def nothing_to_adopt(look: Look) -> Finding:
    """Fails where a state file names what another program published and nobody has adopted it, where the workspace was
    given back, and where a ledger is half made anew; unknown for files that lie in validated with nothing to say whose
    they are."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    item = adoption_item(look.ctx, look.connection)
    if item.verdict != Check.PASS:
        return Finding(item.verdict, item.evidence, item.next_step)
    if look.connection is None and (there := before(look.ctx)):
        what = f"{plural(there.published, 'file')} in validated, {plural(len(there.backups), 'backup')} of others, and"
        what += " neither ledger nor state file"
        return Finding(Check.UNKNOWN, what, "`opsconsole adopt --dry-run`; `opsconsole state rebuild --dry-run`")
    return Finding(Check.PASS, item.evidence)
