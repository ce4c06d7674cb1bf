"""Today's rules: which one it is, whom it was not asked about, and what it would refuse of what is published."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator

from console.engine.checks.probes.look import Finding, Look, interrupted, lacking
from console.engine.errors import EngineError
from console.engine.model import Check
from console.engine.observe.rules_seen import find_rule
from console.engine.records.judge import Judge
from console.engine.records.model import Verdict
from console.engine.records.rules import Rule
from console.engine.records.words import cause_in_words
from console.engine.text import count, plural

_NAMED = 50
_LEAST = 4  # digits of a checksum
_PAGE = 1000


def schema_is(look: Look, *, checksum: str) -> Finding:
    """Passes where a rule of today's has this checksum, or its schema has; fails where today's is another one."""
    if not checksum:
        return lacking("checksum", "the first digits of a rule's checksum; `opsconsole schema list`")
    wanted = checksum.strip().lower()
    if len(wanted) < _LEAST or any(letter not in "0123456789abcdef" for letter in wanted):
        what = f"the parameter `checksum` is {checksum!r}, which is no checksum of a rule"
        return Finding(Check.UNKNOWN, what, "`opsconsole schema list` names them")
    rules = look.rules.rules
    details = tuple(f"{rule.name}: rule {rule.fingerprint[:12]}, schema {rule.schema_sha256[:12]}" for rule in rules)
    for rule in rules:
        if rule.fingerprint.startswith(wanted) or rule.schema_sha256.startswith(wanted):
            return Finding(Check.PASS, f"today's rule {rule.name} is {rule.fingerprint[:12]}", "", details)
    for problem in look.rules.problems:
        return Finding(Check.FAIL, f"{problem.file}: {problem.what}", problem.next_step, details)
    try:
        known, _ = find_rule(look.ctx, wanted)
    except EngineError as error:
        return Finding(Check.UNKNOWN, error.what, error.next_step, details)
    today = next((rule.fingerprint[:12] for rule in rules if rule.name == known.name), "none")
    what = f"today's rule {known.name} is {today}, not {known.short}"
    return Finding(Check.FAIL, what, f"`opsconsole schema restore {known.short}`", details)


# ── judged by another rule ───────────────────────────────────────────────────────────────────────────────────────


def nothing_stale(look: Look) -> Finding:
    """Fails where a published file was judged by another rule than today's for it; what another program published and
    nobody has judged here is counted and told."""
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    for problem in look.rules.problems:
        return Finding(Check.UNKNOWN, problem.what, problem.next_step)
    judged, stale = 0, list[str]()
    number = 0
    for row, rule in _published(look, found):
        if look.cancelled():
            return interrupted()
        judged += 1
        if rule is None or rule.fingerprint != row["fingerprint"]:
            number += 1
            if len(stale) < _NAMED:
                stale.append(f"{row['path']}: judged by {str(row['fingerprint'])[:12]}")
    adopted = found.execute("SELECT count(*) FROM files WHERE status = 'adopted'").fetchone()[0]
    also = f"; {count(adopted)} adopted, never judged here" if adopted else ""
    if number:
        what = f"{count(number)} of {plural(judged, 'published file')} judged by another rule than today's{also}"
        return Finding(Check.FAIL, what, "`opsconsole reprocess --stale-schema` judges them again", tuple(stale))
    return Finding(Check.PASS, f"{plural(judged, 'published file')}, judged by today's rules{also}")


def _published(look: Look, connection: sqlite3.Connection) -> Iterator[tuple[sqlite3.Row, Rule | None]]:
    """Each published file that a rule judged, with today's rule for it; a page at a time."""
    raw, last = look.ctx.settings.zones.raw.rstrip("/") + "/", 0
    while True:
        rows = connection.execute(
            "SELECT f.id, f.path, f.dest, f.sha256, r.fingerprint FROM files f LEFT JOIN rules r ON r.id = f.rule"
            f" WHERE f.status = 'processed' AND f.id > ? ORDER BY f.id LIMIT {_PAGE}",
            [last],
        ).fetchall()
        for row in rows:
            path = str(row["path"])
            yield row, look.rules.rule_for(path[len(raw) :]) if path.startswith(raw) else None
        if len(rows) < _PAGE:
            return
        last = rows[-1]["id"]


# ── what today's rules would refuse ──────────────────────────────────────────────────────────────────────────────


def nothing_newly_fails(look: Look) -> Finding:
    """Reads and judges by today's rules each published copy that another rule let pass. Fails where one would not
    pass, warns where no rule is for it any more; unknown where one cannot be read."""
    found = look.ledger()
    if isinstance(found, Finding):
        return found
    for problem in look.rules.problems:
        return Finding(Check.UNKNOWN, problem.what, problem.next_step)
    judge = Judge(look.rules, look.ctx.settings, now=lambda: look.now)
    published = judged = 0
    causes: Counter[str] = Counter()
    refused, ruleless, unread = list[str](), list[str](), list[str]()
    for row, rule in _published(look, found):
        if look.cancelled():
            return interrupted()
        published += 1
        if rule is not None and rule.fingerprint == row["fingerprint"]:
            continue
        if rule is None:
            ruleless.append(f"{row['path']}: no rule is for it any more")
            continue
        try:
            verdict = _verdict(look, judge, rule, row["dest"])
        except OSError as error:
            unread.append(f"{row['dest']}: {error.strerror or error}")
            continue
        judged += 1
        if reason := _reason(look, verdict):
            refused.append(f"{row['path']}: {reason}")
            causes.update(cause for cause, _, _ in verdict.causes)
    details = tuple(f"{cause_in_words(cause)}: {plural(files, 'file')}" for cause, files in causes.most_common(20))
    details += tuple([*refused, *unread, *ruleless][:_NAMED])
    said = f"{plural(published, 'published file')}, {count(judged)} of another rule judged by today's"
    if refused:
        what = f"{said}: {count(len(refused))} would fail; {refused[0]}"
        return Finding(
            Check.FAIL, what, "`opsconsole schema diff` shows what changed, `schema restore` takes it back", details
        )
    if unread:
        return Finding(Check.UNKNOWN, f"{said}: {unread[0]}", "`opsconsole verify`", details)
    if ruleless:
        return Finding(Check.WARN, f"{said}: {ruleless[0]}", "give it a rule in [[rules]]", details)
    return Finding(Check.PASS, f"{said}: none would fail", "", details)


def _verdict(look: Look, judge: Judge, rule: Rule, dest: str) -> Verdict:
    place = look.ctx.workspace.path(dest)
    with open(place, "rb") as stream:
        return judge.judge_stream(rule, stream.read, os.path.splitext(place)[1].lower())


def _reason(look: Look, verdict: Verdict) -> str:
    reason = verdict.reason()
    if not reason and look.ctx.settings.fail_on_warning and verdict.warnings:
        return f"warnings count as errors: {verdict.warnings[0][0]}"
    return reason
