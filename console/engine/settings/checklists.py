"""The checklists of a configuration: items before and after a migration, the runbook's twelve where none are named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from console.engine.errors import ConfigurationError

if TYPE_CHECKING:
    from console.engine.checks.probes.declared import Declared, Parameter

LISTS = ("preflight", "postflight")
SIGN_OFF_VALID = 30 * 86400  # seconds; so the declarations of the probes have theirs
COMMAND_VALID = 3600
COMMAND_SECONDS = 30
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Value = int | bool | str | dict[str, int] | None


@dataclass(frozen=True, slots=True)
class ItemSetting:
    """One item. kind: probe | sign-off | command. valid: seconds that a result holds. argv, seconds: of a command,
    and how long it may take."""

    name: str
    text: str
    kind: str = "sign-off"
    probe: str = ""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    valid: int = SIGN_OFF_VALID
    argv: tuple[str, ...] = ()
    seconds: int = COMMAND_SECONDS

    @property
    def digest(self) -> str:
        """Of everything that a result depends on."""
        parts = [self.kind, self.probe, dict(sorted(self.parameters.items())), self.argv]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Checklists:
    preflight: tuple[ItemSetting, ...] = ()
    postflight: tuple[ItemSetting, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Of the items that a plan is held by."""
        return frozenset(item.name for item in self.preflight)

    def of(self, which: str) -> tuple[ItemSetting, ...]:
        """The items of one list, `preflight` or `postflight`."""
        return self.preflight if which == "preflight" else self.postflight

    def find(self, name: str) -> tuple[str, ItemSetting] | None:
        """The list and the item of this name."""
        return next(((which, item) for which in LISTS for item in self.of(which) if item.name == name), None)


def _probe(name: str, text: str, probe: str, valid: int, **parameters: Value) -> ItemSetting:
    return ItemSetting(name, text, "probe", probe, parameters, valid)


# The runbook's two lists. The numbers are those of the probes' declarations; a test holds them to it.
DEFAULT = Checklists(
    (
        _probe("backups", "Backups are current", "backups", 86400, days=7),
        _probe("disk", "Sufficient disk space", "disk", 3600, free=20, least=5, plan=True),
        _probe("other-run", "No other migration is running", "other-run", 60),
        _probe("schemas", "Schema files are current", "schemas", 86400),
        _probe("sample", "Tested with sample data", "sample", 7 * 86400, files=20, megabytes=64),
        _probe("errors", "Recent errors are reviewed", "errors", 86400, most=10, days=30),
    ),
    (
        _probe("run-log", "The log has no errors of the run", "run-log", 7 * 86400),
        _probe("counts", "File counts are as expected", "counts", 86400, expected=None),
        _probe("spot-check", "Sample files look right", "spot-check", 86400, files=5),
        _probe("checksums", "Checksums are logged and agree", "checksums", 86400, files=20),
        _probe("disk-after", "Disk space is still adequate", "disk", 3600, free=20, least=5, plan=False),
        ItemSetting("documentation", "Documentation is updated"),
    ),
)


def read_checklists(document: Mapping[str, Any], file: str) -> Checklists:
    """`[checklists]` of a configuration that its JSON Schema has accepted; a list that is not there is the default.

    Raises ConfigurationError with file and key.
    """
    if not document:
        return DEFAULT
    from console.engine.checks.gate import NAMES

    lists = {
        which: tuple(
            _item(entry, file, f"checklists.{which}[{number}]") for number, entry in enumerate(document[which])
        )
        for which in LISTS
        if which in document
    }
    found = Checklists(lists.get("preflight", DEFAULT.preflight), lists.get("postflight", DEFAULT.postflight))
    seen: dict[str, str] = {}
    for which in LISTS:
        for number, item in enumerate(found.of(which)):
            key = f"checklists.{which}[{number}].name"
            if item.name in NAMES:
                raise ConfigurationError(
                    f"`{key}` is {item.name!r}, which the gate has for something else", file=file, key=key
                )
            if item.name in seen:
                raise ConfigurationError(
                    f"`{key}` is {item.name!r}, and so is `{seen[item.name]}`",
                    file=file,
                    key=key,
                    next_step="a name stands for one item: in commands, in [gate] and in --override",
                )
            seen[item.name] = key
    return found


