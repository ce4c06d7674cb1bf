"""What can go wrong, in the operator's words. Fronts print `str(error)` and exit with `exit_status`.

Every error says what happened, to which file, what was left untouched and what to do next.
"""

from __future__ import annotations

# Exit statuses of the command line; DESIGN: "Commands".
EXIT_OK = 0
EXIT_FAILURES = 1
EXIT_USAGE = 2
EXIT_LOCKED = 3
EXIT_REFUSED = 4
EXIT_RECOVERY = 5
EXIT_CANCELLED = 130


class EngineError(Exception):
    """Base of all errors that are meant for the operator.

    what: what happened, one sentence. file: the file concerned, if any. untouched: what was left as it was.
    next_step: what the operator can do now, often a command line.
    """

    exit_status = EXIT_FAILURES
    procedure = ""  # the guided one that helps, by its name

    def __init__(self, what: str, *, file: str = "", untouched: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.file = file
        self.untouched = untouched
        self.next_step = next_step

    def sentence(self) -> str:
        """The error on one line: what happened, and what to do."""
        return f"{self.what}; next: {self.next_step}" if self.next_step else self.what

    def lines(self) -> list[str]:
        """The error as the lines a front shows, unsanitised: the front makes file and text visible."""
        parts = [self.what]
        if self.file:
            parts.append(f"file: {self.file}")
        if self.untouched:
            parts.append(f"left untouched: {self.untouched}")
        if self.next_step:
            parts.append(f"next: {self.next_step}")
        return parts


class UsageError(EngineError):
    """Wrong flags, names that do not exist, paths outside the root."""

    exit_status = EXIT_USAGE


class ConfigurationError(EngineError):
    """The configuration is missing or wrong; `file` and `key` say where."""

    exit_status = EXIT_USAGE

    def __init__(self, what: str, *, file: str, key: str = "", next_step: str = "") -> None:
        super().__init__(what, file=file, untouched="everything", next_step=next_step)
        self.key = key

    def lines(self) -> list[str]:
        lines = super().lines()
        return [*lines[:2], f"key: {self.key}", *lines[2:]] if self.key else lines


class LockedError(EngineError):
    """Another run holds the lock of this root."""

    exit_status = EXIT_LOCKED
    procedure = "locked"


class RefusedError(EngineError):
    """A gate item or brake refused, or the confirmed plan is out of date."""

    exit_status = EXIT_REFUSED


class NotStartedError(RefusedError):
    """The system let no run begin: no room, no inode, a folder that may not be written. No file was tried."""


class RecoveryNeededError(EngineError):
    """Ledger or mirror cannot be read, or a crash left files that somebody touched since."""

    exit_status = EXIT_RECOVERY
    procedure = "interrupted-run"


class LedgerError(RecoveryNeededError):
    """The ledger cannot be opened or read."""

    procedure = "damaged-ledger"


class EmptiedLedgerError(LedgerError):
    """The ledger is there and nothing is in it, though something was; `what` names what speaks for that."""


class LedgerFullError(LedgerError):
    """The disk of the ledger is full; nothing is wrong with the ledger, and a run is refused until there is room."""

    exit_status = EXIT_REFUSED
    procedure = "full-disk"


class LedgerClosedError(LedgerError):
    """This user may not write the ledger; nothing is wrong with it, and `what` says who may."""

    exit_status = EXIT_REFUSED
    procedure = ""


class NewerLedgerError(LedgerError):
    """A newer program has upgraded the ledger; `what` names it."""

    procedure = "ledger-version"


class MirrorError(RecoveryNeededError):
    """The state file does not parse; `line` and `column` (1-based) say where."""

    procedure = "damaged-state-file"

    def __init__(self, what: str, *, file: str, line: int = 0, column: int = 0, next_step: str = "") -> None:
        super().__init__(what, file=file, untouched="everything", next_step=next_step)
        self.line = line
        self.column = column


class ReadOnlyError(EngineError):
    """Something that would change the workspace was asked of a read-only session."""

    exit_status = EXIT_REFUSED
