"""The small scripts at the incumbent's places, and what stands in for them in a workspace that has none."""

from __future__ import annotations

import sys
from pathlib import Path

import console

MIGRATE_SCRIPT = "scripts/migration/migrate.py"
VALIDATE_SCRIPT = "scripts/validation/validate_funding.py"
INCUMBENT_CONFIG = "scripts/migration/config.json"

# A script with this line is ours, and may be written anew.
MARK = "Written by opsconsole init."

_CONSENT = {
    "migrate": "It says --yes to migrate, and nothing else.",
    "validate": "It writes nothing.",
}
_PATH_OPTIONS = {
    "migrate": ("--config", "--source", "--dest"),
    "validate": ("--config", "--directory", "--schema"),
}
_COMMAND = {"migrate": ["migrate", "--yes"], "validate": ["validate"]}


def entry_point(action: str, python: str = "", package: str = "") -> bytes:
    """The script for `action` (migrate or validate), bound to this Python and this opsconsole unless others
    are named. The interpreter keeps its spelling: that of a virtual environment is a link and stays one."""
    template = Path(__file__).with_name("entry_point.txt").read_text(encoding="utf-8")
    values = {
        "@ACTION@": action,
        "@CONSENT@": _CONSENT[action],
        "@PYTHON@": ascii(python or sys.executable),
        "@PACKAGE@": ascii(package or str(Path(console.__file__).parent)),
        "@PATH_OPTIONS@": repr(_PATH_OPTIONS[action]),
        "@COMMAND@": repr(_COMMAND[action]),
    }
    for place, value in values.items():
        template = template.replace(place, value)
    return template.encode("utf-8")


def is_ours(script: Path) -> bool:
    """Whether `script` was written by `opsconsole init`, by this version or another. Raises OSError."""
    with script.open("rb") as stream:
        return MARK.encode() in stream.read(4096)