def _item(entry: Mapping[str, Any], file: str, key: str) -> ItemSetting:
    kinds = [word for word in ("probe", "command", "sign_off") if entry.get(word)]
    if len(kinds) != 1:
        raise ConfigurationError(
            f"`{key}` must have one of probe, command and sign_off" + (", not several" if kinds else ""),
            file=file,
            key=key,
        )
    kind, name = kinds[0], entry["name"]
    text = entry.get("text", name)
    for word, belongs in (("parameters", "probe"), ("seconds", "command")):
        if word in entry and kind != belongs:
            raise ConfigurationError(f"`{key}.{word}` is for an item with `{belongs}`", file=file, key=f"{key}.{word}")
    valid = _seconds(entry["valid"]) if "valid" in entry else 0
    if kind == "sign_off":
        return ItemSetting(name, text, valid=valid or SIGN_OFF_VALID)
    if kind == "command":
        for number, word in enumerate(entry["command"]):
            if "\0" in word:
                place = f"{key}.command[{number}]"
                raise ConfigurationError(f"`{place}` holds a NUL character", file=file, key=place)
        seconds = int(entry.get("seconds", COMMAND_SECONDS))
        argv = tuple(entry["command"])
        return ItemSetting(name, text, "command", valid=valid or COMMAND_VALID, argv=argv, seconds=seconds)
    return _probed(entry, name, text, valid, file, key)


def _probed(entry: Mapping[str, Any], name: str, text: str, valid: int, file: str, key: str) -> ItemSetting:
    declared, parameters = read_probe(entry, file, key)
    if entry["probe"] in LISTS:
        what = f"`{key}.probe` is {entry['probe']!r}: a list cannot look at a list"
        raise ConfigurationError(what, file=file, key=f"{key}.probe", next_step="name the probes that it should ask")
    return ItemSetting(name, text, "probe", entry["probe"], parameters, valid or declared.valid)


def read_probe(entry: Mapping[str, Any], file: str, key: str) -> tuple[Declared, dict[str, Value]]:
    """The declaration of the probe that `entry` names, and its parameters, defaults filled in.

    Raises ConfigurationError with file and key: no such probe, no such parameter, or not what it takes.
    """
    from console.engine.checks.probes.declared import PROBES
    from console.engine.settings.check import nearest

    declared = PROBES.get(entry["probe"])
    if declared is None:
        near = nearest(entry["probe"].replace("-", "_"), [known.replace("-", "_") for known in PROBES])
        raise ConfigurationError(
            f"`{key}.probe` is {entry['probe']!r}, which is no probe",
            file=file,
            key=f"{key}.probe",
            next_step=f"perhaps {near.replace('_', '-')} was meant" if near else "one of " + ", ".join(PROBES),
        )
    given = entry.get("parameters", {})
    parameters: dict[str, Value] = {word: parameter.default for word, parameter in declared.parameters.items()}
    for word, value in given.items():
        place = f"{key}.parameters.{word}"
        parameter = declared.parameters.get(word)
        if parameter is None:
            known = ", ".join(declared.parameters) or "none"
            raise ConfigurationError(
                f"`{place}` is no parameter of the probe {entry['probe']}",
                file=file,
                key=place,
                next_step=f"it has: {known}",
            )
        if not _fits(value, parameter):
            raise ConfigurationError(f"`{place}` must be {_wanted(parameter)}", file=file, key=place)
        parameters[word] = value if parameter.kind != "number" else int(value)
    return declared, parameters


def _wanted(parameter: Parameter) -> str:
    if parameter.choices:
        return "one of " + ", ".join(parameter.choices)
    return {
        "number": f"a whole number from {parameter.least:,} to {parameter.most:,}",
        "switch": "true or false",
        "counts": "a table of sources and whole numbers",
        "text": "a text in quotes",
    }[parameter.kind]


def _fits(value: Any, parameter: Parameter) -> bool:
    if parameter.kind == "switch":
        return isinstance(value, bool)
    if parameter.kind == "counts":
        return isinstance(value, dict) and all(_whole(number) and number >= 0 for number in value.values())
    if parameter.kind == "text":
        return isinstance(value, str) and (not parameter.choices or value in parameter.choices)
    return _whole(value) and parameter.least <= value <= parameter.most


def _whole(value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _seconds(text: str) -> int:
    """`90s`, `30m`, `12h`, `7d`; the schema has held it to that form."""
    return int(text[:-1]) * _UNITS[text[-1]]


def check_gate_names(gate: Mapping[str, str], checklists: Checklists, file: str) -> None:
    """Raise ConfigurationError for an item in `[gate]` that is neither one of the gate's own nor of the pre-flight
    list."""
    if not gate:
        return
    from console.engine.settings.check import nearest, schema_document

    known = frozenset(schema_document("toml")["properties"]["gate"]["properties"])
    for name in gate:
        if name in known or name in checklists.names:
            continue
        key = f"gate.{name}"
        names = sorted(known | checklists.names)
        near = nearest(name, [each.replace("-", "_") for each in names]).replace("_", "-")
        what = f"`{key}` is no item of the gate"
        if near:
            what += f"; the nearest is `gate.{near}`"
        elif any(item.name == name for item in checklists.postflight):
            what += ": it is looked at after a run, which it cannot hold"
        raise ConfigurationError(what, file=file, key=key, next_step="items: " + ", ".join(names))
