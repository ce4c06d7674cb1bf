"""What verify says of one file and of its copy, where it lies in the archive, which earlier version is kept."""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.actions.verify.model import BAD, State
from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.observe.files_detail import HistoryRow
from console.engine.observe.files_list import storable


@dataclass(frozen=True, slots=True)
class Whole:
    """What the last verify found of one place. sentence: in words; good: where a good copy lies, '' for none."""

    path: str
    bad: bool
    sentence: str
    good: str


def verified(ctx: Context, paths: tuple[str, ...]) -> list[Whole]:
    """What verify found of these places (relative to the root), as far as it has read them. Raises LedgerError."""
    found = []
    with reading(ctx.workspace.ledger) as connection:
        for path in paths if connection is not None else ():
            assert connection is not None
            row = connection.execute("SELECT * FROM verified WHERE path = ?", [storable(path)]).fetchone()
            if row is None or row["state"] == State.CHANGED:
                continue
            bad = row["state"] in BAD
            if bad:
                reason = f" ({row['reason']})" if row["reason"] else ""
                copy = f"a good copy is {row['good']}" if row["good"] else "no good copy was found"
                sentence = f"no: {path} is {row['state']} since {row['since'][:19]}Z{reason}; {copy}"
            else:
                sentence = f"yes, {path} was read and compared at {row['at'][:19]}Z"
            found.append(Whole(path, bad, sentence, row["good"]))
    return found


def place_in_archive(ctx: Context, path: str) -> str:
    """Where a raw file lies in the archive, '' where it does not, as far as the ledger knows. Raises LedgerError."""
    with reading(ctx.workspace.ledger) as connection:
        if connection is None:
            return ""
        row = connection.execute("SELECT place FROM archived WHERE path = ?", [storable(path)]).fetchone()
        if row is None:
            row = connection.execute(
                "SELECT CASE WHEN outcome = 'returned' THEN '' ELSE dest END FROM outcomes WHERE path = ?"
                " AND outcome IN ('moved', 'archived', 'returned') ORDER BY id DESC LIMIT 1",
                [storable(path)],
            ).fetchone()
        return str(row[0]) if row else ""


def kept_version(history: tuple[HistoryRow, ...]) -> str:
    """Where the version before the one that stands is kept, in words; '' for none."""
    for row in history:
        if row.backup and row.replaced_sha256:
            return f"{row.backup}, kept by {row.run}"
    return ""
