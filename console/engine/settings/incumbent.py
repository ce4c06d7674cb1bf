"""The incumbent's scripts/migration/config.json, each key with the meaning that it has there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console.engine.settings import places
from console.engine.settings.model import RuleSetting, Settings, Zones

# What the incumbent takes for a key that its file leaves out (validation_schema: none at all).
DEFAULT_COLUMNS = ("grant_id", "amount", "date", "source")

_ZONE_KEYS = {"raw": "source_dir", "validated": "dest_dir", "backups": "backup_dir"}


def from_incumbent(document: dict[str, Any], root: Path, name: str, digest: str) -> Settings:
    """Settings from the checked document. Everything that it cannot say has our default.

    Raises ConfigurationError for paths that lead out of the root and for zones that overlap.
    """
    default = Settings(name, "incumbent", digest)
    zones = {
        zone: places.folder(root, document.get(key, getattr(default.zones, zone)), name, key)
        for zone, key in _ZONE_KEYS.items()
    }
    keys = {zone: key for zone, key in _ZONE_KEYS.items() if key in document}
    schema = places.inside(root, document.get("validation_schema") or "", name, "validation_schema")
    required = tuple(document.get("required_columns", DEFAULT_COLUMNS))
    settings = Settings(
        name,
        "incumbent",
        digest,
        zones=Zones(**zones),
        log_dir=places.folder(root, document.get("log_dir", default.log_dir), name, "log_dir"),
        state_file=places.folder(root, document.get("state_file", default.state_file), name, "state_file"),
        rules=(RuleSetting(schema=schema, required=required),),
        fail_on_warning=document.get("fail_on_warning", False),
        create_backups=document.get("create_backups", True),
        operation=document.get("operation", "copy"),
        warnings=_warnings(document, schema, required),
    )
    return places.check_zones(root, settings, keys, name)


def _warnings(document: dict[str, Any], schema: str, required: tuple[str, ...]) -> tuple[str, ...]:
    warnings = []
    if not schema:
        said = f"required columns {', '.join(required)}" if required else "that they parse"
        warnings.append(f"validation_schema is not set: files are judged by {said} only")
    if document.get("create_backups", True) is False:
        warnings.append(NO_BACKUPS)
    if document.get("operation") == "move":
        warnings.append("operation is move: sources are archived after they are published, never removed")
    return tuple(warnings)


NO_BACKUPS = "create_backups is false: replaced files are backed up all the same, and pruned first"
