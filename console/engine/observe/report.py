"""The report of a run, as Markdown that reads well as plain text too.

Everything that came from outside (names, values, reasons, what people typed) stands in code spans, with
control characters made visible: no renderer finds markup, links or HTML in it. Code spans: CommonMark 0.31,
section 6.1.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import orjson

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.digests import digest_of
from console.engine.model import Check, Outcome, RunRow, RunStatus
from console.engine.records.model import Verdict
from console.engine.records.words import cause_in_words
from console.engine.runs.query import as_it_is, is_alive, run_row
from console.engine.runs.unsettled import InHand, in_hand, is_unsettled
from console.engine.settings.time_zone import find_zone
from console.engine.text import count, duration, plural, size, visible

_SIGNS = {Check.PASS: "✓ pass", Check.WARN: "! warn", Check.FAIL: "✗ fail", Check.UNKNOWN: "? unknown"}
DIGEST = "Its rows in the ledger"  # the line that says their digest (ledger.digests)
_EXAMPLES = 200  # failed files whose first failing record is shown
_TEXT = 2_000  # characters of one reason

# Sections of files, in the order of the report; their outcomes are in the ledger.
_SECTIONS = (
    ("Failed", (Outcome.FAILED, Outcome.DAMAGED, Outcome.CHANGED_WHILE_READ, Outcome.CHANGED_SINCE_PLAN)),
    ("Not where the ledger says", (Outcome.LOST,)),
    ("Not tried", (Outcome.NOT_TRIED,)),
    ("Replaced", (Outcome.REPLACED,)),
    ("Published", (Outcome.PUBLISHED,)),
    ("Revalidated", (Outcome.REVALIDATED,)),
    ("Left as they are", (Outcome.LEFT_ALONE,)),
    ("Restored", (Outcome.RESTORED,)),
    ("Removed, kept in the backup", (Outcome.REMOVED,)),
    ("Permissions changed", (Outcome.MODE,)),
    ("Logs trimmed", (Outcome.TRIMMED,)),
    ("Logs archived", (Outcome.LOG_ARCHIVED,)),
    ("Moved to the archive", (Outcome.MOVED, Outcome.ARCHIVED)),
    ("Returned from the archive", (Outcome.RETURNED,)),
    ("Cleared, count as not processed", (Outcome.CLEARED,)),
    ("Put back into the state file", (Outcome.ENTERED,)),
    ("Backups pruned", (Outcome.PRUNED,)),
    ("Entries left as they are", (Outcome.NOT_ADOPTED,)),
)

_UNUSUAL = frozenset(outcome.value for outcome in _SECTIONS[0][1] if outcome != Outcome.FAILED)


def code(text: str, *, table: bool = False) -> str:
    """Any text as a code span: nothing in it is markup. table: for a cell, where `|` would end it."""
    shown = visible(text[:_TEXT])
    if not shown:
        return ""
    if "`" not in shown and "|" not in shown and shown[0] != " " != shown[-1]:
        return f"`{shown}`"  # all but a few
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    if table:
        shown = shown.replace("|", "¦")  # readers disagree on what a backslash means inside a code span
    return f"{fence}{pad}{shown}{pad}{fence}"


def render_report(ctx: Context, connection: sqlite3.Connection, run_seq: int) -> str:
    """The report of run `run_seq` as Markdown. Raises UsageError when the ledger has no such run."""
    return "".join(f"{line}\n" for line in report_lines(ctx, connection, run_seq))


def report_lines(ctx: Context, connection: sqlite3.Connection, run_seq: int) -> Iterator[str]:
    """The report line by line, without newlines, in constant memory. Raises UsageError as render_report
    does.
    """
    row = connection.execute("SELECT * FROM runs WHERE seq = ?", [run_seq]).fetchone()
    if row is None:
        raise UsageError(f"the ledger has no run number {run_seq}")
    run = as_it_is(run_row(row))
    hand = InHand() if is_alive(run) else in_hand(connection, run.seq)
    yield f"# {run.action} {run.id}"
    yield ""
    yield from _head(ctx, run, digest_of(connection, run.seq))
    yield from _counts(run, hand)
    yield from _plan(ctx, run)
    yield from _checks("Gate", run.gate)
    yield from _overrides(run)
    yield from _checks("Verification", run.verification)
    yield from _released(connection, run)
    found = {  # files, and those of them with a reason, by outcome
        outcome: (files, reasons)
        for outcome, files, reasons in connection.execute(
            "SELECT outcome, count(*), sum(reason != '') FROM outcomes WHERE run = ? GROUP BY outcome", [run.seq]
        )
    }
    for title, outcomes in _SECTIONS:
        yield from _files(connection, run, title, outcomes, sum(found.get(o, (0, 0))[0] for o in outcomes))
    refused = found.get(Outcome.SIDECAR, (0, 0))[1]
    title = "Sidecars that their schema refuses"
    yield from _files(connection, run, title, (Outcome.SIDECAR,), refused, where=" AND reason != ''")
    yield from _timings(run)


def _time(text: str | None, zone: tzinfo) -> str:
    """A time of the ledger in UTC and as the clock on the wall said."""
    if not text:
        return "not yet"
    moment = datetime.fromisoformat(text).astimezone(UTC)
    local = moment.astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({local:%H:%M:%S} {local.tzname()})"


def _zone(ctx: Context) -> tzinfo:
    try:
        return find_zone(ctx.settings.time_zone)
    except LookupError:
        return UTC


def _took(run: RunRow) -> str:
    if not run.ended_at:
        return ""
    seconds = (datetime.fromisoformat(run.ended_at) - datetime.fromisoformat(run.started_at)).total_seconds()
    return f", took {duration(max(0.0, seconds))}"


def _head(ctx: Context, run: RunRow, digest: str) -> Iterator[str]:
    zone = _zone(ctx)
    result = run.status.value if run.exit_status is None else f"{run.status.value}, exit status {run.exit_status}"
    ended, files = _time(run.ended_at, zone) + _took(run), f"{count(run.done_files)} of {count(run.total_files)}"
    if is_unsettled(run):
        result = "died, not settled yet: the next run does that first"
        ended, files = f"its process died, last sign of life {_time(run.heartbeat_at, zone)}", f"{files} by then"
    facts = [
        ("Workspace", f"{code(str(ctx.workspace.root), table=True)} on {code(run.host, table=True)}"),
        ("Result", result),
        ("Message", code(run.message, table=True)),
        ("Asked by", _who(run.who)),
        ("Command", code(run.command, table=True)),
        ("Started", _time(run.started_at, zone)),
        ("Ended", ended),
        ("Cancelled", f"by {code(run.cancel_by, table=True)} at {_time(run.cancel_at, zone)}" if run.cancel_by else ""),
        ("Files", f"{files}, {size(run.done_bytes)}"),
        ("Durability", code(run.durability, table=True)),
        ("State before", _checkpoint(ctx, run)),
        ("Configuration", f"{code(ctx.settings.path, table=True)}, SHA-256 `{run.settings_digest}`"),
        (DIGEST, f"SHA-256 `{digest}`" if digest else ""),
    ]
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in facts if value)
    yield ""
    for warning in ctx.settings.warnings if ctx.settings.digest == run.settings_digest else ():
        yield f"- the configuration says: {code(warning)}"
        yield ""


def _checkpoint(ctx: Context, run: RunRow) -> str:
    """Where the run kept the state as it was before."""
    try:
        kept = json.loads((ctx.workspace.run_folder(run.id) / "checkpoint.json").read_bytes())
        place, sha256 = f".opsconsole/runs/{run.id}/state.json", kept["sha256"]
        return f"{code(place, table=True)}, {plural(kept['entries'], 'entry', 'entries')}, SHA-256 `{sha256}`"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _who(who: dict[str, Any]) -> str:
    """Everything that is known of the person."""
    parts = [code(str(who.get("login") or who.get("user") or "nobody known"), table=True)]
    for name, word in (("user", "as"), ("sudo_user", "by sudo from"), ("terminal", "on"), ("address", "from")):
        value = str(who.get(name) or "")
        if value and not (name == "user" and value == who.get("login")):
            parts.append(f"{word} {code(value, table=True)}")
    if who.get("host"):
        parts.append(f"at {code(str(who['host']), table=True)}")
    return " ".join(parts)


def _counts(run: RunRow, hand: InHand) -> Iterator[str]:
    """hand: what it has begun and nobody has settled."""
    found = [(name.replace("_", " "), number) for name, number in run.counts.to_json().items() if number]
    yield "## Counts"
    yield ""
    if not found:
        yield _nothing(run, hand)
    else:
        yield "| what | files |"
        yield "|---|---:|"
        yield from (f"| {name} | {count(number)} |" for name, number in found)
    yield ""
    if hand.files:
        yield (
            f"The batch in hand is not settled yet: it names {plural(hand.files, 'file')}, {size(hand.bytes)}, and how"
            " many of them were changed is known only then. The next run settles it first, a rollback of this run too."
        )
        yield ""


def _nothing(run: RunRow, hand: InHand) -> str:
    """What is said of a run that has counted nothing."""
    if hand.files:
        return "Nothing is counted yet."
    if is_unsettled(run):
        return "Its process died before it changed a file."
    return "Nothing is recorded yet." if run.status == RunStatus.RUNNING else "Nothing was done to any file."


def _plan(ctx: Context, run: RunRow) -> Iterator[str]:
    """What the run set out to do, from the plan it kept."""
    statuses, total = _planned(ctx.workspace.run_folder(run.id) / "plan.json")
    files = sum(statuses.values())
    if not files:
        return
    yield "## Plan"
    yield ""
    what = ", ".join(f"{count(number)} {name}" for name, number in sorted(statuses.items()))
    yield f"{plural(files, 'file')}, {size(total)}: {what}."
    parameters = {name: value for name, value in run.params.items() if value}
    if parameters:
        yield ""
        yield f"Asked for: {code(json.dumps(parameters, ensure_ascii=False))}"
    yield ""


def _planned(path: Path) -> tuple[dict[str, int], int]:
    """Files by status, and their bytes; a plan that is not there, or not whole, is no reason to have no report."""
    try:
        document = orjson.loads(path.read_bytes())
        statuses = {visible(str(name)): int(number) for name, number in document["statuses"].items()}
        return statuses, int(document["bytes"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, 0


def _checks(title: str, items: list[dict[str, Any]]) -> Iterator[str]:
    if not items:
        return
    yield f"## {title}"
    yield ""
    for item in items:
        verdict = _SIGNS.get(Check(item["verdict"]), item["verdict"])
        line = f"- {verdict} {code(str(item['name']))}: {code(str(item['evidence']))}"
        if item.get("overridden"):
            line += f"; overridden: {code(str(item['overridden']))}"
        elif item["verdict"] != Check.PASS and item.get("next_step"):
            line += f"; next: {code(str(item['next_step']))}"
        yield line
    yield ""


def _overrides(run: RunRow) -> Iterator[str]:
    if not run.overrides:
        return
    yield "## Overrides"
    yield ""
    yield from (f"- {code(name)}: {code(reason)}" for name, reason in run.overrides.items())
    yield ""


def _timings(run: RunRow) -> Iterator[str]:
    if not run.timings:
        return
    yield "## Time"
    yield ""
    yield "| phase | seconds |"
    yield "|---|---:|"
    yield from (f"| {code(str(phase), table=True)} | {seconds:.3f} |" for phase, seconds in run.timings.items())
    yield ""


def _released(connection: sqlite3.Connection, run: RunRow) -> Iterator[str]:
    """Holds that were taken away since the run before this one: this is the first that might publish such a file."""
    rows = connection.execute(
        """SELECT * FROM released r WHERE after_run < :seq AND :seq = (SELECT min(seq) FROM runs
        WHERE seq > r.after_run AND action IN ('migrate', 'reprocess') AND status <> 'refused') ORDER BY path""",
        {"seq": run.seq},
    ).fetchall()
    if not rows:
        return
    yield f"## Released before this run: {plural(len(rows), 'file')}"
    yield ""
    for row in rows:
        held = f"held since {row['held_at']} by {code(row['held_by'])}"
        yield f"- {code(row['path'])}: {code(row['reason'])}, by {code(row['by'])} at {row['at']}; {held}"
    yield ""


def _files(
    connection: sqlite3.Connection,
    run: RunRow,
    title: str,
    outcomes: tuple[Outcome, ...],
    number: int,
    where: str = "",
) -> Iterator[str]:
    """number: how many there are."""
    if not number:
        return
    places = ", ".join("?" * len(outcomes))
    values = [run.seq, *outcomes]
    yield f"## {title}: {plural(number, 'file')}"
    yield ""
    cursor = connection.cursor()
    cursor.row_factory = None
    failed = outcomes is _SECTIONS[0][1]
    for shown, (outcome, path, *rest) in enumerate(
        cursor.execute(
            "SELECT outcome, path, dest, size, sha256, reason, replaced_sha256, backup FROM outcomes"
            f" WHERE run = ? AND outcome IN ({places}){where} ORDER BY id",
            values,
        )
    ):
        yield _file(outcome, path, *rest)
        if failed:
            yield from _causes(connection, run, path, example=shown < _EXAMPLES)
    yield ""


def _is_plain(text: str) -> bool:
    """Whether `code` would only put it between two backticks."""
    usual = text.isascii() and text.isprintable() and len(text) < _TEXT
    return usual and "`" not in text and "|" not in text and " " not in text


def _file(
    outcome: str, path: str, dest: str, size_bytes: int, sha256: str, reason: str, replaced: str, backup: str
) -> str:
    """One file on one line: what became of it, its bytes, what it replaced and where that is kept."""
    if _is_plain(f"{path}{dest}{backup}") and not reason and outcome not in _UNUSUAL:  # as nearly always
        line = f"- `{path}` → `{dest}`" if dest and outcome != "failed" else f"- `{path}`"
        line += f", {size_bytes:,} bytes, SHA-256 `{sha256}`" if sha256 else ""
        line += f"; replaced `{replaced}`" if replaced and outcome == "replaced" else ""
        return f"{line}, kept at `{backup}`" if backup else line
    line = f"- {code(path)}"
    if outcome in _UNUSUAL:
        line += f" {outcome}"
    if reason:
        line += f": {code(reason)}"
    if dest and outcome != "failed":
        line += f" → {code(dest)}"
    if sha256:
        line += f", {size_bytes:,} bytes, SHA-256 `{sha256}`"
    if replaced and outcome == "replaced":
        line += f"; replaced `{replaced}`"
    if backup:
        line += f", kept at {code(backup)}"
    return line


def _causes(connection: sqlite3.Connection, run: RunRow, path: str, *, example: bool) -> Iterator[str]:
    """Why a file failed in this run; nothing where a later run has judged it again."""
    failure = connection.execute(
        "SELECT id, verdict FROM failures WHERE path = ? AND last_run = ?", [path, run.seq]
    ).fetchone()
    if failure is None:
        return
    causes = connection.execute(
        "SELECT cause, records, errors FROM failure_causes WHERE failure = ? ORDER BY records DESC, errors DESC, cause",
        [failure["id"]],
    ).fetchall()
    for row in causes:
        if row["records"]:
            yield f"  - {code(cause_in_words(row['cause']))}: {plural(row['records'], 'record')}"
    if example:
        document = json.loads(failure["verdict"])
        yield from _first_record(Verdict.from_json(document)) if "ok" in document else ()


def _first_record(verdict: Verdict) -> Iterator[str]:
    for record in verdict.failing[:1]:
        place = f"record {record.number}" + (f", line {record.line}" if record.line else "")
        for error in record.errors[:3]:
            yield f"  - the first, {place}: {code(error.message)}, by rule {code(error.rule)}"
