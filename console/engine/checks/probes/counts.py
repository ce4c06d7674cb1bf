"""Counts as expected: reconciliation, by stat alone, and what the configuration expects of each source."""

from __future__ import annotations

from collections import Counter

from console.engine.checks.probes.look import NO_LEDGER, Finding, Look
from console.engine.model import Check
from console.engine.observe.reconcile import reconcile
from console.engine.text import count, plural

_BAD = ("missing", "damaged", "altered")
_LOUD = ("extra", "stale", "waiting", "held")
_NAMED = 50


def counts_agree(look: Look, *, expected: dict[str, int] | None) -> Finding:
    """Fails for files that are missing, damaged or altered and for a source that has not what is expected; warns for
    what is extra, stale, held or waiting."""
    if (trouble := look.unreadable()) is not None:
        return trouble
    if look.connection is None:
        return Finding(Check.UNKNOWN, NO_LEDGER, "`opsconsole migrate`")
    for problem in look.rules.problems:
        return Finding(Check.UNKNOWN, problem.what, problem.next_step)
    kinds: Counter[str] = Counter()
    files: Counter[str] = Counter()
    details = []
    for source in reconcile(look.ctx, named=_NAMED, cancelled=look.cancelled):
        files.update(source.files)
        for kind in (*_BAD, *_LOUD):
            kinds[kind] += source.kind(kind)
        details += [
            f"{line.kind} {line.path}" + (f": {line.detail}" if line.detail else "")
            for line in source.lines
            if line.kind in _BAD or line.kind in _LOUD
        ]
    if look.cancelled():
        return Finding(Check.UNKNOWN, "interrupted")
    wrong = _expected(look, expected or {})
    said = f"{plural(files['ledger'], 'file')} in the ledger, {count(files['validated'])} with sidecars in validated"
    bad = [f"{count(kinds[kind])} {kind}" for kind in _BAD if kinds[kind]] + wrong
    loud = [f"{count(kinds[kind])} {kind}" for kind in _LOUD if kinds[kind]]
    order = {kind: number for number, kind in enumerate((*_BAD, *_LOUD))}
    details.sort(key=lambda line: order[line.partition(" ")[0]])
    shown = (*wrong, *details[:_NAMED])
    step = "`opsconsole state reconcile` names every file"
    if bad:
        return Finding(Check.FAIL, f"{said}: {', '.join([*bad, *loud])}", step, shown)
    if loud:
        return Finding(Check.WARN, f"{said}: {', '.join(loud)}", step, shown)
    return Finding(Check.PASS, f"{said}: raw, ledger, validated, backups and archive agree", "", shown)


def _expected(look: Look, expected: dict[str, int]) -> list[str]:
    """What is not as the configuration expects: published files by source."""
    assert look.connection is not None
    wrong = []
    for source, files in expected.items():
        row = look.connection.execute(
            "SELECT count(*) FROM files WHERE source = ? AND status IN ('processed', 'adopted')", [source]
        ).fetchone()
        if row[0] != files:
            wrong.append(f"{source} has {count(row[0])} published, expected {count(files)}")
    return wrong
