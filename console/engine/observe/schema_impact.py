"""What a schema would change: every file that is published or fails today, judged by it; nothing is written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from console.engine.actions.migrate.judging import judge_file
from console.engine.context import Context
from console.engine.errors import ConfigurationError, UsageError
from console.engine.ledger.store import Reader, reading
from console.engine.records.judge import Judge
from console.engine.records.model import Verdict
from console.engine.records.rules import Rule, RuleSet, load_rules, make_rule
from console.engine.records.schemas import SchemaFolder, read_schema

NAMED = 1000  # files of each kind that are named; the others are counted


@dataclass(slots=True)
class Impact:
    """rule: the name of the rule whose schema would be replaced. newly_failing, newly_passing: path and reason (of
    today's failure, for the latter), the first NAMED. causes: of the newly failing: files and records."""

    rule: str
    files: int = 0
    judged: int = 0
    gone: int = 0  # published or failing, and no raw file there any more
    passing: int = 0  # as today
    failing: int = 0  # as today
    new_failures: int = 0
    new_passes: int = 0
    newly_failing: list[tuple[str, str]] = field(default_factory=list)
    newly_passing: list[tuple[str, str]] = field(default_factory=list)
    causes: list[tuple[str, int, int]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = True  # False: cancelled


def impact_of(
    ctx: Context,
    schema_file: str,
    *,
    instead_of: str = "",
    source: str = "",
    sample: int = 0,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Impact:
    """Judge by the schema in `schema_file` (any path) instead of the schema called `instead_of`; '': the one that has
    that path or name, or the only one. All rules that have that schema are meant.

    source: files of one source only. sample: that many files, spread evenly over all; 0: all.
    Raises ConfigurationError (a schema that does not compile), UsageError, LedgerError.
    """
    rules = load_rules(ctx.workspace.root, ctx.settings)
    for problem in rules.problems:
        raise problem
    replaced = _rules_meant(ctx, rules, schema_file, instead_of)
    candidate = _with_candidate(ctx, rules, replaced, read_schema(schema_file))
    raw = ctx.settings.zones.raw.rstrip("/") + "/"
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            raise UsageError("there is no ledger here: nothing is published or fails", next_step="opsconsole migrate")
        known = _known(connection, source, raw)
    meant = []
    for row in known:
        rule = rules.rule_for(row.path[len(raw) :])
        if rule is not None and rule in replaced:
            meant.append((row, rule.fingerprint))
    impact = Impact(replaced[0].name, files=len(meant))
    if 0 < sample < len(meant):
        meant = [meant[number * len(meant) // sample] for number in range(sample)]
    judges = (Judge(rules, ctx.settings), Judge(candidate, ctx.settings))
    files, records = Counter[str](), Counter[str]()
    for number, (row, checksum) in enumerate(meant, 1):
        if cancelled():
            impact.complete = False
            break
        _one(ctx, impact, row, checksum, (rules, candidate), judges, files, records)
        if progress:
            progress(number, len(meant))
    impact.causes = [(cause, count, records[cause]) for cause, count in files.most_common()]
    return impact


@dataclass(frozen=True, slots=True)
class _Known:
    path: str
    identity: tuple[int, int, int]
    rule: str  # fingerprint by which it was judged last, '' for none
    passes: bool
    reason: str


def _known(connection: Reader, source: str, raw: str) -> list[_Known]:
    """Every file that is published or fails, by path; where both hold, the failure is newer."""
    found: dict[str, _Known] = {}
    where, values = ("WHERE x.source = ?", [source]) if source else ("", [])
    if source:
        listed = connection.execute("SELECT 1 FROM sources_seen WHERE source = ?", values).fetchone()
        if listed is None:
            raise UsageError(f"there is no source {source!r}", untouched="everything")
    columns = "x.path, x.size, x.mtime_ns, x.inode, r.fingerprint"
    for row in connection.execute(f"SELECT {columns} FROM files x LEFT JOIN rules r ON r.id = x.rule {where}", values):
        found[row[0]] = _Known(row[0], (row[1], row[2], row[3]), row[4] or "", True, "")
    columns += ", x.verdict, x.kind"
    for row in connection.execute(
        f"SELECT {columns} FROM failures x LEFT JOIN rules r ON r.id = x.rule {where}", values
    ):
        checksum = row[4] or "" if row[6] == "records" else ""
        found[row[0]] = _Known(row[0], (row[1], row[2], row[3]), checksum, False, "failing today")
    return [found[path] for path in sorted(found) if path.startswith(raw)]


def _one(
    ctx: Context,
    impact: Impact,
    row: _Known,
    checksum: str,
    rules: tuple[RuleSet, RuleSet],
    judges: tuple[Judge, Judge],
    files: Counter[str],
    records: Counter[str],
) -> None:
    """One file by the candidate; by today's rule too, where the ledger's verdict is of other bytes or another rule."""
    try:
        facts = os.lstat(ctx.workspace.path(row.path))
    except OSError:
        impact.gone += 1
        return
    try:
        after = judge_file(ctx, judges[1], rules[1], row.path)
        if row.rule == checksum and row.identity == (facts.st_size, facts.st_mtime_ns, facts.st_ino):
            passes, why = row.passes, row.reason
        else:
            why = _reason(ctx, judge_file(ctx, judges[0], rules[0], row.path))
            passes = not why
    except OSError as error:
        impact.unreadable.append((row.path, error.strerror or str(error)))
        return
    impact.judged += 1
    reason = _reason(ctx, after)
    if not reason:
        impact.passing += passes
        impact.new_passes += not passes
        if not passes and len(impact.newly_passing) < NAMED:
            impact.newly_passing.append((row.path, why))
        return
    impact.failing += not passes
    if not passes:
        return
    impact.new_failures += 1
    if len(impact.newly_failing) < NAMED:
        impact.newly_failing.append((row.path, reason))
    for cause, count, _ in after.causes:
        files[cause] += 1
        records[cause] += count


def _reason(ctx: Context, verdict: Verdict) -> str:
    reason = verdict.reason()
    if not reason and ctx.settings.fail_on_warning and verdict.warnings:
        return f"warnings count as errors: {verdict.warnings[0][0]}"
    return reason


def _rules_meant(ctx: Context, rules: RuleSet, schema_file: str, instead_of: str) -> list[Rule]:
    """All rules of the one schema that is meant. Raises UsageError."""
    if instead_of:
        matching = [rule for rule in rules.rules if rule.name == instead_of]
    else:
        real = os.path.realpath(schema_file)
        matching = [r for r in rules.rules if os.path.realpath(ctx.workspace.path(r.setting.schema)) == real]
        matching = matching or [
            r for r in rules.rules if os.path.basename(r.setting.schema) == os.path.basename(schema_file)
        ]
        matching = matching or list(rules.rules)
    if len({rule.setting.schema for rule in matching}) == 1:
        return matching
    names = ", ".join(dict.fromkeys(rule.name for rule in rules.rules))
    what = f"no rule is called {instead_of!r}" if instead_of else "it is not clear which rule this schema is for"
    raise UsageError(what, untouched="everything", next_step=f"--rule NAME, one of: {names}")


def _with_candidate(ctx: Context, rules: RuleSet, replaced: list[Rule], schema: Any) -> RuleSet:
    """Today's rules with the schema in the place of theirs; its references are looked up there."""
    folder = SchemaFolder(ctx.workspace.root)
    made = {
        rule.index: make_rule(folder, ctx.settings, rule.setting, index=rule.index, key="FILE", schema=schema)
        for rule in replaced
    }
    matches = ((glob, rule if rule is None else made.get(rule.index, rule)) for glob, rule in rules._matches)
    return replace(rules, rules=tuple(made.get(rule.index, rule) for rule in rules.rules), _matches=tuple(matches))


__all__ = ["ConfigurationError", "Impact", "impact_of"]
