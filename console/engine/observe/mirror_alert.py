"""What the overview says of the state file: by stat alone, and by what the last run found."""

from __future__ import annotations

import os
import sqlite3

from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.ledger.mirror_memory import expected_identity, identity_of, mirror_path, remembered
from console.engine.ledger.mirror_writer import find_process

FIND_WRITER = (
    "look for it in cron (`crontab -l` of every user) and stop it; what it publishes is compared, not believed"
)


def mirror_alert(ctx: Context, connection: sqlite3.Connection, *, running: bool) -> tuple[str, str] | None:
    """One alert at most (text, what to do): another writer, a deleted or a changed file.

    running: a run is in progress and the file on its way; only what it has found out already is said.
    """
    name = ctx.settings.state_file
    writer = remembered(connection).writer
    found = (f"{name}: {writer['text']}", FIND_WRITER) if writer else None
    expected = expected_identity(connection)
    if expected is None or running:
        return found
    try:
        standing = identity_of(os.lstat(mirror_path(ctx)))
    except FileNotFoundError:
        return (
            f"{name} was deleted: every file counts as not processed",
            "`opsconsole migrate` judges them again and rewrites nothing that is the same",
        )
    except (OSError, EngineError) as error:
        return f"{name} cannot be looked at: {error}", "`opsconsole doctor`"
    if standing == expected:
        return found
    process = find_process(ctx.workspace.root)  # only now: to look at every process takes a while
    if process is not None:
        return f"{name}: another program writes it: {process}", FIND_WRITER
    return found or (
        f"{name} was changed by somebody else since the last run",
        "`opsconsole doctor` says what is different; the next migrate takes it into account",
    )
