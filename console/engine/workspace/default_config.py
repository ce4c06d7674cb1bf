"""The text of a new workspace's configuration files; in an incumbent's, with what its own file says."""

from __future__ import annotations

import json
import re

from console.engine.settings.model import Settings
from console.engine.workspace.sample import shipped


def console_toml(like: Settings | None = None) -> str:
    """The commented default configuration; with the values of an incumbent's settings `like`, if given."""
    text = (shipped() / "config/console.toml").read_text(encoding="utf-8")
    if like is None:
        return text
    rule = like.rules[0]
    for table, key, value in (
        ("", "log_dir", like.log_dir),
        ("", "state_file", like.state_file),
        ("", "operation", like.operation),
        ("", "create_backups", like.create_backups),
        ("", "fail_on_warning", like.fail_on_warning),
        ("[zones]", "raw", like.zones.raw),
        ("[zones]", "validated", like.zones.validated),
        ("[zones]", "backups", like.zones.backups),
        ("[[rules]]", "schema", rule.schema),
        ("[[rules]]", "required", list(rule.required)),
        ("[sidecar]", "schema", ""),  # the incumbent has none
    ):
        text = _with(text, table, key, value)
    return text


def incumbent_json(settings: Settings) -> str:
    """scripts/migration/config.json with what `settings` say, as far as it can: one rule for all files."""
    rule = next((rule for rule in settings.rules if rule.match == "**"), None)
    document = {
        "source_dir": settings.zones.raw,
        "dest_dir": settings.zones.validated,
        "backup_dir": settings.zones.backups,
        "log_dir": settings.log_dir,
        "state_file": settings.state_file,
        "required_columns": list(rule.required) if rule else [],
        "validation_schema": (rule.schema if rule else "") or None,
        "fail_on_warning": settings.fail_on_warning,
        "create_backups": settings.create_backups,
        "operation": settings.operation,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _with(text: str, table: str, key: str, value: object) -> str:
    """`text` with another value for `key` in `table` ('' = above all tables); comments stay."""
    start = 0
    if table:
        heading = re.search(rf"^{re.escape(table)}", text, re.MULTILINE)
        assert heading, f"the default configuration has no {table}"
        start = heading.end()
    written = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    found = re.compile(rf'^({key} = )("[^"\n]*"|\[[^\n]*?\]|true|false)', re.MULTILINE).search(text, start)
    assert found, f"the default configuration has no {key} in {table}"
    return text[: found.start(2)] + written + text[found.end(2) :]
