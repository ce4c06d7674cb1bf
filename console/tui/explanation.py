"""One file of a run, and why it was or was not published, as lines for a TextScreen: (text, tone)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.engine.observe.files import Explanation
    from console.engine.records.model import Verdict


def fact_lines(path: str, facts: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """The path, then each fact that is known."""
    lines = [(path, "strong"), ("", "")]
    lines += [(f"{name:<10}{text}", "") for name, text in facts if text]
    return lines


def explanation_lines(explanation: Explanation) -> list[tuple[str, str]]:
    """What `explain` says of a file, as lines: question and answer, what to do, the failing records."""
    lines = [("", ""), ("Today", "strong"), (f"{'status':<10}{explanation.status}", "")]
    lines += [(f"{step.question} {step.answer}", "") for step in explanation.trace]
    if explanation.next_step:
        lines += [("", ""), (f"next: {explanation.next_step}", "accent")]
    if explanation.verdict is not None:
        lines += _verdict_lines(explanation.verdict)
    return lines


def _verdict_lines(verdict: Verdict) -> list[tuple[str, str]]:
    lines = [("", ""), (f"Failing records: {verdict.failed_records:,} of {verdict.records:,}", "strong")]
    for record in verdict.failing:
        line = f", line {record.line:,}" if record.line else ""
        lines.append((f"record {record.number:,}{line}", "warn"))
        for error in record.errors:
            value = f"   value {error.value}" if error.value else ""
            lines.append((f"  {error.field or 'record'}: {error.message}   rule {error.rule}{value}", ""))
        lines.append((f"  {record.excerpt}", "dim"))
    left = verdict.failed_records - len(verdict.failing)
    return [*lines, (f"and {left:,} more failing records, not kept", "dim")] if left > 0 else lines
