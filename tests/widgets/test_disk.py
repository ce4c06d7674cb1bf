"""The pane of disks: tree, keys, what it asks for, live growth, hostile names, many file systems."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.engine.observe.disk_freeing import FileOnDisk, FilesHere, Freeing
from console.engine.observe.disk_tree import OTHER_FILESYSTEM, ROOT, FolderTree
from console.engine.observe.forecast import Growth
from console.engine.observe.samples import DiskGrowth, Usage
from tests.widgets.hosting import HOSTILE, Host, links, page, shown, until
from widgets.disk import DiskPane
from widgets.disk.rows import FOLDERS, entries
from widgets.samples import sample_plan, sample_tree, sample_usage
from widgets.table import VirtualTable


def fill(app: Host, tree: FolderTree | None = None) -> DiskPane:
    pane = app.query_one(DiskPane)
    pane.usage, pane.waiting = sample_usage(), sample_plan()
    pane.show_tree(tree or sample_tree(), scanning=False)
    pane.table.focus()
    return pane


def rows(app: Host) -> list[str]:
    """The rows of the tree, by their last word."""
    table = app.query_one(VirtualTable)
    cells = [row[-1] for row in table.rows]
    return [cell if isinstance(cell, str) else cell[0] for cell in cells]


async def test_enter_goes_deeper_and_escape_comes_back_to_where_one_was() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        assert rows(app) == ["data/", "logs/"]
        await pilot.press("enter")
        assert rows(app) == ["raw/", "_backups/"]
        await pilot.press("down", "enter")
        assert len(rows(app)) == 3 and pane.place == "/srv/pdoom-data/data/_backups"
        await until(pilot, lambda: "ata/_backups  1.4 GB" in page(app))
        assert pane.back() and rows(app) == ["raw/", "_backups/"] and pane.table.cursor == 1
        assert pane.back() and not pane.back()
        assert pane.place == "/srv/pdoom-data"


async def test_sorting_and_filtering() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24)) as pilot:
        tree = FolderTree("/r")
        for name, blocks, files, newest in (("b", 5, 1, 30), ("a", 3, 9, 10), ("c", 1, 5, 99)):
            tree.count(tree.add(ROOT, name), blocks, 1, files, newest, 0)
        tree.finished("2026-03-04T14:02:00Z", 1.0)
        pane = fill(app, tree)
        orders = []
        for _ in range(4):
            orders.append("".join(row[0] for row in rows(app)))
            await pilot.press("s")
        assert orders == ["bac", "acb", "abc", "cba"]
        pane.filter = "C"
        assert rows(app) == ["c/"]
        pane.filter = "nothing"
        await until(pilot, lambda: "nothing here is called like" in page(app))
        assert pane.back() and len(rows(app)) == 3


async def test_files_are_asked_for_and_shown_among_the_folders() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        await pilot.press("end", "enter")
        await until(pilot, lambda: app.of(DiskPane.FilesWanted))
        assert app.of(DiskPane.FilesWanted)[-1].path == "/srv/pdoom-data/logs"
        assert rows(app) == ["(12 files here)"]
        files = tuple(FileOnDisk(f"log.{n}", 4096 * n, 4000 * n, 1_772_600_000, 1 + (n == 2)) for n in (2, 1))
        pane.show_files("/srv/elsewhere", FilesHere(files, 0, 0))
        assert rows(app) == ["(12 files here)"]
        pane.show_files("/srv/pdoom-data/logs", FilesHere(files, 10, 5000))
        assert rows(app) == ["log.2  frees nothing: 2 names", "(10 smaller files)", "log.1"]
        await pilot.press("enter")  # a file: nothing to go into
        assert pane.place == "/srv/pdoom-data/logs"


async def test_it_grows_while_it_is_scanned_and_can_be_stopped() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = app.query_one(DiskPane)
        tree = FolderTree("/r")
        pane.show_tree(tree, scanning=True)
        pane.table.focus()
        await until(pilot, lambda: "scanning…" in page(app) and "x: stop" in page(app))
        small, large = tree.add(ROOT, "small"), tree.add(ROOT, "large")
        tree.count(small, 1000, 0, 1, 0, 0)
        tree.sum_up()
        pane.moved()
        assert rows(app) == ["small/", "large/"]
        await pilot.press("down")  # somebody stands on a row: it stays under the cursor
        tree.count(large, 90_000, 0, 1, 0, 0)
        tree.sum_up()
        pane.moved()
        assert rows(app) == ["large/", "small/"] and pane.table.cursor == 0
        await pilot.press("r", "x")
        await until(pilot, lambda: app.of(DiskPane.CancelWanted))
        assert app.of(DiskPane.ScanWanted) == []
        pane.scan_stopped()
        await until(pilot, lambda: "stopped, not all counted" in page(app))
        await pilot.press("x", "r")
        await until(pilot, lambda: app.of(DiskPane.ScanWanted))
        assert len(app.of(DiskPane.CancelWanted)) == 1


async def test_another_scan_leaves_one_in_the_same_folder() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        await pilot.press("enter", "enter")
        assert pane.place == "/srv/pdoom-data/data/raw"
        tree = FolderTree("/srv/pdoom-data")
        tree.add(ROOT, "new")
        tree.add(tree.add(ROOT, "data"), "raw")
        pane.show_tree(tree, scanning=False)
        assert pane.place == "/srv/pdoom-data/data/raw"
        pane.show_tree(FolderTree("/srv/pdoom-data"), scanning=True)
        assert pane.place == "/srv/pdoom-data"


async def test_what_is_wrong_is_said() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(100, 30)) as pilot:
        tree = sample_tree()
        mount, closed = tree.add(ROOT, "mount"), tree.add(1, "closed")
        tree.count(mount, 0, 0, 0, 0, OTHER_FILESYSTEM)
        tree.count(closed, 8, 0, 0, 0, 13)
        tree.finished("2026-03-04T14:02:00Z", 1.0)
        pane = fill(app, tree)
        pane.zones = {1: "raw, validated"}
        pane.moved()
        assert rows(app) == [
            "data/  ● raw, validated  ! 1 folder inside not read",
            "logs/",
            "mount/  ! another file system, not entered",
        ]
        assert "! 1 folder not read" in page(app)
        await pilot.press("enter")
        assert rows(app)[-1] == "closed/  ! Permission denied"
        pane.scan_stopped("a process has ended by itself")
        await until(pilot, lambda: "✗ a process has ended by itself" in page(app))


async def test_facts_say_when_it_is_full_and_what_could_be_freed() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24), message_hook=app.hook) as pilot:
        pane = fill(app)
        await until(pilot, lambda: "full in about 211 days" in page(app))
        await until(pilot, lambda: "!  91 %" in page(app) and "✓ needs 190 MB of 212 GB free" in page(app))
        assert "not enough history yet" in page(app)
        tree = sample_tree()
        pane.freed = Freeing(tuple(tree.inside(4)), 1_400_000_000, 1_200_000_000, 41_000_000, 38_000_000, 4)
        plan = sample_plan()
        plan.space = [replace(plan.space[0], need_bytes=300_000_000_000)]
        pane.waiting = plan
        pane.update()
        await until(pilot, lambda: "✗ needs 300 GB of 212 GB free   52 files" in page(app))
        plan.space = [replace(plan.space[0], need_inodes=10**9)]
        pane.update()
        await until(pilot, lambda: "removing all would free 1.2 GB" in page(app))
        assert "archiving 4 closed segments would free 38 MB" in page(app)
        assert "✗ needs 300 GB of 212 GB free; 991,000,000 inodes short" in page(app)
        await pilot.press("p", "l")
        await until(pilot, lambda: [each.what for each in app.of(DiskPane.ActionWanted)] == ["prune", "logs"])


@pytest.mark.parametrize(
    ("days", "what", "words"),
    [
        (0.0, "bytes", "✗ full"),
        (0.0, "inodes", "✗ no inodes left"),
        (3.2, "bytes", "! full in about 3 days"),
        (20.0, "inodes", "! full in about 20 days (inodes)"),
        (None, "", "full not in sight"),
        (9e9, "bytes", "full in over ten years"),
    ],
)
async def test_every_forecast_reads_well(days: float | None, what: str, words: str) -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        usage = sample_usage()
        growth = DiskGrowth(Growth(1e9, 9), Growth(1.0, 9), days, what)
        pane.usage = Usage(usage.disks[:1], {usage.disks[0].mount: growth}, {}, {})
        pane.update()
        await until(pilot, lambda: words in page(app))


async def test_many_file_systems_leave_room_for_the_tree() -> None:
    app = Host(DiskPane)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = fill(app)
        disk = sample_usage().disks[0]
        disks = tuple(replace(disk, mount=f"/m{number}") for number in range(9))
        pane.usage = Usage((*disks, replace(disk, problem="Stale file handle")), {}, {}, {})
        pane.update()
        await until(pilot, lambda: "and 5 more file systems" in page(app))
        assert "data/" in page(app)
        pane.usage = Usage((replace(disk, problem="Stale file handle"), *disks), {}, {}, {})
        pane.update()
        await until(pilot, lambda: "✗ Stale file handle" in page(app))


def test_a_folder_with_very_many_folders_shows_the_first_of_them() -> None:
    tree = FolderTree("/r")
    for number in range(FOLDERS + 50):
        tree.count(tree.add(ROOT, f"{number:05}"), number, 0, 1, 0, 0)
    tree.finished("", 0.0)
    found, left = entries(tree, ROOT, None, "size", "")
    assert (len(found), left, found[0].name) == (FOLDERS, 50, f"{FOLDERS + 49:05}")
    assert entries(tree, ROOT, None, "name", "0000")[1] == 0


@pytest.mark.parametrize("size", [(80, 24), (130, 30)])
async def test_hostile_names(size: tuple[int, int]) -> None:
    app = Host(DiskPane)
    async with app.run_test(size=size) as pilot:
        tree = FolderTree("/srv/" + HOSTILE[4].replace("/", ""))
        for text in (*HOSTILE, "n" * 4096):
            folder = tree.add(ROOT, text.replace("/", "_"))
            tree.count(folder, 10, 10, 5, 10**17, 0)
        tree.finished("2026-03-04T14:02:00Z", 1.0)
        pane = fill(app, tree)
        pane.zones = {1: HOSTILE[3]}
        disk = replace(sample_usage().disks[0], zones=(HOSTILE[3],), mount=HOSTILE[4], problem=HOSTILE[5])
        pane.usage = Usage((disk,), {}, {}, {})
        pane.moved()
        await pilot.press("enter")
        files = tuple(FileOnDisk(text, 4096, 1, -5, 1) for text in HOSTILE)
        pane.show_files(pane.place, FilesHere(files, 0, 0))
        pane.scan_stopped(HOSTILE[4])
        await pilot.pause()
        assert not any(ord(character) < 0x20 for line in shown(app) for character in line)
        assert links(app) == [] and app.is_running
