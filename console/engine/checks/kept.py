"""What the ledger keeps of checklists: results with their evidence, sign-offs, acknowledgements; their history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.engine.checks.probes.look import last_seq
from console.engine.context import Context
from console.engine.errors import EngineError, ReadOnlyError, UsageError
from console.engine.ledger.beside import writing_beside
from console.engine.ledger.store import is_made, reading
from console.engine.model import Check
from console.engine.reasons import check_reason
from console.engine.settings.checklists import ItemSetting
from console.engine.text import recordable

ERRORS = "errors"  # under this name logged errors are acknowledged, whatever the item is called
SIGN, ACKNOWLEDGE = "sign", "acknowledge"
KEPT = 1000  # results of each item
SIGNED_KEPT = 10_000
_LINES, _LINE = 60, 400  # details that are kept of a result, characters of one


@dataclass(frozen=True, slots=True)
class Result:
    """What an item said at one moment. which: preflight | postflight. at, valid_until: UTC.

    verdict None: it was never asked. run: the id of the run whose gate asked, '' for none. fresh: it still holds: not
    too old, asked the same way, and not overtaken by a run. asked: just now, not remembered.
    """

    item: ItemSetting
    which: str
    verdict: Check | None
    evidence: str
    next_step: str = ""
    details: tuple[str, ...] = ()
    at: str = ""
    valid_until: str = ""
    by: str = ""
    run: str = ""
    fresh: bool = True
    asked: bool = True
    declared: str = ""


@dataclass(frozen=True, slots=True)
class SignOff:
    """kind: sign | acknowledge. at: UTC. after_run: seq of the newest migration that had ended then."""

    item: str
    kind: str
    at: str
    by: str
    note: str
    after_run: int


@dataclass(frozen=True, slots=True)
class Past:
    """One line of an item's history: a result, or what somebody answered for. id: for the next page."""

    id: int
    at: str
    by: str
    verdict: str  # a verdict, or signed, acknowledged
    evidence: str
    details: tuple[str, ...] = ()
    run: str = ""


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def asker(ctx: Context) -> str:
    """Under what name a result is kept."""
    return ctx.env.who.login or ctx.env.who.user


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def write_results(connection: sqlite3.Connection, results: Iterable[Result], run: int = 0) -> None:
    """In the caller's transaction; of each item only the newest stay."""
    after = last_seq(connection)
    for result in results:
        if result.verdict is None:
            continue
        details = [line[:_LINE] for line in result.details[:_LINES]]
        connection.execute(
            "INSERT INTO checklist_results (item, list, declared, verdict, evidence, next_step, details, at,"
            " valid_until, by, run, after_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(result.item.name, result.which, result.declared, result.verdict.value, recordable(result.evidence)),
                *(recordable(result.next_step), json.dumps([recordable(line) for line in details]), result.at),
                *(result.valid_until, result.by, run, after),
            ],
        )
        connection.execute(
            "DELETE FROM checklist_results WHERE item = ?1 AND id <= (SELECT id FROM checklist_results WHERE item = ?1"
            " ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            [result.item.name, KEPT],
        )


def keep_results(ctx: Context, results: Iterable[Result]) -> str:
    """Remember what was found; '' or why that could not be done. A session that only looks remembers nothing."""
    if ctx.read_only:
        return "a read-only session records nothing"
    try:
        with _writing(ctx) as connection:
            write_results(connection, results)
    except EngineError as error:
        return error.what
    return ""


def sign(ctx: Context, item: str, note: str, *, kind: str = SIGN) -> SignOff:
    """Somebody answers for an item, or has looked at the errors; durable when it comes back.

    Raises UsageError (no note, no such item, no ledger yet), ReadOnlyError, EngineError.
    """
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything", next_step="start without --read-only")
    note = check_reason(note, "say in a few words what was looked at", next_step="add --note TEXT")
    if kind == SIGN:
        _can_be_signed(ctx, item)
    made = SignOff(item, kind, timestamp(ctx.env.now()), asker(ctx), recordable(note), 0)
    with _writing(ctx) as connection:
        connection.execute(
            "INSERT INTO signoffs (item, kind, at, by, note, after_run) VALUES (?, ?, ?, ?, ?, ?)",
            [item, kind, made.at, made.by, made.note, last_seq(connection)],
        )
        connection.execute(
            "DELETE FROM signoffs WHERE item = ?1 AND id <= (SELECT id FROM signoffs WHERE item = ?1"
            " ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            [item, SIGNED_KEPT],
        )
    return made


