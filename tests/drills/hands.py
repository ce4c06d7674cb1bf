"""What the incumbent's own procedure makes of the same broken workspace: its lines, run in a copy, and what is left.

Where its program is part of it, tests/support/incumbent.py stands for it, which does what that was seen to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.drills.model import ZONES, Broken, contents
from tests.faults.checker import VALIDATED, sha256_of, walk_files
from tests.support import incumbent
from tests.support.cli import cli_environment

_MIGRATE = '"$PYTHON" "$INCUMBENT" . --judge --backups > /dev/null'
_STATE = "logs/migration/.migration_state.json"
_FROM_RAW = f"rm -rf data/transformed/validated/* data/transformed/cleaned/*; rm -f {_STATE}; {_MIGRATE}"


@dataclass(frozen=True, slots=True)
class Hands:
    """lines: for a shell in the root, '' where the runbook has none. words: what comes of them, as was observed."""

    lines: str
    words: str


_KILLED = (
    "has no page for it: the next migrate starts, and says nothing. Of 40 kills of its own program 20 left a state file"
    " that does not parse, taken for an empty one without a word, and 3 a temporary file that nobody ever collects"
)
_BITS = (
    "deletes every published file, good ones too, on suspicion, and the record of all runs; readers see an empty zone"
    " until the last file is back; sidecars, and what was published and is not in raw any more, do not come back"
)
_BACK = (
    "its backups are flat, one for each base name: copied back they lie at the top of the zone as new files; what the"
    " bad run created stays; the state file's copy is never made, so that the next migrate skips the damage"
)
_STATE_LOST = "takes it for an empty one without a word: everything is published again, its backups are overwritten"
_SCHEMA = "its program loads the schema and never uses it: nothing is refused, so nothing is taken back either"
_SILENT = "has no page for it"
_MOUNT = f"{_SILENT}; its program finds no files, says `Failed: 0` and exits 0"

HANDS = {
    "interrupted-run": Hands(_MIGRATE, _KILLED),
    "interrupted-before-renames": Hands(_MIGRATE, _KILLED),
    "interrupted-touched": Hands(_MIGRATE, _KILLED),
    "stale-leftovers": Hands(
        _MIGRATE, "temporary files stay for ever: nothing looks for them, and `*` leaves them out"
    ),
    "bad-migration": Hands("", _BACK),
    "bad-migration-kept-back": Hands("", f"{_BACK}; nothing keeps the next timer from doing it again"),
    "held-files": Hands("", "knows no holding: the next timer publishes again what was taken back"),
    "full-disk": Hands(
        "",
        "goes on trying every file, fails each, and cuts its own state file at the disk's end; then `rm -rf` of backups"
        " by a date that is in no folder's name: with the placeholder left empty it is all of them",
    ),
    "full-disk-room": Hands("", "the same; its log has no word of `Insufficient`, which the page says to look for"),
    "full-disk-back": Hands("", _BACK),
    "flipped-bits": Hands(_FROM_RAW, _BITS),
    "checksum-mismatch": Hands(f"rm -f {_STATE}; {_MIGRATE}", "copies everything again onto the disk under suspicion"),
    "raw-damaged": Hands(
        _FROM_RAW,
        "removes the good copy, takes the damaged raw file for a changed one and publishes it if it parses",
    ),
    "raw-and-copy-damaged": Hands(_FROM_RAW, "the same; which of the two was damaged nobody can tell afterwards"),
    "validated-emptied": Hands(
        _MIGRATE, "its state file says that all is published, so all of it is skipped: the zone stays empty, exit 0"
    ),
    "validated-not-mounted": Hands(_FROM_RAW, "fills the empty folder below the mount: hidden once that is back"),
    "raw-not-mounted": Hands(_FROM_RAW, f"{_MOUNT}; followed to the letter, what is published is deleted first"),
    "foreign-backup": Hands(_FROM_RAW, f"{_SILENT}; the one for corrupted data removes all and leaves it unjudged"),
    "old-backup": Hands(_MIGRATE, "this is what its own page for a rollback leaves behind; the next migrate skips it"),
    "file-fails": Hands("", "its log names no file, the page's second search finds nothing; raw is edited in place"),
    "file-removed": Hands(_MIGRATE, "skips it for ever; the page has the state file edited by hand, without a lock"),
    "state-half-written": Hands(_MIGRATE, _STATE_LOST),
    "state-lost": Hands(_MIGRATE, _STATE_LOST),
    "state-copied-back": Hands(_MIGRATE, "what ran in between is published again, and its backups overwritten"),
    "ledger-garbage": Hands("", "keeps no record of runs"),
    "ledger-zeroed": Hands("", "keeps no record of runs"),
    "ledger-gone": Hands("", "keeps no record of runs"),
    "ledger-rows": Hands("", "keeps no record of runs"),
    "schema-strict": Hands("", _SCHEMA),
    "schema-torn": Hands("", "takes a configuration that does not parse for none, and goes on by defaults"),
    "schema-gone": Hands("", "goes on without a schema and does not say so"),
    "schema-lax": Hands("", _SCHEMA),
    "permissions": Hands(
        "chmod -R u+rw data/ logs/ 2> /dev/null",
        "folders can still not be entered, the raw zone can be written from now on, and the modes of before are gone;"
        " folders that cannot be read were skipped without a word",
    ),
    "foreign-writer": Hands("", "has no lock: the later one writes its memory over the other's entries"),
    "old-workspace": Hands("", _SILENT),
    "wrong-clock": Hands("", "writes times without a zone, and asks nothing of them"),
    "newer-ledger": Hands("", "keeps no record of runs, and no version of its state file"),
    "logs-too-large": Hands(
        "",
        "the pattern matches nothing, since logs lie a folder deeper: nothing is freed, and the archive takes room; a"
        " `tar` that failed does not keep `rm` from running",
    ),
    "others-maintenance": Hands(_FROM_RAW, f"`Stop all processing`, with nothing that stops it; then {_BITS}"),
    "others-run": Hands(_MIGRATE, "has no lock: both publish everything, and back up copies of a moment ago"),
    "refused": Hands("", "refuses nothing: there is no gate"),
    "stopped": Hands("", "knows no stop"),
}


def by_hand(name: str, broken: Broken, place: Path) -> str:
    """Do the lines in a copy of the broken workspace at `place`, and say in numbers what is left; '' without lines."""
    lines = HANDS[name].lines
    if not lines:
        return ""
    shutil.copytree(broken.root, place, symlinks=True)
    environ = cli_environment({"PYTHON": sys.executable, "INCUMBENT": str(incumbent.__file__)})
    subprocess.run(lines, shell=True, cwd=place, env=environ, stdin=subprocess.DEVNULL, check=False, timeout=60)
    return _left(broken, place)


def _left(broken: Broken, root: Path) -> str:
    known = broken.scenario.known
    wrong = extra = parts = 0
    there = set()
    for path in walk_files(root / VALIDATED):
        name = path.relative_to(root).as_posix()
        there.add(name)
        if path.name.endswith(".part"):
            parts += 1
        elif name not in known:
            extra += 1
        elif sha256_of(path) not in known[name]:
            wrong += 1
    missing = len(broken.stood - there)
    now = contents(root / zone for zone in ZONES)
    lost = sum(size for sha256, size in broken.good.items() if sha256 not in now)
    closed = sum(1 for folder, _, _ in os.walk(root / "data") if not os.stat(folder).st_mode & 0o100)
    said = (
        (wrong, "with other bytes than ever passed"),
        (missing, "missing"),
        (extra, "published that never passed"),
        (parts, "staged files left"),
        (closed, "folders that nobody can enter"),
        (lost, "bytes lost"),
    )
    return ", ".join(f"{number:,} {words}" for number, words in said if number) or "nothing amiss"
