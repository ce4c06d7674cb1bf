"""Where a configuration says that things lie: paths in one spelling, zones that do not overlap."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from console.engine.errors import ConfigurationError, UsageError
from console.engine.globs import compile_glob
from console.engine.settings.model import IgnoreSetting, Settings
from console.engine.workspace.layout import below, fold

_PRIVATE = ".opsconsole"
_DATA = ("raw", "validated", "cleaned", "enriched", "serveable", "backups", "archive")


def inside(root: Path, path: str, name: str, key: str) -> str:
    """A path of the configuration relative to the root; absolute spellings of the same are folded.

    Raises ConfigurationError where it leads out. Empty text stays empty.
    """
    if not path:
        return ""
    folded = _folded(path, name, key)
    if folded.startswith("/"):
        for top in (str(root), os.path.realpath(root)):
            if below(folded, top):
                return os.path.relpath(folded, top)
        raise ConfigurationError(f"`{key}` lies outside of the root: {path}", file=name, key=key)
    return folded


def folder(root: Path, path: str, name: str, key: str) -> str:
    """As `inside`, but an absolute path may lie elsewhere: its being named permits it."""
    folded = _folded(path, name, key)
    if folded.startswith("/") and not below(folded, str(root)):
        return folded
    return inside(root, folded, name, key)


def _folded(path: str, name: str, key: str) -> str:
    try:
        folded = fold(path)
    except ValueError as error:
        raise ConfigurationError(f"`{key}`: {error}", file=name, key=key) from None
    if folded == ".." or folded.startswith("../"):
        raise ConfigurationError(
            f"`{key}` leads out of the root: {path}",
            file=name,
            key=key,
            next_step="write a path below the root; a zone that lies elsewhere is named by its absolute path",
        )
    if path.startswith("~"):
        raise ConfigurationError(f"`{key}` begins with ~, which nothing here expands", file=name, key=key)
    if below(folded, _PRIVATE):
        raise ConfigurationError(f"`{key}` lies in {_PRIVATE}, which is ours alone", file=name, key=key)
    return folded


def check_glob(pattern: str, name: str, key: str) -> None:
    """Raise ConfigurationError for a glob that is not one."""
    try:
        compile_glob(pattern)
    except UsageError as error:
        raise ConfigurationError(f"`{key}`: {error.what}", file=name, key=key, next_step=error.next_step) from None


def check_zones(root: Path, settings: Settings, keys: dict[str, str], name: str) -> Settings:
    """Refuse zones that lie in one another: a destination inside its source would publish its own output.

    keys: zone (or log_dir, state_file) -> the key that named it; only raw, validated and what was named is
    compared. Archive and backups may lie in the raw zone; they are then ignored as sources.
    """
    real = {zone: os.path.realpath(root / getattr(settings.zones, zone)) for zone in _DATA}
    named = [zone for zone in _DATA if zone in keys or zone in ("raw", "validated")]
    ignored: list[IgnoreSetting] = []
    for zone in _DATA:
        if zone in ("archive", "backups") and real[zone] != real["raw"] and below(real[zone], real["raw"]):
            ignored.append(IgnoreSetting(os.path.relpath(real[zone], real["raw"]) + "/**", f"the {zone} zone"))
            named = [other for other in named if other != zone]
    for index, one in enumerate(named):
        for other in named[index + 1 :]:
            if below(real[one], real[other]) or below(real[other], real[one]):
                key = keys.get(other) or keys.get(one, "")
                relation = "are the same folder" if real[one] == real[other] else "lie in one another"
                raise ConfigurationError(
                    f"the zones {one} and {other} {relation}: {getattr(settings.zones, one)},"
                    f" {getattr(settings.zones, other)}",
                    file=name,
                    key=key,
                    next_step="give each zone a folder of its own",
                )
    for field, path in (("log_dir", settings.log_dir), ("state_file", settings.state_file)):
        place = os.path.realpath(root / path)
        for zone in named:
            if below(place, real[zone]):
                key = keys.get(field, field)
                raise ConfigurationError(f"`{key}` lies in the {zone} zone: {path}", file=name, key=key)
    return replace(settings, ignore=(*ignored, *settings.ignore)) if ignored else settings
