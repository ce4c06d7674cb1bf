"""A scan says of every folder what du and a walk of our own say of it, and harms and enters nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.engine.errors import EngineError
from console.engine.observe import disk_walker
from console.engine.observe.disk_scan import DiskScan
from console.engine.observe.disk_tree import OTHER_FILESYSTEM, ROOT
from console.engine.observe.disk_walker import Walker, read_message, write_message
from tests.engine.observe_disk.trees import Count, count, dig, du, grow, said, workspace
from tests.support import PROJECT

SMALL_PIECES = """
import sys
sys.path.insert(0, {project!r})
from console.engine.observe import disk_walker
disk_walker.PIECE, disk_walker.REST = 8, 24
disk_walker.main()
"""


def test_every_folder_is_as_large_as_du_and_a_walk_say(tmp_path: Path) -> None:
    ctx = workspace(tmp_path)
    root = ctx.workspace.root
    grow(root)
    scan = DiskScan(ctx)
    assert scan.run()
    tree = scan.tree
    assert tree.at and not tree.problems
    folders = [root, *(Path(folder) / name for folder, names, _ in os.walk(root) for name in names)]
    folders = [folder for folder in folders if not folder.is_symlink()]
    assert len(folders) == len(tree) > 25
    for folder in folders:
        assert said(tree, folder) == count(folder), folder
        assert said(tree, folder).size == du(folder), folder
    links = said(tree, root / "links")
    assert links.frees == links.size - 200_704  # of the shared file one name is elsewhere
    assert said(tree, root / "links/one").frees < 10_000 < 300_000 < said(tree, root / "links/one").size


def test_a_path_longer_than_a_path_may_be(tmp_path: Path) -> None:
    ctx = workspace(tmp_path)
    root = ctx.workspace.root
    dig(root, 60)
    scan = DiskScan(ctx)
    assert scan.run()
    assert scan.tree.row(ROOT).size == du(root)
    assert scan.tree.row(ROOT).problems == 0


def test_a_huge_folder_is_shared_out_and_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "small_pieces.py"
    script.write_text(SMALL_PIECES.format(project=str(PROJECT)))
    monkeypatch.setattr(disk_walker, "__file__", str(script))
    ctx = workspace(tmp_path)
    root = ctx.workspace.root
    for name in ("huge", "huge/inner"):
        (root / name).mkdir()
        for number in range(150):
            (root / name / f"{number:03}").write_bytes(b"x" * (number * 100))
        for number in range(20):
            (root / name / f"folder-{number}").mkdir()
            os.link(root / name / f"{number:03}", root / name / f"folder-{number}" / "again")
    scan = DiskScan(ctx, workers=3)
    assert scan.run()
    for name in (".", "huge", "huge/inner", "huge/folder-3"):
        assert said(scan.tree, root / name) == count(root / name), name


def test_another_file_system_is_entered_only_where_a_zone_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"x" * 9000)
    told: list[Any] = []

    def tell(records: list[Any], left: list[Any], hungry: bool) -> None:
        told.append((records, left, hungry))

    device = os.stat(tmp_path).st_dev
    Walker(frozenset(), tell).portion(1.0, [(str(tmp_path / "inner"), device + 1, None)])
    assert told == [([(0, None, 0, 0, 0, 0, OTHER_FILESYSTEM, None)], [], True)]
    told.clear()
    Walker(frozenset([str(tmp_path / "inner")]), tell).portion(1.0, [(str(tmp_path / "inner"), device + 1, None)])
    (record,) = told[0][0]
    assert record[4] == 1 and record[6] == 0


def test_zones_outside_of_the_root_are_counted_beside_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "validated" / "sff").mkdir(parents=True)
    (outside / "validated" / "sff" / "data.json").write_bytes(b"x" * 50_000)
    ctx = workspace(tmp_path, validated=str(outside / "validated"))
    (ctx.workspace.root / "data" / "_backups").rmdir()
    (ctx.workspace.root / "data" / "_backups").symlink_to(outside)
    scan = DiskScan(ctx)
    assert scan.run()
    tree = scan.tree
    assert list(tree.outer.values()) == [str(outside)]  # the other one lies inside of it
    assert said(tree, outside / "validated") == count(outside / "validated")
    assert tree.row(ROOT).size == du(ctx.workspace.root) + du(outside)
    number = tree.find(str(outside / "validated"))
    assert number is not None and tree.path(number) == str(outside / "validated")


def test_a_root_that_is_gone_is_an_error(tmp_path: Path) -> None:
    ctx = workspace(tmp_path)
    with pytest.raises(EngineError, match="No such file"):
        DiskScan(ctx, str(tmp_path / "nothing")).run()


def test_a_process_that_dies_is_an_error_and_no_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "dies.py"
    script.write_text("raise SystemExit(1)")
    monkeypatch.setattr(disk_walker, "__file__", str(script))
    with pytest.raises(EngineError, match="ended by itself"):
        DiskScan(workspace(tmp_path)).run()


@pytest.mark.parametrize("how", ["asked", "called"])
def test_cancelling_ends_it_although_a_process_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    script = tmp_path / "hangs.py"
    script.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(disk_walker, "__file__", str(script))
    scan = DiskScan(workspace(tmp_path))
    ended: list[bool] = []
    begun = threading.Event()

    def asked() -> bool:
        begun.set()
        return how == "asked"

    thread = threading.Thread(target=lambda: ended.append(scan.run(cancelled=asked)), daemon=True)
    thread.start()
    assert begun.wait(20)
    if how == "called":
        scan.cancel()
    thread.join(20)
    assert ended == [False]
    assert all(worker.process.poll() is not None for worker in scan._workers)


def test_it_tells_while_it_goes_on(tmp_path: Path) -> None:
    ctx = workspace(tmp_path)
    grow(ctx.workspace.root)
    scan = DiskScan(ctx)
    sizes: list[int] = []

    def moved() -> None:
        scan.tree.sum_up()
        sizes.append(scan.tree.row(ROOT).size)

    assert scan.run(moved=moved)
    assert sizes and 0 < sizes[0] <= scan.tree.row(ROOT).size


# ── a user who may not read everything ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="opsconsole-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_unreadable_folders_are_said_and_count_as_du_counts_them(open_to_all: Path) -> None:
    """As a user whom permissions bind."""
    place = open_to_all / "tree"
    for name, mode in (("open", 0o755), ("closed", 0o000), ("names only", 0o744)):
        (place / name).mkdir(parents=True)
        (place / name / "file").write_bytes(b"x" * 40_000)
        os.chmod(place / name, mode)
    rights: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    source, target = os.pipe()
    child = os.fork()
    if child == 0:  # no other program: other users may be unable to start this interpreter
        status = 1
        try:
            if rights:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            with os.fdopen(target, "wb") as stream:
                walker = Walker(frozenset(), lambda *found: write_message(stream, *found))
                walker.portion(10.0, [(str(place), os.stat(place).st_dev, None)])
            status = 0
        finally:
            os._exit(status)
    os.close(target)
    with os.fdopen(source, "rb") as stream:
        message = read_message(stream)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert message is not None
    records, left, hungry = message
    assert (left, hungry) == ([], True)
    problems = {record[1]: record[6] for record in records}
    assert problems == {None: 0, "open": 0, "closed": errno.EACCES, "names only": errno.EACCES}
    done = subprocess.run(["du", "-s", "-B512", str(place)], capture_output=True, text=True, check=False, **rights)
    assert sum(record[2] for record in records) == int(done.stdout.split("\t")[0])
    assert sum(record[4] for record in records) == 2
    for name in ("closed", "names only"):
        os.chmod(place / name, 0o755)


def test_the_count_itself_sees_a_mistake(tmp_path: Path) -> None:
    """The checks above compare with this: it must not agree with everything."""
    (tmp_path / "a").mkdir()
    before = count(tmp_path)
    (tmp_path / "a" / "file").write_bytes(b"x" * 5000)
    os.link(tmp_path / "a" / "file", tmp_path / "again")
    after = count(tmp_path)
    assert after != before and after.files == 2 and after.size == before.size + 8192
    assert count(tmp_path / "a").frees == Count(4096, frees=4096).frees
