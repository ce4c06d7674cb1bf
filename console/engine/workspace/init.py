"""`opsconsole init`: a workspace in a folder. Adds what is missing, overwrites nothing but its own."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from console.engine.errors import EngineError, UsageError
from console.engine.settings import DEFAULT_CONFIG, Settings, load_settings
from console.engine.workspace.default_config import console_toml, incumbent_json
from console.engine.workspace.entry_points import (
    INCUMBENT_CONFIG,
    MIGRATE_SCRIPT,
    VALIDATE_SCRIPT,
    entry_point,
    is_ours,
)
from console.engine.workspace.layout import confine
from console.engine.workspace.place import make_file, make_folder
from console.engine.workspace.sample import RAW, sample_files, shipped, shipped_schemas
from console.engine.workspace.systemd import cron_lines, units

_SYSTEMD_FOLDER = "config/systemd"
_CRON_FILE = "config/cron/opsconsole"


@dataclass(frozen=True, slots=True)
class InitStep:
    """One thing that init would do. kind: folder, keep (rename `old` to `path`), write, sample."""

    kind: str
    path: str  # relative to the root
    content: Callable[[], bytes] = bytes
    executable: bool = False
    replaces: bool = False  # one of ours that is out of date
    old: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class InitPlan:
    """What `perform_init` would do to the folder `root`, in order. Nothing has been changed yet."""

    root: Path
    actions: tuple[InitStep, ...]
    steps: list[str] = field(default_factory=list)  # for people, a line each


def plan_init(folder: Path, sample: bool = False, systemd: bool = False) -> InitPlan:
    """What is missing for `folder` to be a workspace.

    sample: with the sample's raw data. systemd: with services and timers under config/systemd,
    and the same as cron lines.
    Raises UsageError (not a folder; the sample would mix with other sources; a link leads out of the root)
    and ConfigurationError (the configuration that is there is wrong: its zones cannot be known).
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError("this is not a folder", file=str(folder), next_step="name a folder, new or not")
    root = folder.resolve()
    settings, configuration = _configuration(root)
    actions = [] if root.is_dir() else [InitStep("folder", ".")]
    for name in (*settings.folders, os.path.dirname(settings.state_file)):
        # An absolute zone that is not there is a mount that is missing, and not to be made.
        if name and not os.path.isabs(name) and not os.path.lexists(root / name):
            actions.append(InitStep("folder", name))
    actions = list({action.path: action for action in actions}.values())
    actions += configuration
    actions += _schemas(root, settings)
    actions += _scripts(root)
    if sample:
        actions += _sample(root, settings.zones.raw)
    if systemd:
        actions += _systemd(root, settings)
    for action in actions:
        _stays_inside(root, action.path, settings)
    return InitPlan(root, tuple(actions), list(_told(actions, done=False)))


def perform_init(plan: InitPlan) -> list[str]:
    """Carry out `plan`; what was done, a line each. A file that appeared meanwhile is left as it is.

    Raises EngineError naming the file at which it stopped; doing it again finishes it.
    """
    done = []
    for action in plan.actions:
        path = plan.root / action.path
        try:
            if action.kind == "folder":
                make_folder(path, plan.root)
            elif action.kind == "keep":
                os.rename(plan.root / action.old, path)
            elif not make_file(
                path, action.content(), plan.root, executable=action.executable, replace=action.replaces
            ):
                continue
        except OSError as error:
            raise EngineError(
                f"init stopped here: {error.strerror or error}",
                file=str(path),
                untouched="everything that was there before",
                next_step="put that right and type the command again; it adds what is still missing",
            ) from error
        done.append(action)
    return list(_told(done, done=True))


def _configuration(root: Path) -> tuple[Settings, list[InitStep]]:
    """The settings in force after init, and the configuration files that are missing for that."""
    missing = []
    if os.path.lexists(root / DEFAULT_CONFIG):
        settings = load_settings(root)
    else:
        has_incumbent = os.path.lexists(root / INCUMBENT_CONFIG)
        like = load_settings(root, INCUMBENT_CONFIG) if has_incumbent else None
        settings = like or load_settings(shipped())
        note = f"as {INCUMBENT_CONFIG} has it" if like else ""
        missing.append(InitStep("write", DEFAULT_CONFIG, lambda: console_toml(like).encode(), note=note))
    if not os.path.lexists(root / INCUMBENT_CONFIG):
        text = incumbent_json(settings)
        missing.append(InitStep("write", INCUMBENT_CONFIG, text.encode))
    return settings, missing


