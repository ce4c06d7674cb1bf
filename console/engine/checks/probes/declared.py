"""Which probes there are, what each may be told and what it costs. Light: the configuration is checked by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.engine.settings.model import ALERT_RULES

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
    # ── for procedures; a checklist may have them too ──
    "maintenance": Declared(
        "processing:maintenance_as_asked",
        "maintenance is on, or off, as asked",
        60,
        cheap=True,
        parameters={"on": Parameter("switch", True, "whether it has to be on")},
    ),
    "settled": Declared(
        "processing:nothing_unsettled",
        "no run that died is unsettled, and nothing of one is left",
        HOUR,
        by_run=True,
    ),
    "ledger": Declared("ledger:ledger_whole", "the ledger opens and says what was recorded", DAY, by_run=True),
    "state-file": Declared(
        "state_file:state_file_agrees", "the state file parses and says what the ledger says", HOUR, by_run=True
    ),
    "permissions": Declared(
        "access:permissions_right", "modes, groups, owners and flags let everybody work who should", DAY
    ),
    "zone": Declared(
        "zones:zone_there",
        "a zone is there, on the file system of the last run, with its files in it",
        HOUR,
        cheap=True,
        parameters={"zone": Parameter("text", "", "which", choices=("raw", "validated", "backups"))},
    ),
    "source": Declared(
        "raw:source_has_data",
        "a source has data files, and nothing in it is ignored",
        HOUR,
        by_rules=True,
        parameters={"source": Parameter("text", "", "which")},
    ),
    "waiting": Declared(
        "raw:no_more_wait",
        "no more files than that are new or changed and wait to be judged",
        HOUR,
        by_rules=True,
        by_run=True,
        parameters={
            "source": Parameter("text", "", "of this one only"),
            "most": Parameter("number", 0, "more than this fails"),
        },
    ),
    "failing": Declared(
        "failing:no_more_fail",
        "no more files than that fail and nobody has answered for",
        HOUR,
        cheap=True,
        by_run=True,
        parameters={
            "source": Parameter("text", "", "of this one only"),
            "cause": Parameter("text", "", "of this one only, as `failures list` names it"),
            "file": Parameter("text", "", "this one only"),
            "most": Parameter("number", 0, "more than this fails"),
        },
    ),
    "published": Declared(
        "copies:is_published",
        "a file is published with the recorded bytes; of a source every one is there, and some are read",
        HOUR,
        by_run=True,
        parameters={
            "file": Parameter("text", "", "this one, or"),
            "source": Parameter("text", "", "all of this one"),
        },
    ),
    "verified": Declared(
        "damage:verified_since",
        "everything was verified since then, and nothing is damaged or lost",
        HOUR,
        cheap=True,
        by_run=True,
        parameters={
            "since": Parameter("text", "", "a UTC time"),
            "source": Parameter("text", "", "of this one only"),
        },
    ),
    "damage": Declared("damage:no_damage_known", "no file is known to be damaged or lost", HOUR, cheap=True),
    "run": Declared(
        "past:run_ended_well",
        "a run ended well",
        HOUR,
        cheap=True,
        parameters={"run": Parameter("text", "", "its name, or its last digits")},
    ),
    "undone": Declared(
        "past:run_taken_back",
        "a run was taken back whole",
        HOUR,
        cheap=True,
        parameters={"run": Parameter("text", "", "its name, or its last digits")},
    ),
    "alert": Declared(
        "past:rule_is_quiet",
        "a rule of alerts says that nobody is needed",
        HOUR,
        parameters={"rule": Parameter("text", "", "which", choices=ALERT_RULES)},
    ),
    "archive": Declared(
        "damage:archive_whole",
        "the manifest of an archive is there, and every file has the checksum that it names",
        DAY,
        parameters={"label": Parameter("text", "", "which")},
    ),
    "schema-is": Declared(
        "rules:schema_is",
        "today's rule is the one of this checksum",
        HOUR,
        cheap=True,
        by_rules=True,
        parameters={"checksum": Parameter("text", "", "its first digits, or those of the schema's")},
    ),
    "stale": Declared(
        "rules:nothing_stale",
        "no published file was judged by another rule than today's",
        HOUR,
        by_rules=True,
        by_run=True,
    ),
    "adopted": Declared("others:nothing_to_adopt", "nothing of another program waits to be adopted", HOUR, cheap=True),
    "by-hand": Declared("copies:nothing_by_hand", "nobody has changed validated by hand", HOUR, by_run=True),
    "foreign-writer": Declared(
        "others:nobody_else_writes",
        "nobody else has written state file or validated since then",
        HOUR,
        by_run=True,
        parameters={"since": Parameter("text", "", "a UTC time")},
    ),
    "device": Declared(
        "device:device_is_well",
        "the disk behind a zone is well, as SMART has it",
        HOUR,
        parameters={
            "zone": Parameter("text", "", "which", choices=("raw", "validated", "backups", "archive", "logs", "ledger"))
        },
    ),
    "impact": Declared(
        "rules:nothing_newly_fails",
        "today's schemas refuse nothing that is published",
        HOUR,
        by_rules=True,
        by_run=True,
    ),
    "new-version": Declared(
        "raw:has_new_version",
        "a raw file has other bytes than those that failed",
        HOUR,
        by_run=True,
        parameters={"file": Parameter("text", "", "which")},
    ),
    "raw-whole": Declared(
        "raw:raw_is_whole",
        "a raw file has the bytes of when it was seen first, or a newer version was published",
        HOUR,
        by_run=True,
        parameters={"file": Parameter("text", "", "which")},
    ),
    "preflight": Declared("lists:preflight_passes", "the worst of the list before a migration", 60, scratch=True),
    "postflight": Declared("lists:postflight_passes", "the worst of the list after a migration", 60, by_run=True),
}
