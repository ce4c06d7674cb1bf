"""Which probes there are, what each may be told and what it costs. Light: the configuration is checked by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HOUR, DAY = 3600, 86400


@dataclass(frozen=True, slots=True)
class Parameter:
    """kind: number | switch | text | counts (a table of names and whole numbers). least, most: bounds of a number,
    both allowed. choices: what a text can be; empty: anything."""

    kind: str
    default: int | bool | str | None
    words: str
    least: int = 0
    most: int = 1_000_000_000
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """place: module and function below `console.engine.checks.probes`. valid: seconds that a result holds unless the
    item says otherwise. cheap: asked together with every plan; what is not is asked there only where it blocks, and
    elsewhere its last result is shown with its age. scratch: writes into a folder of its own, so a plan never asks it.
    by_rules: another rule makes its results void. by_run: a later migrate does.
    """

    place: str
    words: str
    valid: int
    cheap: bool = False
    scratch: bool = False
    by_rules: bool = False
    by_run: bool = False
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


PROBES: Mapping[str, Declared] = {
    "backups": Declared(
        "backups:backups_current",
        "what is kept was read and found whole, not long ago",
        DAY,
        cheap=True,
        parameters={"days": Parameter("number", 7, "a verify older than this warns", 1, 3650)},
    ),
    "disk": Declared(
        "disk:disk_room",
        "room on the file system of each zone",
        HOUR,
        cheap=True,
        parameters={
            "free": Parameter("number", 20, "percent free, bytes and inodes: less warns", 0, 100),
            "least": Parameter("number", 5, "percent free: less fails", 0, 100),
            "plan": Parameter("switch", True, "what waits to be migrated has to fit too"),
        },
    ),
    "other-run": Declared("runs:no_other_run", "no other run is in progress", 60, cheap=True),
    "schemas": Declared(
        "schemas:schemas_current",
        "every schema is there, parses, is valid itself, and is the one of the last run",
        DAY,
        cheap=True,
        by_rules=True,
    ),
    "sample": Declared(
        "sample:sample_migrates",
        "some waiting files are read, judged, written into a scratch folder and read back",
        7 * DAY,
        scratch=True,
        by_rules=True,
        parameters={
            "files": Parameter("number", 20, "how many", 1, 1000),
            "megabytes": Parameter("number", 64, "and no more than so much", 1, 10_000),
        },
    ),
    "errors": Declared(
        "errors:errors_reviewed",
        "errors of the logs since somebody acknowledged them",
        DAY,
        by_run=True,
        parameters={
            "most": Parameter("number", 10, "more than this fails, fewer warn"),
            "days": Parameter("number", 30, "where nobody ever acknowledged: how far to look back", 1, 3650),
        },
    ),
    "run-log": Declared("errors:run_log_clean", "the log has no errors of the last run", 7 * DAY, by_run=True),
    "counts": Declared(
        "counts:counts_agree",
        "raw, ledger, validated, backups and archive agree; sources have as many files as expected",
        DAY,
        by_run=True,
        parameters={"expected": Parameter("counts", None, "source -> how many published files it has to have")},
    ),
    "spot-check": Declared(
        "published:spot_check",
        "published files picked at random have the recorded bytes and pass today's rule",
        DAY,
        by_run=True,
        parameters={"files": Parameter("number", 5, "how many", 1, 1000)},
    ),
    "checksums": Declared(
        "published:checksums_kept",
        "the last run recorded a checksum of every file, and the disk agrees",
        DAY,
        by_run=True,
        parameters={"files": Parameter("number", 20, "how many are read again", 1, 100_000)},
    ),
}
