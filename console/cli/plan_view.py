"""A plan for people: what would happen, what it needs, what stands in the way, the command line for it."""

from __future__ import annotations

from collections import Counter

from console.cli.output import Part, Stream
from console.cli.session import in_this_session
from console.engine.model import Check, GateItem, Plan
from console.engine.records.words import cause_in_words
from console.engine.text import count, duration, plural, size

SIGNS = {Check.PASS: "ok", Check.WARN: "warn", Check.FAIL: "FAIL", Check.UNKNOWN: "unknown"}
STYLES = {Check.PASS: "green", Check.WARN: "yellow", Check.FAIL: "red", Check.UNKNOWN: "yellow"}
_READ = (
    ("new", "new"),
    ("changed", "changed"),
    ("missing", "missing at the destination"),
    ("again", "to be judged again"),
    ("stale", "judged by another rule than today's"),
    ("damaged", "damaged"),
)
_LEFT = (
    ("unchanged", "unchanged"),
    ("known_failed", "failing as before"),
    ("accepted", "failing, accepted"),
    ("held", "held"),
    ("adopted", "adopted"),
    ("waiting", "waiting for a migrate"),
    ("sidecars", "sidecars"),
)


def would_fail(plan: Plan) -> int:
    """How many files of a full plan would fail, those that already do included."""
    return plan.counts.get("fail", 0) + plan.counts.get("known_failed", 0)


def show_plan(stream: Stream, plan: Plan) -> None:
    """The whole plan on `stream`."""
    for text in plan.recovery:
        stream.line(("yellow", "First: "), text)
    if plan.beside:
        stream.line(("yellow", "Note: "), plan.beside)
    stream.line(("bold", f"{plan.action}: plan"))
    _show_files(stream, plan)
    _show_space(stream, plan)
    if plan.seconds is not None and plan.files:
        stream.line(f"  about {duration(plan.seconds)}, by {plural(plan.seconds_from, 'earlier run')}")
    show_gate(stream, plan.gate)
    stream.line("  same as: ", ("bold", in_this_session(plan.command)))


def _said(counts: dict[str, int], words: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(
        plural(counts[key], "sidecar") if key == "sidecars" else f"{count(counts[key])} {word}"
        for key, word in words
        if counts.get(key)
    )


def _show_files(stream: Stream, plan: Plan) -> None:
    if plan.files:
        detail = _said(plan.counts, _READ)
        stream.line("  ", ("bold", plural(plan.files, "file")), f" to read: {detail}" if detail else " to read")
    else:
        stream.line("  nothing to do: no file is waiting")
    if plan.depth == "full" and plan.files:
        publish = plan.counts.get("publish", 0)
        parts: list[Part] = [f"  {count(publish)} to publish"]
        if plan.counts.get("revalidate"):
            parts.append(f", {count(plan.counts['revalidate'])} to revalidate")
        fail = plan.counts.get("fail", 0)
        parts += [", ", ("red" if fail else "", f"{count(fail)} will fail")]
        if plan.counts.get("withdraw"):
            parts.append(f"; {plural(plan.counts['withdraw'], 'published copy', 'published copies')} to be withdrawn")
        stream.line(*parts)
    left = _said(plan.counts, _LEFT)
    if left:
        stream.line(f"  {left}")
    ignored = Counter(reason for _, reason in plan.ignored)
    if ignored:
        reasons = ", ".join(f"{count(number)} {reason}" for reason, number in ignored.most_common(5))
        more = ", ..." if len(ignored) > 5 else ""
        stream.line(f"  {count(sum(ignored.values()))} ignored: {reasons}{more}")
    for path, reason in plan.unreadable[:5]:
        stream.line("  ", ("red", "cannot be read: "), f"{path}: {reason}")
    if len(plan.unreadable) > 5:
        stream.line(f"  and {count(len(plan.unreadable) - 5)} more that cannot be read")
    if plan.vanished:
        stream.line(f"  {plural(len(plan.vanished), 'published file')} whose source is gone; the copies stay")


def _show_space(stream: Stream, plan: Plan) -> None:
    if plan.files:
        backups = plan.counts.get("backups", 0)
        text = f"  {size(plan.bytes)} to read and write"
        if backups:
            text += f"; {plural(backups, 'backup')} first ({size(plan.backup_bytes)})"
        stream.line(text)
    for zone in plan.space:
        if plan.files and (zone.need_bytes or zone.need_inodes):
            inodes = "" if zone.free_inodes < 0 else f", {count(zone.need_inodes)} inodes of {count(zone.free_inodes)}"
            stream.line(
                f"  space on {zone.mount} ({', '.join(zone.zones)}): "
                f"{size(zone.need_bytes)} of {size(zone.free_bytes)} free{inodes}"
            )


def show_gate(stream: Stream, gate: list[GateItem]) -> None:
    """How many passed; each of the others with its evidence and what helps."""
    passed = sum(item.verdict == Check.PASS for item in gate)
    if passed:
        stream.line("  ", (STYLES[Check.PASS], SIGNS[Check.PASS]), f" {passed} of {plural(len(gate), 'check')} passed")
    for item in gate:
        if item.verdict == Check.PASS:
            continue
        note = f" (released: {item.overridden})" if item.overridden else " (blocks)" if item.refuses else ""
        stream.line("  ", (STYLES[item.verdict], SIGNS[item.verdict]), f" {item.name}: {item.evidence}{note}")
        if item.next_step and not item.overridden:
            stream.line(f"       next: {item.next_step}")


def show_failing(stream: Stream, plan: Plan, limit: int = 10) -> None:
    """Of a full plan: causes with counts, the first failing files with the reason, and what is ignored."""
    if plan.failing:
        stream.line("")
        stream.line("Would fail, by cause")
        rows = [
            (f"  {count(files)}", count(records), cause_in_words(cause))
            for cause, files, records in plan.failing[:limit]
        ]
        stream.table(("  files", "records", "cause"), rows, right=(0, 1), cut=(2,), aligned=True)
    failing = [item for item in plan.items if item.verdict not in ("", "ok")]
    if failing:
        stream.line("")
        stream.line("First files that would fail")
        for item in failing[:limit]:
            stream.line(f"  {item.path}")
            stream.line(f"    {item.verdict}")
        if len(failing) > limit:
            stream.line(f"  and {count(len(failing) - limit)} more; --json names all")
    shown = [(path, reason) for path, reason in plan.ignored if reason != "hidden"]
    if shown:
        stream.line("")
        stream.line("Ignored")
        for path, reason in shown[:limit]:
            stream.line(f"  {path}: {reason}")
        if len(plan.ignored) > min(len(shown), limit):
            stream.line(f"  and {count(len(plan.ignored) - min(len(shown), limit))} more; --json names all")
