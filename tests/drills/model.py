"""A drill: a workspace broken for real, the shipped procedure that mends it, the answers, and how its end is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.checker import ARCHIVE, BACKUPS, RAW, VALIDATED, sha256_of, walk_files
from tests.faults.scenario import Scenario, migrate

ZONES = (RAW, VALIDATED, BACKUPS, ARCHIVE)

# To a choice the beginning of a branch's label, to an input its value. Something to call happens outside, once, when
# the step has been entered and before anything is done there: a file comes from its owner, somebody mounts a disk.
Answer = str | Callable[[Path], object]


@dataclass(slots=True)
class Broken:
    """A workspace as somebody finds it in the morning. Made while it is still whole; then it is broken.

    answers: by step id. A choice without one: the branch whose evidence is good; an input without one: what is
    offered as its default. judge: what must hold at the end besides what `whole` asks; it raises AssertionError.
    more: what the checker is told (Expected). afterwards: the last migrate, which must have nothing left to do,
    is refused or differs; then only the checker is asked.
    """

    scenario: Scenario
    answers: dict[str, Answer] = field(default_factory=dict)
    judge: Callable[[], object] = lambda: None
    more: dict[str, bool] = field(default_factory=dict)
    close: Callable[[], object] = lambda: None
    held: dict[str, int] = field(default_factory=dict)  # contents that there were: checksum -> bytes
    good: dict[str, int] = field(default_factory=dict)  # those of before it broke
    stood: frozenset[str] = frozenset()  # files that were published before it broke

    def __post_init__(self) -> None:
        self.hold()
        self.good = dict(self.held)
        self.stood = frozenset(path.relative_to(self.root).as_posix() for path in walk_files(self.root / VALIDATED))

    @property
    def root(self) -> Path:
        return self.scenario.root

    def hold(self) -> None:
        """Remember every content of the zones as one that must not be lost."""
        self.held |= contents(self.root / zone for zone in ZONES)

    def lost(self) -> dict[str, int]:
        """Contents that were there once, whole or damaged, and now lie nowhere: not in the zones, not beside what
        replaced them, not where somebody moved them: checksum -> bytes."""
        there = contents([self.root.parent])
        return {sha256: size for sha256, size in self.held.items() if sha256 not in there}

    def whole(self) -> None:
        """Nothing is lost, what the drill itself promises holds, the independent checker finds nothing, and no run
        has work left. Raises AssertionError."""
        assert self.lost() == {}
        assert not (self.root / ".opsconsole/maintenance.json").exists()
        self.judge()
        assert self.scenario.examine(**self.more) == []
        last = migrate(self.root)
        assert last.status in (0, 1), last.text  # 1: those that failed from the beginning
        counts = last.summary["counts"]
        assert (counts["processed"], counts["revalidated"]) == (0, 0), last.text
        assert self.scenario.examine(**self.more) == []

    def believe_backups(self) -> None:
        """What lies in the backups by now are whole versions too: damaged, foreign or wrong ones that were replaced."""
        for path in walk_files(self.root / BACKUPS):
            name = f"{VALIDATED}/" + path.relative_to(self.root / BACKUPS).as_posix().partition("/")[2]
            self.scenario.known[name] = self.scenario.known.get(name, frozenset()) | {sha256_of(path)}


def contents(places: Iterable[Path]) -> dict[str, int]:
    """Every content of files below the places: checksum -> bytes."""
    found = {}
    for place in places:
        for path in walk_files(place):
            if path.is_file() and not path.is_symlink():
                found[sha256_of(path)] = path.stat().st_size
    return found


@dataclass(frozen=True, slots=True)
class Drill:
    """name: what broke. title: the same in a sentence, for the table of docs/drills.md.

    build: breaks a workspace below an empty folder. by: steps that must have been gone through. without: steps that
    must not.
    """

    name: str
    procedure: str
    title: str
    build: Callable[[Path], Broken]
    by: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def broken(self, folder: Path) -> Broken:
        """The broken workspace; what is there now, damaged or not, must not be lost either."""
        broken = self.build(folder)
        broken.hold()
        return broken

    def check_way(self, way: Iterable[str]) -> None:
        """Whether a procedure was gone through as meant. Raises AssertionError."""
        gone = list(way)
        assert set(self.by) <= set(gone), gone
        assert not set(self.without) & set(gone), gone
