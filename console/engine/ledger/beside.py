"""What people say, written beside whatever runs: an acknowledgement, a signature, a release, an acceptance."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from console.engine.errors import LedgerError
from console.engine.ledger.store import open_writer, transaction, version_of


@contextmanager
def writing_beside(
    ledger: Path, what: str, *, since: int = 1, untouched: str = "everything"
) -> Iterator[sqlite3.Connection]:
    """One short transaction that needs no lock; the block's writes are durable when it has ended.

    what: which could not be done where it fails. since: the version of the ledger that brought the tables it writes.
    Raises LedgerError.
    """
    try:
        with closing(open_writer(ledger)) as connection:
            if version_of(connection) < since:
                raise LedgerError(
                    "the ledger is of an older version, which the next run upgrades",
                    file=str(ledger),
                    untouched=untouched,
                    next_step="`opsconsole migrate`, then try again",
                )
            with transaction(connection):
                yield connection
    except sqlite3.Error as error:
        raise LedgerError(
            f"{what}: {error}",
            file=str(ledger),
            untouched=untouched,
            next_step="try again; `opsconsole doctor` looks at the ledger",
        ) from error