def _can_be_signed(ctx: Context, name: str) -> None:
    found = ctx.settings.checklists.find(name)
    if found is not None and found[1].kind == "sign-off":
        return
    able = [i.name for i in (*ctx.settings.checklists.preflight, *ctx.settings.checklists.postflight)]
    signed = [n for n in able if (f := ctx.settings.checklists.find(n)) is not None and f[1].kind == "sign-off"]
    if found is None:
        raise UsageError(
            f"no checklist has an item {name!r}", untouched="everything", next_step="items: " + ", ".join(able)
        )
    raise UsageError(
        f"{name} is found out by a machine, nobody signs it",
        untouched="everything",
        next_step=f"a run goes on without it by --override {name} --reason TEXT"
        + (f"; signed can be: {', '.join(signed)}" if signed else ""),
    )


def _writing(ctx: Context) -> AbstractContextManager[sqlite3.Connection]:
    """Raises UsageError where there is no ledger yet; what comes back raises LedgerError."""
    if not is_made(ctx.workspace.ledger):
        raise UsageError(
            "there is no ledger yet to keep it in", untouched="everything", next_step="the first run makes it"
        )
    return writing_beside(ctx.workspace.ledger, "the ledger did not take it", since=5)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def last_acknowledged(connection: sqlite3.Connection | None, item: str) -> datetime | None:
    """When the errors were last acknowledged."""
    found = last_signed(connection, item, ACKNOWLEDGE)
    return datetime.fromisoformat(found.at) if found else None


def last_signed(connection: sqlite3.Connection | None, item: str, kind: str = SIGN) -> SignOff | None:
    """The newest signature of an item."""
    if connection is None:
        return None
    row = connection.execute(
        "SELECT item, kind, at, by, note, after_run FROM signoffs WHERE item = ? AND kind = ? ORDER BY id DESC LIMIT 1",
        [item, kind],
    ).fetchone()
    return SignOff(*row) if row else None


def last_result(
    connection: sqlite3.Connection | None, item: ItemSetting, which: str, declared: str, now: datetime, *, by_run: bool
) -> Result:
    """The newest result that is kept of an item. declared: how it would be asked today. by_run: a migration that ended
    after it overtakes it."""
    row = None
    if connection is not None:
        row = connection.execute(
            "SELECT c.*, (SELECT id FROM runs WHERE seq = c.run) AS run_id FROM checklist_results c"
            " WHERE item = ? AND list = ? ORDER BY c.id DESC LIMIT 1",
            [item.name, which],
        ).fetchone()
    if row is None or connection is None:
        return Result(item, which, None, "not asked yet", asked=False, fresh=False)
    at = datetime.fromisoformat(row["at"])
    fresh = at - timedelta(minutes=1) <= now <= at + timedelta(seconds=item.valid) and row["declared"] == declared
    if fresh and by_run:
        fresh = last_seq(connection) <= row["after_run"]
    return Result(
        item,
        which,
        Check(row["verdict"]),
        row["evidence"],
        row["next_step"],
        tuple(json.loads(row["details"])),
        row["at"],
        row["valid_until"],
        row["by"],
        row["run_id"] or "",
        fresh,
        False,
        row["declared"],
    )


def history(ctx: Context, item: str, *, limit: int = 50, before: str = "") -> list[Past]:
    """What an item said and who answered for it, newest first. before: the `at` of the last line that is shown.

    Raises UsageError for an item that neither a checklist nor the ledger has, LedgerError.
    """
    with reading(ctx.workspace.ledger) as connection:
        found: list[Past] = []
        if connection is not None:
            until = before or "9"
            rows = connection.execute(
                "SELECT c.id, c.at, c.by, c.verdict, c.evidence, c.details,"
                " (SELECT id FROM runs WHERE seq = c.run) AS run FROM checklist_results c WHERE item = ?"
                " AND at < ? ORDER BY c.id DESC LIMIT ?",
                [item, until, limit],
            )
            found += [
                Past(
                    r["id"],
                    r["at"],
                    r["by"],
                    r["verdict"],
                    r["evidence"],
                    tuple(json.loads(r["details"])),
                    r["run"] or "",
                )
                for r in rows
            ]
            words = {SIGN: "signed", ACKNOWLEDGE: "acknowledged"}
            rows = connection.execute(
                "SELECT id, at, by, kind, note FROM signoffs WHERE item = ? AND at < ? ORDER BY id DESC LIMIT ?",
                [item, until, limit],
            )
            found += [Past(r["id"], r["at"], r["by"], words[r["kind"]], r["note"]) for r in rows]
    if not found and not before and ctx.settings.checklists.find(item) is None:
        names = [each.name for each in (*ctx.settings.checklists.preflight, *ctx.settings.checklists.postflight)]
        raise UsageError(f"no checklist has an item {item!r}", next_step="items: " + ", ".join(names))
    return sorted(found, key=lambda past: past.at, reverse=True)[:limit]
