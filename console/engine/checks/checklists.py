"""Asking the items of a checklist: probes, sign-offs and commands, each with its verdict and its evidence."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module

from console.engine.checks.kept import Result, asker, last_result, last_signed, timestamp
from console.engine.checks.probes.declared import PROBES
from console.engine.checks.probes.look import Finding, Look
from console.engine.context import Context
from console.engine.errors import EngineError, LedgerError, UsageError
from console.engine.ledger.store import reading
from console.engine.model import Check
from console.engine.settings.checklists import ItemSetting
from console.engine.text import age, visible


def chosen_items(ctx: Context, which: str, names: tuple[str, ...] = ()) -> list[ItemSetting]:
    """The items of a list, or those of them that are named. Raises UsageError."""
    items = list(ctx.settings.checklists.of(which))
    known = [item.name for item in items]
    for name in names:
        if name not in known:
            raise UsageError(
                f"the {which} list has no item {name!r}", next_step="it has: " + (", ".join(known) or "none")
            )
    return [item for item in items if not names or item.name in names]


def ask_items(
    ctx: Context, which: str, names: tuple[str, ...] = (), *, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Result]:
    """Item by item, as each is known. Nothing is kept: see `kept.keep_results`. Raises UsageError."""
    items = chosen_items(ctx, which, names)
    with looking(ctx, cancelled) as look:
        for item in items:
            if cancelled():
                return
            yield ask(look, which, item)


@contextmanager
def looking(ctx: Context, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Look]:
    """A look with the ledger open, or with the reason why it cannot be read."""
    look = Look(ctx, ctx.env.now(), cancelled=cancelled)
    with ExitStack() as stack:
        try:
            look.connection = stack.enter_context(reading(ctx.workspace.ledger))
        except LedgerError as error:
            look.trouble = error.what
        yield look


def ask(look: Look, which: str, item: ItemSetting) -> Result:
    """One item now. Whatever goes wrong makes it unknown, never passed. Who may not start a program or write into a
    scratch folder is told what was found last, where anything was.
    """
    works = item.kind == "command" or (item.kind == "probe" and PROBES[item.probe].scratch)
    if look.ctx.read_only and works and (last := remembered(look, which, item)).verdict is not None:
        return last
    try:
        if item.kind == "probe":
            found = _probe(look, item)
        elif item.kind == "command":
            from console.engine.checks.command import run_command

            found = run_command(look, item)
        else:
            return signed(look, which, item)
    except EngineError as error:
        found = Finding(Check.UNKNOWN, error.what, error.next_step)
    except (OSError, sqlite3.Error) as error:
        found = Finding(Check.UNKNOWN, f"it could not be looked at: {getattr(error, 'strerror', None) or error}")
    except Exception as error:  # noqa: BLE001 - a probe that breaks says so, and nothing has passed
        found = Finding(Check.UNKNOWN, f"the check itself broke: {type(error).__name__}: {error}")
    until = look.now + timedelta(seconds=item.valid)
    return Result(
        item,
        which,
        found.verdict,
        visible(found.evidence),
        visible(found.next_step),
        tuple(visible(line) for line in found.details),
        timestamp(look.now),
        timestamp(until),
        asker(look.ctx),
        declared=declared(look, item),
    )


def _probe(look: Look, item: ItemSetting) -> Finding:
    place, _, name = PROBES[item.probe].place.partition(":")
    function = getattr(import_module(f"console.engine.checks.probes.{place}"), name)
    found: Finding = function(look, **item.parameters)
    return found


def declared(look: Look, item: ItemSetting) -> str:
    """Digest of how an item is asked: of its declaration, and of today's rules where they change the answer."""
    if item.kind != "probe" or not PROBES[item.probe].by_rules:
        return item.digest
    rules = "".join(rule.fingerprint for rule in look.rules.rules)
    return hashlib.sha256(f"{item.digest}{rules}".encode()).hexdigest()[:16]


def signed(look: Look, which: str, item: ItemSetting) -> Result:
    """Whether somebody answers for an item; after a run, for that run."""
    found = last_signed(look.connection, item.name)
    step = f"`opsconsole checklist sign {item.name} --note TEXT`"
    if look.trouble:
        return Result(item, which, Check.UNKNOWN, look.trouble, "`opsconsole doctor`")
    if found is None:
        return Result(item, which, Check.UNKNOWN, "nobody has signed it off", step)
    at = datetime.fromisoformat(found.at)
    until = timestamp(at + timedelta(seconds=item.valid))
    made = Result(item, which, Check.PASS, f"{found.by}: {found.note}", "", (), found.at, until, found.by)
    if look.now < at - timedelta(minutes=1):
        return replace(made, verdict=Check.UNKNOWN, evidence=f"signed in the future, by {found.by}", next_step=step)
    if look.now > at + timedelta(seconds=item.valid):
        ago = age((look.now - at).total_seconds())
        return replace(
            made, verdict=Check.UNKNOWN, evidence=f"signed {ago} ago, by {found.by}: too long", next_step=step
        )
    if which == "postflight" and (run := _published_after(look, found.after_run)):
        return replace(
            made, verdict=Check.UNKNOWN, evidence=f"run {run} has published since {found.by} signed", next_step=step
        )
    return made


def _published_after(look: Look, seq: int) -> str:
    """The first run after `seq` that published something, by the four digits of its name; '' for none."""
    assert look.connection is not None
    row = look.connection.execute(
        "SELECT id FROM runs WHERE seq > ? AND action IN ('migrate', 'reprocess')"
        " AND json_extract(counts, '$.processed') > 0 ORDER BY seq LIMIT 1",
        [seq],
    ).fetchone()
    return str(row[0]).rpartition("-")[2] if row else ""


def remembered(look: Look, which: str, item: ItemSetting) -> Result:
    """What is kept of an item, without asking it; of a sign-off what is signed."""
    if item.kind == "sign-off":
        return signed(look, which, item)
    by_run = item.kind == "probe" and PROBES[item.probe].by_run
    return last_result(look.connection, item, which, declared(look, item), look.now, by_run=by_run)


def remembered_items(ctx: Context) -> list[Result]:
    """Both lists as they are remembered, for whoever opens them. Raises nothing for a ledger that cannot be read."""
    lists = ctx.settings.checklists
    with looking(ctx) as look:
        return [remembered(look, which, item) for which in ("preflight", "postflight") for item in lists.of(which)]
