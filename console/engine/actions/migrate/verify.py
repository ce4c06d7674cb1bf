"""After a migrate: what a machine can check, a person is not asked."""

from __future__ import annotations

import os
import random

from console.engine.model import Check, GateItem
from console.engine.runs.active import ActiveRun
from console.engine.text import plural
from console.engine.transfer.publish import hash_file

_SPOT = 20  # files read back


def verify_published(run: ActiveRun) -> list[GateItem]:
    """Every file this run published is there with its size; some are read back and hashed again."""
    cursor = run.connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute(
        "SELECT dest, size, sha256 FROM outcomes WHERE run = ? AND outcome IN ('published', 'replaced')", [run.seq]
    ).fetchall()
    if not rows:
        return []
    root = run.ctx.workspace.root
    absent = [dest for dest, size, _ in rows if not _stands(f"{root}/{dest}" if dest[0] != "/" else dest, size)]
    items = [
        GateItem(
            "published",
            Check.FAIL,
            True,
            f"not there or of another size: {', '.join(absent[:5])}",
            "opsconsole doctor",
        )
        if absent
        else GateItem("published", Check.PASS, True, f"{plural(len(rows), 'file')} there with the right size")
    ]
    picked = random.Random(run.id).sample(rows, min(_SPOT, len(rows)))
    differing = [dest for dest, _, sha256 in picked if not _hashes(os.path.join(root, dest), sha256)]
    items.append(
        GateItem("spot-check", Check.FAIL, True, f"Checksum mismatch: {', '.join(differing)}", "opsconsole doctor")
        if differing
        else GateItem(
            "spot-check", Check.PASS, True, f"{plural(len(picked), 'file')} read back with the right checksum"
        )
    )
    for item in items:
        if item.verdict == Check.FAIL:
            run.log.add("ERROR", item.evidence)
    return items


def _stands(path: str, size: int) -> bool:
    try:
        return os.lstat(path).st_size == size
    except OSError:
        return False


def _hashes(path: str, sha256: str) -> bool:
    try:
        return hash_file(path) == sha256
    except OSError:
        return False
