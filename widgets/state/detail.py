"""FileDetailView: one file: the records that fail with the rule beside each field, facts, history, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from console.engine.model import Identity
from console.engine.records.words import cause_in_words
from console.engine.text import count, plural, size, visible
from widgets.look import fit, short_time, wrap
from widgets.state.words import SIGNS

if TYPE_CHECKING:  # they load what judges files; here they are only read
    from console.engine.observe.files_detail import FileDetail
    from console.engine.observe.files_explain import Explanation
    from console.engine.observe.files_record import Field, RecordView

Line = tuple[str, str]
NAME = 18  # cells of a field's name
RULE_SHARE = 0.42  # of the width, for the rule beside the value
BESIDE = 66  # cells from which the rule stands beside and not below
FACT = 12


@dataclass(frozen=True, slots=True)
class FileLook:
    """What is known of one file. detail: None for one that no run judged. records: the first failing ones."""

    path: str
    explanation: Explanation
    detail: FileDetail | None = None
    records: tuple[RecordView, ...] = ()


def file_lines(look: FileLook, width: int, zone: tzinfo | None, now: datetime, prefix: str = "") -> list[Line]:
    """All of it as lines of a pager: what fails first, then what is to be done, facts, history, the decision."""
    explained, detail = look.explanation, look.detail
    sign, tone = SIGNS[explained.status]
    lines: list[Line] = [(look.path.removeprefix(prefix), "strong")]
    lines += [(f"{sign} {explained.status.value}{_summary(detail)}", tone)]
    if explained.next_step:
        lines += [(f"next: {explained.next_step}", "accent")]
    for record in look.records:
        lines += [("", ""), *record_lines(record, width)]
    if detail is not None and detail.verdict is not None:
        lines += _rest(detail, len(look.records))
    lines += [("", ""), ("Why", "strong")]
    lines += [(f"{step.question} {step.answer}", "") for step in explained.trace]
    if detail is not None:
        lines += [("", ""), *_facts(detail, zone, now)]
        lines += [("", ""), *_history(detail, zone, now)]
    return lines


def _summary(detail: FileDetail | None) -> str:
    if detail is None:
        return ""
    row = detail.row
    if detail.verdict is not None:
        return f": {detail.verdict.reason()}"
    if row.errors:
        return f": {plural(row.errors, 'error')}"
    return f": {plural(row.records, 'record')}" if row.published else ""


def _rest(detail: FileDetail, shown: int) -> list[Line]:
    verdict = detail.verdict
    if verdict is None:
        return []
    lines: list[Line] = []
    kept = verdict.failing[shown:]
    if kept:
        lines += [("", ""), ("More failing records", "strong")]
    for record in kept:
        said = "; ".join(error.message for error in record.errors)
        lines.append((f"record {record.number:,}{_line(record.line)}: {said}", ""))
    left = verdict.failed_records - len([record for record in verdict.failing if record.number])
    if left > 0:
        lines.append((f"and {count(left)} more failing records; what they fail for is counted:", "dim"))
        lines += [(f"{cause_in_words(cause)}: {plural(records, 'record')}", "") for cause, records, _ in verdict.causes]
    return lines


def _line(line: int) -> str:
    return f", line {line:,}" if line else ""


# ── one record ────────────────────────────────────────────────────────────────────────────────────────────────────


def record_lines(record: RecordView, width: int) -> list[Line]:
    """The record, field by field, what is wrong first, with the rule beside it; then the file's lines around it."""
    head = f"Record {record.number:,}{_line(record.line)}" if record.number else f"The file{_line(record.line)}"
    lines: list[Line] = [(head, "strong")]
    for field in record.whole:
        lines += [(f"✗ {field.problem}", "bad")]
        if field.rule:
            lines.append((f"  rule  {field.rule}", "dim"))
    before = ""
    for field in record.fields:
        lines += _field(replace(field, rule="") if field.rule == before else field, width)  # said once is enough
        before = field.rule
    if record.excerpt:
        lines += [(f"  {record.excerpt}", "dim")]
    if record.lines:
        lines.append(("in the file", "dim"))
        digits = len(str(record.lines[-1][0]))
        room = max(20, width - digits - 6)
        for number, text in record.lines:
            here = "▸" if number == record.line else " "
            shown = fit(visible(text.replace("\t", "    ")), room).rstrip()
            lines.append((f"{here} {number:>{digits}} │ {shown}", "" if here == "▸" else "dim"))
    return lines


