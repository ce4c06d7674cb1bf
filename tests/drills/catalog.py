"""All drills, by name."""

from __future__ import annotations

from tests.drills import records, runs, zones
from tests.drills.model import Drill

DRILLS: tuple[Drill, ...] = (
    # ── a run that did not come to its end
    Drill(
        "interrupted-run",
        "interrupted-run",
        "killed in the middle of a batch: files renamed, nothing recorded",
        runs.renamed,
        ("verify", "migrate"),
    ),
    Drill(
        "interrupted-before-renames",
        "interrupted-run",
        "killed when its intents were recorded, nothing renamed",
        runs.intended,
        ("verify", "migrate"),
    ),
    Drill(
        "interrupted-touched",
        "interrupted-run",
        "killed in a batch, and a file of it emptied by hand since",
        runs.touched,
        ("touched",),
    ),
    Drill(
        "stale-leftovers",
        "interrupted-run",
        "staged files of two dead runs, one of them long forgotten",
        runs.leftovers,
        ("stray", "verify"),
    ),
    Drill(
        "bad-migration",
        "failed-migration",
        "a run published what it should not have",
        runs.published_wrongly,
        ("back", "verify", "release", "again"),
    ),
    Drill(
        "bad-migration-kept-back",
        "failed-migration",
        "the same; its cause is not found yet",
        runs.published_wrongly_and_kept_back,
        ("back", "verify"),
        ("release",),
    ),
    Drill("held-files", "held-files", "a rollback holds files that may come again", runs.held, ("release", "migrate")),
    Drill("full-disk", "full-disk", "no space left in the middle of a run", runs.full_pruned, ("prune", "migrate")),
    Drill("full-disk-room", "full-disk", "the same; room is made outside", runs.full_room_made, ("outside", "migrate")),
    Drill(
        "full-disk-back",
        "full-disk",
        "the same; the run is taken back first",
        runs.full_taken_back,
        ("back", "migrate"),
    ),
    # ── what lies in the zones
    Drill(
        "flipped-bits",
        "transformed-data-corrupted",
        "one bit flipped in three published copies, times and sizes as before",
        zones.bits_flipped,
        ("verify", "repair", "again"),
    ),
    Drill(
        "checksum-mismatch",
        "checksum-mismatch",
        "the same, come upon by an alert",
        zones.checksums_differ,
        ("read", "repair", "again"),
    ),
    Drill(
        "raw-damaged",
        "raw-data-corrupted",
        "one bit flipped in a raw file whose copy is good",
        zones.raw_flipped,
        ("quarantine", "repair"),
    ),
    Drill(
        "raw-and-copy-damaged",
        "raw-data-corrupted",
        "one bit flipped in a raw file and, alike, in its copy",
        zones.raw_and_copy_flipped,
        ("quarantine", "import", "migrate"),
        ("repair",),
    ),
    Drill(
        "validated-emptied",
        "validated-lost",
        "all published files removed, and a schema that would refuse them",
        zones.validated_emptied,
        ("verify", "repair", "again"),
        ("mount",),
    ),
    Drill(
        "validated-not-mounted",
        "validated-lost",
        "the validated zone's mount is missing",
        zones.validated_unmounted,
        ("mount",),
        ("repair",),
    ),
    Drill(
        "raw-not-mounted",
        "raw-not-mounted",
        "the raw zone's mount is missing",
        zones.raw_unmounted,
        ("mount",),
        ("repair",),
    ),
    Drill(
        "foreign-backup",
        "stale-backup-copied",
        "another workspace's backup copied over validated",
        zones.foreign_backup_copied,
        ("move", "repair", "again"),
    ),
    Drill(
        "old-backup",
        "stale-backup-copied",
        "our own old backup and state file copied back by hand",
        zones.old_backup_copied,
        ("repair", "again"),
        ("move",),
    ),
    Drill("file-fails", "validation-error", "a file fails; its owner sends a new version", zones.file_fails, ("ask",)),
    Drill("file-removed", "files-not-processed", "a published copy is gone", zones.file_removed, ("verify", "repair")),
    # ── what records it
    Drill(
        "state-half-written",
        "damaged-state-file",
        "the state file ends in the middle",
        records.state_half_written,
        ("rebuild",),
    ),
    Drill("state-lost", "damaged-state-file", "the state file is gone", records.state_gone, ("rebuild",)),
    Drill(
        "state-copied-back",
        "damaged-state-file",
        "the state file of the run before, copied back by hand",
        records.state_copied_back,
        ("changed",),
        ("rebuild",),
    ),
    Drill(
        "ledger-garbage", "damaged-ledger", "the ledger is no database any more", records.ledger_garbage, ("rebuild",)
    ),
    Drill("ledger-zeroed", "damaged-ledger", "two pages of the ledger are zeros", records.ledger_zeroed, ("rebuild",)),
    Drill("ledger-gone", "damaged-ledger", "the ledger and its copies are gone", records.ledger_gone, ("rebuild",)),
    Drill(
        "ledger-rows",
        "damaged-ledger",
        "rows of the ledger were changed by hand",
        records.ledger_rows_changed,
        ("mend",),
    ),
    Drill("schema-strict", "bad-schema", "a schema that refuses good files", records.schema_too_strict, ("keep",)),
    Drill("schema-torn", "bad-schema", "a schema that does not parse", records.schema_torn, ("restore",)),
    Drill("schema-gone", "bad-schema", "a schema that is not there", records.schema_gone, ("restore",)),
    Drill(
        "schema-lax", "bad-schema", "a schema that let bad files through", records.schema_too_lax, ("back", "migrate")
    ),
    Drill(
        "permissions", "permissions", "copies and raw files that nobody may read", records.permissions_lost, ("repair",)
    ),
    Drill(
        "foreign-writer", "foreign-writer", "the old script ran again, from cron", records.foreign_writer, ("end-it",)
    ),
    Drill("old-workspace", "adopt-workspace", "other scripts have published here", records.old_workspace, ("adopt",)),
    # ── the machine
    Drill(
        "wrong-clock",
        "wrong-clock",
        "runs recorded while the clock was two days ahead",
        records.clock_was_wrong,
        ("migrate",),
    ),
    Drill(
        "newer-ledger",
        "ledger-version",
        "a newer program has written the ledger",
        records.ledger_of_a_newer_program,
        ("install",),
    ),
    Drill("logs-too-large", "disk-space", "logs fill the disk", records.logs_too_large, ("logs",), ("prune",)),
    # ── others
    Drill(
        "others-maintenance",
        "transformed-data-corrupted",
        "flipped bits, and somebody else has stopped processing",
        zones.others_maintenance,
        ("repair", "again"),
    ),
    Drill("others-run", "locked", "another operator's run holds the lock", runs.others_run, ("cancel", "free")),
    Drill("refused", "refused-run", "the gate refused a run", runs.refused, ("migrate",)),
    Drill(
        "stopped",
        "stopped-processing",
        "processing stopped, and nobody allowed it again",
        runs.stopped_processing,
        ("allow",),
    ),
)
BY_NAME = {drill.name: drill for drill in DRILLS}
QUICK = Drill(
    "quick",
    "transformed-data-corrupted",
    "flipped bits in a small workspace",
    zones.bits_flipped_small,
    ("verify", "repair", "again"),
)
