"""A whole checklist, asked now: the worst that its items say."""

from __future__ import annotations

from console.engine.checks.checklists import ask
from console.engine.checks.probes.look import Finding, Look, interrupted
from console.engine.model import Check
from console.engine.settings.checklists import LISTS
from console.engine.text import plural

# What cannot be told is worse than a warning here: whoever goes on with a warning would go on without knowing.
_ORDER = (Check.FAIL, Check.UNKNOWN, Check.WARN, Check.PASS)


def preflight_passes(look: Look) -> Finding:
    """As the items before a migration say; those that `[gate]` has off are not asked."""
    return _worst(look, "preflight")


def postflight_passes(look: Look) -> Finding:
    """As the items after a migration say."""
    return _worst(look, "postflight")


def _worst(look: Look, which: str) -> Finding:
    settings = look.ctx.settings
    said: dict[Check, list[str]] = {}
    details, steps = [], dict[Check, str]()
    asked = 0
    for item in settings.checklists.of(which):
        if item.probe in LISTS or (which == "preflight" and settings.gate.get(item.name) == "off"):
            continue
        if look.cancelled():
            return interrupted()
        result = ask(look, which, item)
        verdict = result.verdict or Check.UNKNOWN
        asked += 1
        said.setdefault(verdict, []).append(f"{item.name}: {result.evidence}")
        details.append(f"{verdict.value} {item.name}: {result.evidence}")
        if result.next_step:
            steps.setdefault(verdict, f"{item.name}: {result.next_step}")
    worst = next((verdict for verdict in _ORDER if verdict in said), Check.PASS)
    if not asked:
        return Finding(Check.PASS, f"the {which} list has no items")
    if worst == Check.PASS:
        return Finding(Check.PASS, f"{plural(asked, 'item')}, all pass", "", tuple(details))
    named = "; ".join(said[worst][:3]) + ("; and more" if len(said[worst]) > 3 else "")
    what = f"{len(said[worst])} of {plural(asked, 'item')} {worst.value}: {named}"
    return Finding(worst, what, steps.get(worst, f"`opsconsole checklist {which}`"), tuple(details))
