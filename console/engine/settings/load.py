"""Reading the configuration: found, parsed, checked against its JSON Schema, made into Settings."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.engine.errors import ConfigurationError
from console.engine.settings import places
from console.engine.settings.check import check
from console.engine.settings.checklists import check_gate_names, read_checklists
from console.engine.settings.incumbent import NO_BACKUPS, from_incumbent
from console.engine.settings.model import (
    AlertSetting,
    BrakeSetting,
    IgnoreSetting,
    Limits,
    LogSetting,
    NotifySetting,
    QualitySetting,
    RuleSetting,
    Settings,
    SidecarSetting,
    Zones,
)
from console.engine.settings.read import parse, read_bytes
from console.engine.settings.time_zone import find_zone, nearest_zone

DEFAULT_CONFIG = "config/console.toml"


def load_settings(root: Path, config: str = "") -> Settings:
    """The configuration of the workspace `root` (resolved).

    config: path relative to the root or absolute; `.json` is the incumbent's form, `.toml` ours; '' is
    config/console.toml. A file that is missing, unreadable or wrong is a ConfigurationError naming file and
    key, never a default in its place.
    """
    file = Path(os.path.normpath(root / (config or DEFAULT_CONFIG)))
    name = os.path.relpath(file, root) if file.is_relative_to(root) else str(file)
    kind = {".toml": "toml", ".json": "incumbent"}.get(file.suffix.lower())
    if kind is None:
        raise ConfigurationError(
            "a configuration ends in .toml, or in .json for the incumbent's",
            file=name,
            next_step="see --config",
        )
    data = read_bytes(file, name)
    document = parse(data, kind, name)
    check(document, kind, name)
    digest = hashlib.sha256(data).hexdigest()
    if kind == "incumbent":
        return from_incumbent(document, root, name, digest)
    return _from_toml(document, root, name, digest)


def _from_toml(document: dict[str, Any], root: Path, name: str, digest: str) -> Settings:
    given = dict(document)
    zones = {zone: places.folder(root, path, name, f"zones.{zone}") for zone, path in given.pop("zones", {}).items()}
    keys = {zone: f"zones.{zone}" for zone in zones}
    for key in ("log_dir", "state_file"):
        if key in given:
            given[key] = places.folder(root, given[key], name, key)
    if "ignore" in given:
        given["ignore"] = tuple(IgnoreSetting(**entry) for entry in given["ignore"])
        for number, entry in enumerate(given["ignore"]):
            places.check_glob(entry.match, name, f"ignore[{number}].match")
    if "suffixes" in given:
        given["suffixes"] = tuple(given["suffixes"])
    given["rules"] = tuple(
        _rule(entry, root, name, f"rules[{number}]") for number, entry in enumerate(given.get("rules", []))
    )
    sidecar = SidecarSetting(**given.pop("sidecar", {}))
    sidecar = replace(sidecar, schema=places.inside(root, sidecar.schema, name, "sidecar.schema"))
    _check_time_zone(given.get("time_zone", ""), name)
    checklists = read_checklists(given.pop("checklists", {}), name)
    check_gate_names(given.get("gate", {}), checklists, name)
    for action, gate in given.get("gate_for", {}).items():
        check_gate_names(gate, checklists, name, f"gate_for.{action}")
    settings = Settings(
        name,
        "toml",
        digest,
        zones=Zones(**zones),
        sidecar=sidecar,
        limits=Limits(**_whole(given.pop("limits", {}))),
        brakes=BrakeSetting(**given.pop("brakes", {})),
        logs=LogSetting(**_whole(given.pop("logs", {}))),
        alerts=_alerts(given.pop("alerts", {}), name),
        notify=_notify(given.pop("notify", {})),
        checklists=checklists,
        workers=int(given.pop("workers", 0)),
        warnings=() if given.get("create_backups", True) else (NO_BACKUPS,),
        **given,
    )
    return places.check_zones(root, settings, keys, name)


def _rule(entry: dict[str, Any], root: Path, name: str, key: str) -> RuleSetting:
    places.check_glob(entry.get("match", "**"), name, f"{key}.match")
    return RuleSetting(
        match=entry.get("match", "**"),
        schema=places.inside(root, entry.get("schema", ""), name, f"{key}.schema"),
        records=entry.get("records", ""),
        required=tuple(entry.get("required", ())),
        formats=entry.get("formats", True),
        quality=QualitySetting(**entry.get("quality", {})),
    )


def _alerts(given: dict[str, Any], name: str) -> AlertSetting:
    """Raises ConfigurationError where an alert would be over before it began, or critical before that."""
    whole = {key for key in AlertSetting.__dataclass_fields__ if isinstance(getattr(AlertSetting(), key), int)}
    values: dict[str, Any] = {key: int(value) if key in whole else value for key, value in given.items()}
    values["off"] = tuple(values.get("off", ()))
    found = AlertSetting(**values)
    for low, high in (
        ("disk_clear_percent", "disk_percent"),
        ("disk_percent", "disk_critical_percent"),
        ("errors", "errors_critical"),
        ("failure_percent", "failure_critical_percent"),
        ("slow_factor", "slow_critical_factor"),
        ("verify_days", "verify_critical_days"),
        ("log_bytes", "log_critical_bytes"),
    ):
        if getattr(found, low) > getattr(found, high):
            raise ConfigurationError(
                f"`alerts.{low}` is {getattr(found, low):,}, more than `alerts.{high}`, {getattr(found, high):,}",
                file=name,
                key=f"alerts.{low if low in given else high}",
            )
    return found


def _notify(given: dict[str, Any]) -> NotifySetting:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return NotifySetting(**values)


def _whole(numbers: dict[str, Any]) -> dict[str, int]:
    """To JSON Schema 4.0 is a whole number; to Python it is not."""
    return {key: int(value) for key, value in numbers.items()}


def _check_time_zone(zone: str, name: str) -> None:
    if not zone:
        return
    try:
        find_zone(zone)
    except LookupError as error:
        near = nearest_zone(zone)
        raise ConfigurationError(
            str(error),
            file=name,
            key="time_zone",
            next_step=f"perhaps {near} was meant" if near else "give an IANA name, such as Europe/Berlin, or ''",
        ) from None
