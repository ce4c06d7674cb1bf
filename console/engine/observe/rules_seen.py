"""Every rule that ever judged a run, as the ledger keeps it: by checksum, with when and whose."""

from __future__ import annotations

import codecs
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.ledger.store import reading
from console.engine.records.rules import Rule, load_rules

_LEAST = 4  # characters of a checksum that are enough to ask for it


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """checksum: of the whole rule; schema_sha256: of the schema's own text. first_at '': it judged no run yet.

    published, failing: files that it was the last to judge. judged_run: seq of the newest run that judged by it.
    """

    checksum: str
    name: str
    schema_sha256: str
    first_run: str = ""
    first_at: str = ""
    first_by: str = ""
    published: int = 0
    failing: int = 0
    today: bool = False
    judged_run: int = 0

    @property
    def short(self) -> str:
        return self.checksum[:12]


Document = dict[str, Any]

_SQL = """
SELECT r.id, r.fingerprint, r.name, r.schema_sha256, r.first_run, r.first_at, r.first_by,
  (SELECT id FROM runs WHERE seq = r.first_run) AS run,
  coalesce(f.files, 0) AS published, coalesce(x.files, 0) AS failing,
  max(r.first_run, coalesce(f.last, 0), coalesce(x.last, 0)) AS judged
FROM rules r
LEFT JOIN (SELECT rule, count(*) AS files, max(judged_run) AS last FROM files GROUP BY rule) f ON f.rule = r.id
LEFT JOIN (SELECT rule, count(*) AS files, max(last_run) AS last FROM failures GROUP BY rule) x ON x.rule = r.id
ORDER BY r.first_run, r.id
"""


def list_rules(ctx: Context) -> list[RuleSeen]:
    """Oldest first; today's rules that judged no run yet last. Raises LedgerError."""
    current = {rule.fingerprint: rule for rule in load_rules(ctx.workspace.root, ctx.settings).rules}
    found = []
    with reading(ctx.workspace.ledger) as connection:
        for row in connection.execute(_SQL) if connection is not None else ():
            found.append(_seen(row, row["fingerprint"] in current))
    known = {rule.checksum for rule in found}
    found += [todays(rule) for checksum, rule in current.items() if checksum not in known]
    return found


def _seen(row: sqlite3.Row, today: bool) -> RuleSeen:
    return RuleSeen(
        row["fingerprint"],
        row["name"],
        row["schema_sha256"],
        row["run"] or "",
        row["first_at"],
        row["first_by"],
        row["published"],
        row["failing"],
        today,
        row["judged"],
    )


def todays(rule: Rule) -> RuleSeen:
    """A rule of today's configuration."""
    return RuleSeen(rule.fingerprint, rule.name, rule.schema_sha256, today=True)


def find_rule(ctx: Context, checksum: str) -> tuple[RuleSeen, Document]:
    """The rule whose checksum, or whose schema's checksum, begins so, with its document. Raises UsageError.

    Of several that have the same schema under other options the newest.
    """
    wanted = checksum.strip().lower()
    if len(wanted) < _LEAST or any(letter not in "0123456789abcdef" for letter in wanted):
        raise UsageError(
            f"{checksum!r} is no checksum of a rule",
            untouched="everything",
            next_step=f"at least {_LEAST} of its hex digits; `opsconsole schema list` names them",
        )
    rules = list_rules(ctx)
    matching = [rule for rule in rules if rule.checksum.startswith(wanted)]
    matching = matching or [rule for rule in rules if rule.schema_sha256.startswith(wanted)]
    if not matching:
        raise UsageError(
            f"no rule has the checksum {checksum}", untouched="everything", next_step="`opsconsole schema list`"
        )
    if len({rule.schema_sha256 for rule in matching}) > 1:
        names = ", ".join(rule.short for rule in matching)
        raise UsageError(f"{checksum} names more than one rule: {names}", next_step="type more of it")
    chosen = matching[-1]
    return chosen, document_of(ctx, chosen)


def document_of(ctx: Context, rule: RuleSeen) -> Document:
    """Schema, local references and options, of the ledger or, where it judged nothing yet, of the configuration."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is not None:
            row = connection.execute("SELECT document FROM rules WHERE fingerprint = ?", [rule.checksum]).fetchone()
            if row is not None:
                return dict(json.loads(row[0]))
    for current in load_rules(ctx.workspace.root, ctx.settings).rules:
        if current.fingerprint == rule.checksum:
            return current.document
    raise UsageError(f"the rule {rule.short} is gone meanwhile", untouched="everything")


def last_judging(rules: list[RuleSeen], name: str) -> RuleSeen | None:
    """The rule of this name by which the newest run judged."""
    judged = [rule for rule in rules if rule.name == name and rule.first_at]
    return max(judged, key=lambda rule: rule.judged_run, default=None)


def files_of(document: Document) -> dict[str, bytes]:
    """The schema and what it refers to, byte for byte as they stood: path relative to the root -> content."""
    marked = set(document.get("marked", ()))
    return {
        path: (codecs.BOM_UTF8 if path in marked else b"") + text.encode()
        for path, text in document["texts"].items()
        if path and "://" not in path
    }