def _schemas(root: Path, settings: Settings) -> Iterator[InitStep]:
    """Shipped schemas that the configuration names and the workspace lacks."""
    named = {rule.schema for rule in settings.rules} | {settings.sidecar.schema}
    missing = [path for path in shipped_schemas() if path in named and not os.path.lexists(root / path)]
    pages = [path for path in shipped_schemas() if path.endswith(".md") and not os.path.lexists(root / path)]
    for path in [*missing, *(pages if missing else [])]:
        yield InitStep("write", path, (shipped() / path).read_bytes)


def _scripts(root: Path) -> Iterator[InitStep]:
    for script, action in ((MIGRATE_SCRIPT, "migrate"), (VALIDATE_SCRIPT, "validate")):
        content = entry_point(action)
        path = root / script
        write = InitStep("write", script, partial(bytes, content), executable=True)
        if not os.path.lexists(path):
            yield write
        elif path.is_file() and is_ours(path):
            if path.read_bytes() != content:
                yield replace(write, replaces=True, note=f"again: it now runs {sys.executable}")
        else:
            yield InitStep("keep", _free_name(root, f"{script}.incumbent"), old=script)
            yield write


def _free_name(root: Path, path: str) -> str:
    for name in (path, *(f"{path}-{number}" for number in range(2, 1000))):
        if not os.path.lexists(root / name):
            return name
    raise UsageError("too many kept versions of this script", file=path)


def _sample(root: Path, raw: str) -> Iterator[InitStep]:
    """The sample's files that are missing. Real sources and the sample never mix."""
    files = list(sample_files())
    if raw != RAW:
        raise UsageError(
            f"the raw zone of this workspace is {raw}; the sample is made for {RAW}",
            file=str(root),
            next_step="make the sample in a folder of its own",
        )
    sources = {path.split("/")[3] for path in files if path.startswith(f"{RAW}/")}
    present = set(os.listdir(root / RAW)) if (root / RAW).is_dir() else set()
    others = sorted(present - sources)
    if others:
        raise UsageError(
            f"there is data here already, such as {others[0]}; the sample would mix with it",
            file=str(root / RAW),
            untouched="everything",
            next_step="make the sample in a folder of its own, or leave --sample away",
        )
    for path in files:
        if not os.path.lexists(root / path):
            yield InitStep("sample", path, (shipped() / path).read_bytes)


def _systemd(root: Path, settings: Settings) -> Iterator[InitStep]:
    elsewhere = {Path(os.path.realpath(root / name)) for name in settings.folders}
    outside = sorted(path for path in elsewhere if not path.is_relative_to(root))
    owner = root.stat().st_uid if root.is_dir() else os.geteuid()
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = str(owner)
    network = bool(settings.notify.command or settings.notify.apprise)
    try:
        files = {
            f"{_SYSTEMD_FOLDER}/{name}": text
            for name, text in units(root, user, [root, *outside], network=network).items()
        }
        files[_CRON_FILE] = cron_lines(root, user, root / _CRON_FILE)
    except ValueError as error:
        raise UsageError(str(error), file=str(root)) from None
    for path, text in files.items():
        if not os.path.lexists(root / path):
            note = "" if path.endswith(".timer") else "its first lines say how to use it"
            yield InitStep("write", path, partial(bytes, text.encode()), note=note)


def _stays_inside(root: Path, path: str, settings: Settings) -> None:
    try:
        confine(root, path, zones=settings.folders)
    except UsageError:
        raise UsageError(
            "init would write outside of the root, through a link",
            file=str(root / path),
            untouched="everything",
            next_step="put a folder in the link's place, or make the workspace elsewhere",
        ) from None


_VERBS = {"folder": ("make", "made"), "write": ("write", "wrote"), "keep": ("keep", "kept")}


def _told(actions: list[InitStep], *, done: bool) -> Iterator[str]:
    copied = [action for action in actions if action.kind == "sample"]
    for action in actions:
        if action.kind == "sample":
            continue
        verb = _VERBS[action.kind][done]
        if action.kind == "keep":
            yield f"{verb} {action.old} as {action.path}"
        elif action.kind == "folder":
            yield f"{verb} {'the folder' if action.path == '.' else action.path + '/'}"
        else:
            yield f"{verb} {action.path}{f' ({action.note})' if action.note else ''}"
    if copied:
        yield f"{'copied' if done else 'copy'} the sample: {len(copied)} files below data/"
