"""The root folder, what of ours lies in it, and the confinement of paths to it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from console.engine.errors import UsageError

_OUTSIDE_STEP = "name a path below the root, or start with --root where it lies"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The root an operator works in, resolved once with realpath."""

    root: Path

    @property
    def private(self) -> Path:
        """Our own folder."""
        return self.root / ".opsconsole"

    @property
    def ledger(self) -> Path:
        return self.private / "ledger.sqlite"

    @property
    def ledger_backup(self) -> Path:
        return self.private / "ledger.backup.sqlite"

    @property
    def ledger_anew(self) -> Path:
        """A ledger that is being made anew, until it is renamed into place."""
        return self.private / "ledger.anew.sqlite"

    @property
    def report_part(self) -> Path:
        """A report that is being written; it gets its place when it is whole."""
        return self.private / "report.part"

    @property
    def disk_part(self) -> Path:
        """A scan of the folders that is being kept for the next visit."""
        return self.private / "disk.json.part"

    @property
    def our_parts(self) -> tuple[Path, ...]:
        """What a run that was killed at its end may have left half written; the next one removes it."""
        return (self.report_part, self.disk_part, self.ledger_backup.with_name(self.ledger_backup.name + ".part"))

    @property
    def lock(self) -> Path:
        return self.private / "lock"

    @property
    def holder(self) -> Path:
        """JSON beside the lock: who holds it, for which run, since when."""
        return self.private / "holder.json"

    @property
    def reserve_inodes(self) -> Path:
        """A folder of empty files that a disk without inodes can be given."""
        return self.private / "reserve.inodes"

    @property
    def maintenance(self) -> Path:
        """JSON, there while maintenance is on: who, since when, why."""
        return self.private / "maintenance.json"

    @property
    def reserve(self) -> Path:
        return self.private / "reserve"

    @property
    def checkpoints(self) -> Path:
        """Copies of the state that somebody asked for, a folder each."""
        return self.private / "checkpoints"

    @property
    def here(self) -> Path:
        """Notes of the consoles that are open, a file each."""
        return self.private / "here"

    @property
    def sessions(self) -> Path:
        """Journals of guided procedures, a file each."""
        return self.private / "sessions"

    def run_folder(self, run: str) -> Path:
        return self.private / "runs" / run

    def path(self, relative: str) -> Path:
        """A path of ours, made absolute; no confinement check (see `confine`)."""
        return self.root / relative

    def confine(self, given: str, *, zones: Iterable[str] = (), base: Path | None = None) -> str:
        """What an operator typed, as a path relative to the root with `/`; `.` is the root itself.

        given: absolute or relative (to `base`, by default the root), with `..`, `//` and `.` as typed; it
        need not exist. zones: `Settings.folders`, as configured: such a folder may be a link or lie
        elsewhere, and a path below where it really lies comes back under its configured name.
        A folder on the way that is a link is replaced by what it points to; the last name never is.

        Raises UsageError when the path leads outside of root and zones, through a link or not.
        """
        return confine(self.root, given, zones=zones, base=base)


def open_workspace(root: Path) -> Workspace:
    """Resolve `root`. Raises UsageError where there is no such folder. Touches nothing."""
    try:
        resolved = root.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            "there is no such folder",
            file=str(root),
            next_step=f"name the workspace with --root, or make one: opsconsole init {root}",
        ) from None
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a NUL, no permission on the way
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"the root cannot be opened: {reason}", file=str(root)) from None
    if not resolved.is_dir():
        raise UsageError("the root is not a folder", file=str(root), next_step="name a folder with --root")
    return Workspace(resolved)


def fold(path: str) -> str:
    """`path` in its one spelling: no `//`, no `.`, each `..` taken with the name before it; `.` where nothing
    is left. Says nothing about what is on disk. Raises ValueError for empty text and for a NUL character."""
    if not path:
        raise ValueError("the path is empty")
    if "\0" in path:
        raise ValueError("the path holds a NUL character")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError("the path holds a character that no file name can") from None
    folded = os.path.normpath(path)
    return "/" + folded.lstrip("/") if folded.startswith("/") else folded  # POSIX would keep two leading slashes


def below(path: str, folder: str) -> bool:
    """Whether the folded `path` is `folder` or lies in it."""
    return folder == "." or path == folder or path.startswith(folder.rstrip("/") + "/")


def confine(root: Path, given: str, *, zones: Iterable[str] = (), base: Path | None = None) -> str:
    """See Workspace.confine; `root` is resolved already."""
    try:
        absolute = fold(os.path.join(base or root, given) if given else given)
    except ValueError as error:
        raise UsageError(str(error), file=given, next_step=_OUTSIDE_STEP) from None
    places = [(os.path.realpath(root), ".")]
    places += [(os.path.realpath(root / zone), fold(zone)) for zone in zones]
    # The last name is what is meant, link or not; what leads to it is followed to where it really lies.
    parent, name = os.path.split(absolute)
    real = os.path.realpath(absolute)
    if all(real != place for place, _ in places):  # not the root or a zone itself, by whatever link
        real = os.path.join(os.path.realpath(parent), name) if name else "/"
    named = _name(real, places)
    if named is None:
        through = "" if not below(absolute, str(root)) else " through a link"
        raise UsageError(f"the path leads outside of the root{through}", file=given, next_step=_OUTSIDE_STEP)
    if os.path.islink(real) and _name(os.path.realpath(real), places) is None:
        raise UsageError("the path is a link that leads outside of the root", file=given, next_step=_OUTSIDE_STEP)
    return named


def _name(real: str, places: list[tuple[str, str]]) -> str | None:
    """A real path by the name of the innermost place that it lies in; None where it lies in none."""
    inside = [(place, name) for place, name in places if below(real, place)]
    if not inside:
        return None
    place, name = max(inside, key=lambda pair: len(pair[0]))
    rest = real[len(place) :].lstrip("/")
    if name == ".":
        return rest or "."
    return f"{name.rstrip('/')}/{rest}" if rest else name
