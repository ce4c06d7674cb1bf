"""Files that the console writes for its operator: new, theirs alone, in a folder of theirs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from console.engine.errors import EngineError


def write_export(name: str, lines: Iterable[str]) -> tuple[str, int]:
    """Write lines to a new file NAME below the operator's state folder, or the temporary one; its path, and how many.

    Raises EngineError where neither can be written; whatever `lines` raises, and then the file is gone again.
    """
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    problem: OSError | None = None
    for folder in (Path(state) / "opsconsole", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            problem = error
            continue
        written = 0
        try:
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                for line in lines:
                    file.write(line + "\n")
                    written += 1
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise
        return str(path), written
    raise EngineError(
        f"the file cannot be written: {problem}",
        file=name,
        untouched="everything",
        next_step="`opsconsole failures export` and `state list --json` write to the standard output",
    )
