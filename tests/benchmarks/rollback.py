"""Rolling back beside the migration that it takes back, and the memory of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.benchmarks import corpora
from tests.benchmarks.corpora import PRODUCT, RAW, VALIDATED
from tests.benchmarks.measure import BenchError, Ratio, spread, time_command, watch_memory
from tests.benchmarks.migrate import MIGRATE, Sizes, check_whole, count_files
from tests.benchmarks.report import Report


def _take_back(root: Path, back: int) -> list[str]:
    """The command that takes back the run before the `back` newest ones."""
    listed = time_command([*PRODUCT, "--root", str(root), "runs", "list", "--json"], cwd=root)
    runs = [json.loads(line) for line in listed.out.splitlines() if line.startswith("{")]
    run = [entry for entry in runs if "id" in entry][back]["id"]
    return [*PRODUCT, "--root", str(root), "rollback", str(run), "--yes", "--confirm", root.name]


def _new_versions(raw: Path) -> None:
    """Every file gets another version: the next migrate replaces all of them."""
    for folder, _, names in os.walk(raw):
        for name in names:
            path, part = Path(folder, name), Path(folder, ".new")
            part.write_bytes(path.read_bytes() + b"\n")
            os.replace(part, path)


def _timed(words: list[str], root: Path) -> float:
    os.sync()
    return time_command(words, cwd=root).wall


def _of_new(report: Report, root: Path, walls: dict[str, list[float]], *, compared: bool) -> None:
    """A migration of new files, taken back."""
    wall = _timed([*PRODUCT, "--root", str(root), *MIGRATE], root)
    check_whole(root / VALIDATED, root / RAW, "opsconsole")
    words = _take_back(root, 0)
    if compared:
        walls["new"].append(wall)
        walls["new, back"].append(_timed(words, root))
    else:  # looking at the memory costs time
        _, memory = watch_memory(words, cwd=root)
        report.target("rollback, peak of any process, MiB", f"{memory.largest:.0f}", memory.largest, 200)
    if count_files(root / VALIDATED):
        raise BenchError("files are left after the rollback")


def _of_replaced(root: Path, walls: dict[str, list[float]]) -> None:
    """One that replaced every file, taken back; and then the one before it."""
    migrate = [*PRODUCT, "--root", str(root), *MIGRATE]
    _timed(migrate, root)
    _new_versions(root / RAW)
    walls["replaced"].append(_timed(migrate, root))
    walls["replaced, back"].append(_timed(_take_back(root, 0), root))
    check_whole(root / VALIDATED, root / RAW, "the rollback")
    walls["first, back after that"].append(_timed(_take_back(root, 2), root))
    if count_files(root / VALIDATED):
        raise BenchError("files are left after the rollback")


def rollback(report: Report, ground: Path, sizes: Sizes) -> None:
    """A migration of new files, one that replaced them all, and each taken back."""
    report.title(f"Rollback: migrations of {sizes.small_files:,} files, sidecars beside each")
    corpus = corpora.make(ground / "rollback", sizes.small_files, 10)
    names = ("new", "new, back", "replaced", "replaced, back", "first, back after that")
    walls: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(sizes.rounds + 1):
        for replaced in (False, True):
            if replaced and not turn:
                continue
            root = corpora.workspace(ground / f"rollback-{turn}-{replaced}" / "ws", corpus)
            try:
                if replaced:
                    _of_replaced(root, walls)
                else:
                    _of_new(report, root, walls, compared=bool(turn))
            finally:
                corpora.give_back(root, corpus)
            shutil.rmtree(root.parent)
    for name, values in walls.items():
        report.figure(f"{name}, seconds", spread(values))
    for name in ("new", "replaced"):
        ratio = Ratio.of(walls[f"{name}, back"], walls[name])
        report.target(f"rollback / migration, {name} files", str(ratio), ratio.median, 1.0)
