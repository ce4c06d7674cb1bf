"""How a result reads: sign and word of its verdict, its age, the lines of its detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from textual.content import Content

from console.engine.checks.kept import Result
from console.engine.model import Check
from console.engine.text import age, plural
from widgets.look import Cell, fit, marked, paint, parse_time, short_time, wrap

TITLES = {"preflight": ("Pre-flight", "before a migration"), "postflight": ("Post-flight", "after it")}
SIGNS: Mapping[Check, tuple[str, str, str]] = {
    Check.PASS: ("✓", "pass", "good"),
    Check.WARN: ("!", "warn", "warn"),
    Check.FAIL: ("✗", "fail", "bad"),
    Check.UNKNOWN: ("?", "unknown", "warn"),
}


def verdict_cell(result: Result, *, looking: bool) -> Cell:
    """`✓ pass`; what holds no more is said in grey, with its sign taken away."""
    if looking:
        return ("▶ looking", "running")
    if result.item.kind == "sign-off" and result.verdict == Check.UNKNOWN:
        return ("? to sign", "warn")
    if result.verdict is None:
        return ("· not asked", "dim")
    sign, word, tone = SIGNS[result.verdict]
    if not result.fresh:
        return (f"· was {word}", "dim")
    return (f"{sign} {word}", tone)


def how_old(result: Result, now: datetime) -> str:
    """How old it is: `3 h`."""
    moment = parse_time(result.at)
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    return age(seconds).replace(" days", " d").replace(" day", " d") if seconds >= 60 else "now"


def row(result: Result, now: datetime, how: str, *, looking: bool) -> list[Cell]:
    """verdict, text, age, evidence. how: what [gate] says of it."""
    holds = "■ " if how == "block" else ""
    quiet = result.verdict in (Check.PASS, None) or not result.fresh
    return [
        verdict_cell(result, looking=looking),
        f"{holds}{result.item.text}",
        (how_old(result, now), "dim"),
        (result.evidence, "dim" if quiet else ""),
    ]


def heading(which: str, results: Sequence[Result], looking: str) -> list[Cell]:
    """The line above a list: how many of its items pass."""
    its = [result for result in results if result.which == which]
    good = sum(result.verdict == Check.PASS and result.fresh for result in its)
    title, when = TITLES[which]
    return [
        (title, "strong"),
        (when, "dim"),
        "",
        (looking, "running") if looking else (f"{good} of {len(its)} pass", "dim"),
    ]


def detail(result: Result, how: str, width: int, zone: tzinfo | None, now: datetime, most: int) -> list[Content]:
    """What is known of the item under the cursor, in at most `most` lines."""
    item = result.item
    sign, word, tone = SIGNS[result.verdict or Check.UNKNOWN]
    state: list[Cell] = [(f" {item.name}", "strong"), "  ", (f"{sign} {word}", tone)]
    if result.at:
        state.append((f"  {short_time(result.at, zone, now)} by {result.by or '?'}", "dim"))
        if not result.fresh:
            state.append((", holds no more", "warn"))
        elif result.verdict != Check.UNKNOWN:
            state.append((f", holds until {short_time(result.valid_until, zone, now)}", "dim"))
    if how == "block":
        state.append(("  ■ holds a run", "warn" if result.verdict not in (Check.PASS, Check.WARN) else "dim"))
    rows = [paint(*state)]
    rows += [paint(f" {text}") for text in wrap(result.evidence, width - 2)]
    if result.next_step and result.verdict != Check.PASS:
        rows += [paint(" ", *marked(text, "dim")) for text in wrap(f"next: {result.next_step}", width - 2)]
    left = most - len(rows)
    shown = result.details[: left if len(result.details) <= left else max(0, left - 1)]
    rows += [paint((fit(f"   {line}", width - 1, cut="middle").rstrip(), "dim")) for line in shown]
    if len(shown) < len(result.details) and left > 0:
        rows.append(paint((f"   {plural(len(result.details) - len(shown), 'line')} more: d shows all", "dim")))
    return rows[:most]
