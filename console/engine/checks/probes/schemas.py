"""Schemas current: there, parsed, valid themselves, and the ones of the last run."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable

from console.engine.checks.probes.look import Finding, Look
from console.engine.model import Check
from console.engine.records.rules import Rule
from console.engine.text import plural

SEEN = "rules_judged"  # key in `meta`: JSON {rule's name: fingerprint} as the last migrate or reprocess had them


def schemas_current(look: Look) -> Finding:
    """Fails for a schema that is missing, does not parse or is not valid by its metaschema; warns where one is another
    than at the last run, or there is none; unknown where one cannot be read, or nobody knows what was used last."""
    rules = look.rules
    if rules.problems:
        problem = rules.problems[0]
        blind = any(_closed(look, p.file) for p in rules.problems)
        more = f" and {len(rules.problems) - 1} more" if len(rules.problems) > 1 else ""
        return Finding(
            Check.UNKNOWN if blind and len(rules.problems) == 1 else Check.FAIL,
            problem.what + more,
            problem.next_step or "`opsconsole schema list` shows the rules that judged before",
            tuple(f"{each.file}: {each.what}" for each in rules.problems),
        )
    checked = [rule for rule in rules.rules if rule.setting.schema]
    if not checked:
        return Finding(Check.WARN, "no rule has a schema: a file only has to parse", "name one in [[rules]]")
    if (trouble := look.unreadable()) is not None:
        return trouble
    said = f"{plural(len(checked), 'schema')} there and valid"
    details = tuple(f"{rule.name}: SHA-256 {rule.schema_sha256[:12]}, rule {rule.fingerprint[:12]}" for rule in checked)
    if look.connection is None:
        return Finding(Check.PASS, f"{said}; no run has judged by them yet", "", details)
    before = seen_rules(look.connection)
    changed = [rule.name for rule in rules.rules if before.get(rule.name, rule.fingerprint) != rule.fingerprint]
    fresh = [rule.name for rule in checked if rule.name not in before]
    if changed:
        return Finding(
            Check.WARN,
            f"changed since the last run: {', '.join(changed[:3])}" + (" and more" if len(changed) > 3 else ""),
            "`opsconsole schema diff` shows what changed, `opsconsole migrate --dry-run` what fails by it",
            details,
        )
    if fresh:
        return Finding(Check.PASS, f"{said}; no run has judged by {', '.join(fresh[:3])} yet", "", details)
    return Finding(Check.PASS, f"{said}, unchanged since the last run", "", details)


def _closed(look: Look, file: str) -> bool:
    """Whether it is there and this user may not read it."""
    path = look.ctx.workspace.path(file)
    return os.path.lexists(path) and not os.access(path, os.R_OK)


def seen_rules(connection: sqlite3.Connection) -> dict[str, str]:
    """Name -> fingerprint as the last run had them; where none has said so, the newest rule of each name."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", [SEEN]).fetchone()
    if row is not None:
        return dict(json.loads(row[0]))
    rows = connection.execute("SELECT name, fingerprint FROM rules ORDER BY id")
    return {row[0]: row[1] for row in rows}


def remember_rules(connection: sqlite3.Connection, rules: Iterable[Rule]) -> None:
    """In the caller's transaction: these are the rules of the run that ends."""
    value = json.dumps({rule.name: rule.fingerprint for rule in rules})
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [SEEN, value]
    )
