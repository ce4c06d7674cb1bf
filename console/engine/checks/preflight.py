"""The pre-flight list in the gate of a migrate or a reprocess. DESIGN: "Gate".

What is cheap is asked with every plan. What is not is asked there only where its item blocks and has not passed of
late; elsewhere its last result is shown with its age. By default nothing of it blocks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime

from console.engine.checks.checklists import ask, remembered
from console.engine.checks.gate import apply_settings
from console.engine.checks.kept import Result
from console.engine.checks.probes.declared import PROBES
from console.engine.checks.probes.look import Look
from console.engine.context import Context
from console.engine.model import Check, GateItem, ZoneSpace
from console.engine.records.rules import RuleSet
from console.engine.settings.checklists import ItemSetting
from console.engine.text import age, recordable

WHICH = "preflight"


def preflight_items(
    ctx: Context,
    connection: sqlite3.Connection | None,
    rules: RuleSet,
    space: Sequence[ZoneSpace],
    overrides: dict[str, str],
    *,
    own: bool = False,
    glance: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[list[GateItem], list[Result]]:
    """The items as configuration and overrides leave them, and the results that are new and worth keeping.

    space: what the plan needs. own: asked by the run itself, which holds the lock. glance: only what is cheap is asked.
    """
    look = Look(ctx, ctx.env.now(), connection, space=space, own=own, cancelled=cancelled).with_rules(rules)
    items, asked = [], []
    for item in ctx.settings.checklists.preflight:
        how = ctx.settings.gate.get(item.name, "warn")
        if how == "off":
            continue
        result = _result(look, item, needed=how == "block" and not glance)
        if result.asked and item.kind != "sign-off":
            asked.append(result)
        items.append(_gate_item(result, look.now, blocks=how == "block"))
    names = ctx.settings.checklists.names
    return apply_settings(items, ctx.settings.gate, overrides, names), asked


def _result(look: Look, item: ItemSetting, *, needed: bool) -> Result:
    if item.kind == "probe" and PROBES[item.probe].cheap:
        return ask(look, WHICH, item)
    before = remembered(look, WHICH, item)
    passed = before.fresh and before.verdict == Check.PASS
    if item.kind == "sign-off" or passed or not needed:
        return before
    if item.kind == "probe" and PROBES[item.probe].scratch:
        return before  # a plan writes nothing, a scratch folder neither
    return ask(look, WHICH, item)


def _gate_item(result: Result, now: datetime, *, blocks: bool) -> GateItem:
    item = result.item
    step, again = result.next_step, f"`opsconsole checklist preflight --item {item.name}`"
    if result.asked or item.kind == "sign-off":
        verdict, evidence = result.verdict or Check.UNKNOWN, result.evidence
    elif result.verdict is None:
        verdict, evidence = Check.UNKNOWN, "not looked at yet"
        step = again if blocks else ""
    else:
        ago = age((now - datetime.fromisoformat(result.at)).total_seconds())
        verdict, evidence = result.verdict, f"{result.evidence} (looked at {ago} ago by {result.by})"
        if not result.fresh:
            verdict, evidence = Check.UNKNOWN, f"was {result.verdict} {ago} ago, which holds no more: {result.evidence}"
            step = again
        elif verdict != Check.PASS:
            step = f"{step}; then {again}" if step else again
    return GateItem(item.name, verdict, False, recordable(evidence), recordable(step))
