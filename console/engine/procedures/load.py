"""Reading procedures: ours, and the workspace's below config/procedures, which add to them and take their place."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.errors import ConfigurationError, UsageError
from console.engine.model import Check
from console.engine.procedures.check import check_keys, check_procedure
from console.engine.procedures.model import COMMAND_SECONDS, END, KINDS, Branch, Condition, Procedure, Step
from console.engine.settings.check import check, nearest
from console.engine.settings.read import parse, read_bytes
from console.engine.workspace.sample import shipped

FOLDER = "config/procedures"
_MOST = 500  # files of one folder that are read


@dataclass(frozen=True, slots=True)
class Library:
    """procedures: by name. broken: a file that could not be used -> the lines that say why; the others still load."""

    procedures: Mapping[str, Procedure]
    broken: Mapping[str, tuple[str, ...]]

    def find(self, name: str) -> Procedure:
        """Raises UsageError; for a file that did not load with the reason."""
        found = self.procedures.get(name)
        if found is not None:
            return found
        for file, lines in self.broken.items():
            if Path(file).stem == name:
                raise UsageError(f"the procedure {name!r} does not load: {lines[0]}", file=file)
        near = nearest(name, [known.replace("-", "_") for known in self.procedures]).replace("_", "-")
        raise UsageError(
            f"there is no procedure {name!r}",
            untouched="everything",
            next_step=f"perhaps {near} was meant" if near else "`opsconsole procedure list`",
        )


def load_procedures(ctx: Context) -> Library:
    """Every procedure as its file is now. Raises EngineError where this installation lacks its own."""
    found: dict[str, Procedure] = {}
    broken: dict[str, tuple[str, ...]] = {}
    ours = shipped() / FOLDER
    theirs = ctx.workspace.root / FOLDER
    for folder, own in ((ours, False), (theirs, True)):
        if own and theirs.resolve() == ours.resolve():
            continue
        for file in _files(folder):
            name = f"{FOLDER}/{file.name}" if own else file.name
            try:
                _named(file.stem, name)
                procedure = read_procedure(read_bytes(file, name), file.stem, name, own=own)
            except ConfigurationError as error:
                broken[name] = tuple(error.lines())
                found.pop(file.stem, None)  # what was meant to take its place is not taken for it
                continue
            found[file.stem] = procedure
    return Library(dict(sorted(found.items())), broken)


def procedures_signature(ctx: Context) -> tuple[tuple[str, int, int], ...]:
    """Differs when a file of the workspace's procedures was changed; a few stats."""
    marks = []
    for file in _files(ctx.workspace.root / FOLDER):
        try:
            facts = os.stat(file)
        except OSError:
            continue
        marks.append((file.name, facts.st_size, facts.st_mtime_ns))
    return tuple(marks)


def _files(folder: Path) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".toml") and not name.startswith("."))
    except OSError:
        return []
    return [folder / name for name in names[:_MOST]]


def _named(name: str, file: str) -> None:
    """A procedure is called as its file; sessions are, too. Raises ConfigurationError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name):
        what = "the name of the file is none for a procedure: small letters, digits and -, 40 at most"
        raise ConfigurationError(what, file=file)


def read_procedure(data: bytes, name: str, file: str, *, own: bool = False, checked: bool = True) -> Procedure:
    """A procedure from the bytes of its file. Raises ConfigurationError that names file and step.

    checked: False takes one that an older version has accepted, whatever today's rules say, as long as one can walk it.
    """
    document = parse(data, "toml", file)
    if not checked:
        try:
            return _walkable(_made(document, data, name, own))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"it lacks something: {error}", file=file) from error
    check(document, "procedure", file)
    check_keys(document["step"], file)
    procedure = _made(document, data, name, own)
    check_procedure(procedure, file)
    return procedure


def _walkable(procedure: Procedure) -> Procedure:
    """Raises ValueError for a kind that there is not, or a step that leads nowhere."""
    for step in procedure.steps:
        if step.kind not in KINDS:
            raise ValueError(f"step {step.id}: kind {step.kind!r}")
        for target in step.leads_to:
            if target != END and procedure.find(target) is None:
                raise ValueError(f"step {step.id} leads to {target!r}")
    if not procedure.steps:
        raise ValueError("no step")
    return procedure


def _made(document: Mapping[str, Any], data: bytes, name: str, own: bool) -> Procedure:
    entries: list[Mapping[str, Any]] = document["step"]
    steps = []
    for at, entry in enumerate(entries):
        following = entries[at + 1]["id"] if at + 1 < len(entries) else END
        steps.append(_step(entry, following))
    return Procedure(
        name,
        document["title"],
        " ".join(document["about"].split()),
        tuple(steps),
        tuple(document.get("symptoms", ())),
        own,
        data.decode("utf-8-sig"),
    )


def _step(entry: Mapping[str, Any], following: str) -> Step:
    return Step(
        entry["id"],
        entry["kind"],
        entry["title"],
        entry.get("text", "").strip(),
        entry.get("next", following),
        _conditions(entry.get("before", ())),
        _conditions(entry.get("checks", ())),
        _conditions(entry.get("after", ())),
        entry.get("action", ""),
        entry.get("with", {}),
        entry.get("partial", False),
        entry.get("value", ""),
        entry.get("of", "text"),
        entry.get("default", ""),
        entry.get("optional", False),
        tuple(
            Branch(branch["label"], branch["to"], _conditions(branch.get("evidence", ())))
            for branch in entry.get("branch", ())
        ),
        entry.get("command", ""),
        int(entry.get("seconds", COMMAND_SECONDS)),
        tuple(int(status) for status in entry.get("statuses", (0,))),
    )


def _conditions(entries: Any) -> tuple[Condition, ...]:
    from console.engine.checks.probes.declared import PROBES

    found = []
    for entry in entries:
        declared = PROBES.get(entry["probe"])
        text = entry.get("text") or (declared.words if declared else entry["probe"])
        good = tuple(Check(word) for word in entry.get("good", ("pass",)))
        found.append(Condition(entry["probe"], text, entry.get("parameters", {}), good))
    return tuple(found)


def find_procedure(ctx: Context, name: str) -> Procedure:
    """Raises UsageError. Only the one file is read, where it is good: of the others nobody has to hear."""
    theirs, ours = ctx.workspace.root / FOLDER, shipped() / FOLDER
    for folder, own in ((theirs, theirs.resolve() != ours.resolve()), (ours, False)):
        file = folder / f"{name}.toml"
        if file in _files(folder):
            try:
                _named(name, file.name)
                return read_procedure(read_bytes(file, file.name), name, file.name, own=own)
            except ConfigurationError:
                break
    return load_procedures(ctx).find(name)  # with the words for what is not there, or does not load
