"""The full depth of a plan: every candidate read and judged, nothing staged."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from console.engine.context import Context
from console.engine.model import Plan, PlanItem, ReprocessParams
from console.engine.records.judge import Judge
from console.engine.records.model import Verdict
from console.engine.records.rules import RuleSet
from console.engine.transfer.publish import hash_file


def judge_file(ctx: Context, judge: Judge, rules: RuleSet, path: str) -> Verdict:
    """What today's rule says of a raw file (path relative to the root). Raises OSError, LookupError (no rule)."""
    relative = path[len(ctx.settings.zones.raw.rstrip("/")) + 1 :]
    rule = rules.rule_for(relative)
    if rule is None:
        raise LookupError(path)
    suffix = os.path.splitext(path)[1].lower()
    with open(ctx.workspace.path(path), "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > ctx.settings.limits.whole_file_bytes:
            return judge.judge_stream(rule, file.read, suffix)
        return judge.judge_bytes(rule, file.read(), suffix)


def judge_all(
    ctx: Context,
    rules: RuleSet,
    plan: Plan,
    *,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
) -> None:
    """Fill `verdict` of each item, `failing` by cause, and the counts publish, revalidate, fail, and backups of what is
    replaced or withdrawn. Depth becomes full."""
    judge = Judge(rules, ctx.settings)
    files: Counter[str] = Counter()
    records: Counter[str] = Counter()
    judged: list[PlanItem] = []
    tally: Counter[str] = Counter(publish=0, revalidate=0, fail=0, backups=0)
    kept_bytes = 0
    withdraws = isinstance(plan.params, ReprocessParams) and plan.params.withdraw
    for item in plan.items:
        if cancelled():
            return
        of_records = kept = False
        try:
            item.path.encode()
            verdict = judge_file(ctx, judge, rules, item.path)
            reason = verdict.reason()
            if not reason and ctx.settings.fail_on_warning and verdict.warnings:
                reason = f"warnings count as errors: {verdict.warnings[0][0]}"
            causes, of_records = verdict.causes, True
        except OSError as error:
            reason, causes = error.strerror or str(error), (("unreadable", 0, 1),)
        except UnicodeEncodeError:
            reason, causes = "the file name is not UTF-8", (("name", 0, 1),)
        except LookupError:
            reason, causes = "no rule of the configuration matches", (("no-rule", 0, 1),)
        if reason:
            kept = withdraws and of_records and _same(ctx, item)
            tally["withdraw"] += kept
            tally["fail"] += 1
            for cause, count, _ in causes:
                files[cause] += 1
                records[cause] += count
        else:
            same = _same(ctx, item)
            kept = item.replaces and not same
            tally["revalidate" if same else "publish"] += 1
        tally["backups"] += kept
        kept_bytes += item.identity.size if kept else 0
        judged.append(replace(item, verdict=reason or "ok"))
        if progress:
            progress(len(judged), len(plan.items))
    plan.items, plan.backup_bytes = judged, kept_bytes
    plan.counts.update(tally)
    plan.failing = [(cause, number, records[cause]) for cause, number in files.most_common()]
    plan.depth = "full"


def _same(ctx: Context, item: PlanItem) -> bool:
    """Whether the bytes that stand at the destination are those of the source."""
    if not item.replaces:
        return False
    dest, source = ctx.workspace.path(item.dest), ctx.workspace.path(item.path)
    try:
        return dest.stat().st_size == item.identity.size and hash_file(str(dest)) == hash_file(str(source))
    except OSError:
        return False