def _field(field: Field, width: int) -> list[Line]:
    """One field: name, value and what is wrong; the rule to the right, or below where there is no room."""
    mark = "✗" if field.problem else " "
    tone = "bad" if field.problem else "dim"
    name = fit(visible(field.name), NAME)
    said = visible(field.value)
    if field.problem:
        said = f"{said}  {visible(field.problem)}" if said and not field.missing else visible(field.problem)
    right = int(width * RULE_SHARE) if width >= BESIDE and field.rule else 0
    room = max(12, width - NAME - 6 - right)
    value = wrap(said, room) if field.problem else [fit(said, room).rstrip()]
    rule = wrap(visible(field.rule), right - 2) if right else []
    lines: list[Line] = []
    for at in range(max(len(value), len(rule))):
        left = f"{mark} {name}" if not at else " " * (NAME + 2)
        text = f"{left}  {fit(value[at] if at < len(value) else '', room)}"
        text += f"  {rule[at]}" if at < len(rule) else ""
        lines.append((text.rstrip(), tone))
    if field.rule and not right:
        lines.append((f"{' ' * 4}rule  {visible(field.rule)}", "dim"))
    return lines


# ── facts and history ─────────────────────────────────────────────────────────────────────────────────────────────


def _facts(detail: FileDetail, zone: tzinfo | None, now: datetime) -> list[Line]:
    row = detail.row
    accepted = detail.accepted
    said = ""
    if accepted is not None:
        until = f" until {short_time(accepted.until, zone, now)}" if accepted.until else ""
        said = f"{'' if accepted.valid else 'expired: '}by {accepted.by} {short_time(accepted.at, zone, now)}{until}: "
        said += accepted.reason
    facts: Sequence[tuple[str, str]] = (
        ("accepted", said),
        ("source", row.source),
        ("size", f"{size(row.size)} ({row.size:,} bytes)"),
        ("records", count(row.records)),
        ("sha256", detail.sha256),
        ("on disk", _moved(detail.source_now, detail.source_then)),
        ("published", row.dest if row.published else ""),
        ("the copy", _moved(detail.dest_now, detail.dest_then) if row.published else ""),
        ("judged", f"{row.at} by {row.run}" if row.at else ""),
        ("published by", f"{detail.published_by} {detail.processed_at}" if detail.published_by else ""),
        ("rule", f"{detail.rule} ({detail.rule_fingerprint[:12]})" if detail.rule else ""),
        ("failing since", detail.failing_since),
        ("format", detail.format),
        ("columns", ", ".join(detail.columns)),
        ("state file", "" if detail.mirrored or not row.published else "its entry was taken out"),
    )
    return [
        ("Facts", "strong"),
        *((f"{name:<{FACT}}{text}" if len(name) < FACT else f"{name} {text}", "") for name, text in facts if text),
    ]


def _moved(now: Identity | None, then: Identity | None) -> str:
    if now is None:
        return "not there"
    if then is None or (now.size, now.mtime_ns) == (then.size, then.mtime_ns):
        return "as it was judged" if then is not None else "there"
    return f"changed since: {now.size:,} bytes, were {then.size:,}"


def _history(detail: FileDetail, zone: tzinfo | None, now: datetime) -> list[Line]:
    lines: list[Line] = [("History", "strong")]
    for row in detail.history:
        when = short_time(row.at, zone, now)
        lines.append((f"{when:<12}{row.outcome.value:<20}{row.action} {row.run.rsplit('-', 1)[-1]} by {row.who}", ""))
        more = [
            f"sha256 {row.sha256[:16]}…" if row.sha256 else "",
            f"replaced {row.replaced_sha256[:16]}…" if row.replaced_sha256 else "",
            f"kept as {row.backup}" if row.backup else "",
            row.reason,
        ]
        said = "  ".join(part for part in more if part)
        if said:
            lines.append((f"  {said}", "dim"))
    return lines if len(lines) > 1 else [*lines, ("no run did anything to it", "dim")]
