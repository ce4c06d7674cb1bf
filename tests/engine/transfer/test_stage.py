"""Part names, folders and their modes, publishing one file and settling it after a crash."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.errors import EngineError
from console.engine.transfer.filesystem import Flusher, existing, filesystem_of, room, syncfs_is_trusted
from console.engine.transfer.publish import Publisher, PublishItem, hash_file, rename_new
from console.engine.transfer.stage import Folders, part_name, remove_if_empty, write_all
from console.engine.transfer.way import Way

RUN = "20260304T050607Z-migrate-0001"
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: len(name.encode()) <= 255
)


@pytest.fixture(autouse=True)
def no_umask() -> object:
    old = os.umask(0)
    yield
    os.umask(old)


@given(NAMES, NAMES)
def test_part_names_fit_and_differ(one: str, other: str) -> None:
    part = part_name(one, RUN)
    assert len(part.encode()) <= 255
    assert part.startswith(".")
    assert part.endswith(f".{RUN}.part")
    assert (part == part_name(other, RUN)) == (one == other)


def test_folders_take_mode_and_group_of_their_parent(tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.mkdir()
    os.chmod(zone, 0o2750)
    folders, made = Folders(str(zone)), []
    folders.open_making("a/b", made)
    os.close(folders.create("x"))
    folders.close()
    assert made == ["a", "a/b"]
    assert stat.S_IMODE((zone / "a/b").stat().st_mode) == 0o2750
    assert stat.S_IMODE((zone / "a/b/x").stat().st_mode) == 0o640
    (zone / "a/b/x").unlink()
    remove_if_empty(str(zone), made)
    assert list(zone.iterdir()) == []


@pytest.mark.parametrize("where", ["a", "a/b"])
def test_a_link_on_the_way_is_refused(tmp_path: Path, where: str) -> None:
    zone, outside = tmp_path / "zone", tmp_path / "outside"
    (zone / "a").mkdir(parents=True)
    (outside / "b").mkdir(parents=True)
    if where == "a":
        (zone / "a").rmdir()
    (zone / where).symlink_to(outside)
    with pytest.raises((EngineError, OSError)):
        Folders(str(zone)).open_making("a/b", [])


def test_rename_new_never_clobbers(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    assert not rename_new(str(tmp_path / "one"), str(tmp_path / "two"))
    assert (tmp_path / "two").read_text() == "2"
    assert rename_new(str(tmp_path / "one"), str(tmp_path / "three"))


def make_item(root: Path, *, old: str | None, new: str) -> PublishItem:
    (root / "v").mkdir()
    (root / "v/.x.part").write_text(new)
    if old is not None:
        (root / "v/x").write_text(old)
    replaces = hash_file(str(root / "v/x")) if old is not None else ""
    return PublishItem("r/x", "v/.x.part", "v/x", "b/x", hash_file(str(root / "v/.x.part")), len(new), replaces, ())


def publisher(root: Path) -> Publisher:
    return Publisher(str(root), "b", lambda name: None)


@pytest.mark.parametrize("old", [None, "old"])
def test_publish_and_undo(tmp_path: Path, old: str | None) -> None:
    item = make_item(tmp_path, old=old, new="new")
    inode = (tmp_path / item.part).stat().st_ino
    replaced = publisher(tmp_path).publish(item)
    assert replaced == (old is not None)
    assert (tmp_path / "v/x").read_text() == "new"
    if old is not None:
        assert (tmp_path / "b/x").read_text() == old
        assert (tmp_path / "b/x").stat().st_nlink == 1
    assert publisher(tmp_path).take_back(item, inode)
    assert ((tmp_path / "v/x").read_text() if (tmp_path / "v/x").exists() else None) == old
    assert not (tmp_path / "b").exists() or not list((tmp_path / "b").iterdir())


def test_take_back_between_link_and_rename(tmp_path: Path) -> None:
    item = make_item(tmp_path, old="old", new="new")
    inode = (tmp_path / item.part).stat().st_ino
    (tmp_path / "b").mkdir()
    os.link(tmp_path / "v/x", tmp_path / "b/x")
    assert not publisher(tmp_path).take_back(item, inode)
    assert (tmp_path / "v/x").read_text() == "old"
    assert (tmp_path / "v/x").stat().st_nlink == 1
    assert sorted(file.name for file in (tmp_path / "v").iterdir()) == ["x"]


def test_take_back_leaves_what_somebody_else_wrote(tmp_path: Path) -> None:
    item = make_item(tmp_path, old=None, new="new")
    inode = (tmp_path / item.part).stat().st_ino
    publisher(tmp_path).publish(item)
    (tmp_path / "other").write_text("somebody else's")
    os.rename(tmp_path / "other", tmp_path / "v/x")
    assert not publisher(tmp_path).take_back(item, inode)
    assert (tmp_path / "v/x").read_text() == "somebody else's"


def test_what_came_meanwhile_is_backed_up(tmp_path: Path) -> None:
    item = make_item(tmp_path, old=None, new="new")
    (tmp_path / "v/x").write_text("somebody else's")
    assert publisher(tmp_path).publish(item)
    assert (tmp_path / "b/x").read_text() == "somebody else's"


def test_backup_is_copied_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_keywords: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    item = make_item(tmp_path, old="old", new="new")
    monkeypatch.setattr(os, "link", refuse)
    assert publisher(tmp_path).publish(item)
    assert (tmp_path / "b/x").read_text() == "old"
    assert (tmp_path / "v/x").read_text() == "new"


@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("when", ["staged", "linked", "renamed", "part lost", "touched"])
def test_settle_after_a_crash(tmp_path: Path, old: str | None, when: str) -> None:
    item = make_item(tmp_path, old=old, new="new")
    expected, content = "published", "new"
    if when == "linked" and old is not None:
        (tmp_path / "b").mkdir()
        os.link(tmp_path / "v/x", tmp_path / "b/x")
    elif when == "renamed":
        publisher(tmp_path).publish(item)
    elif when == "part lost":
        (tmp_path / "v/.x.part").write_text("cut o")
        expected, content = "dropped", old or ""
    elif when == "touched":
        (tmp_path / "v/x").write_text("somebody else's")
        expected, content = "touched", "somebody else's"
    assert publisher(tmp_path).settle(item) == expected
    assert ((tmp_path / "v/x").read_text() if (tmp_path / "v/x").exists() else "") == content
    if when != "touched":
        assert not (tmp_path / "v/.x.part").exists()
    if old is not None and expected == "published":
        assert (tmp_path / "b/x").read_text() == old


def test_filesystems_are_told_apart(tmp_path: Path) -> None:
    proc, here = filesystem_of(Path("/proc")), filesystem_of(tmp_path / "not/there/yet")
    assert proc.kind == "proc"
    assert proc.identity != here.identity
    assert not syncfs_is_trusted(proc)
    assert here.device == os.stat(tmp_path).st_dev
    assert existing(tmp_path / "a/b") == tmp_path
    free, _, total = room(tmp_path / "a")
    assert 0 < free <= total


@pytest.mark.parametrize("per_file", [True, False])
def test_flush_reports_what_it_cannot_reach(tmp_path: Path, per_file: bool) -> None:
    (tmp_path / "x").write_text("1")
    flusher = Flusher(tmp_path, per_file=per_file)
    flusher.flush([str(tmp_path / "x")], {str(tmp_path)})
    if flusher.per_file:
        with pytest.raises(OSError, match="No such file"):
            flusher.flush([str(tmp_path / "gone")], set())
    flusher.close()


def test_short_writes_go_on(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, True)
    write_all(writer, b"x" * 1000)
    os.close(writer)
    assert os.read(reader, 2000) == b"x" * 1000
    os.close(reader)


def test_a_way_that_ends_early_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    way = Way(str(tmp_path))
    for before in ("a", "a/b", ""):
        way.open(before)
        with pytest.raises(FileNotFoundError):
            way.open("a/b/missing")
        assert os.fstat(way.open(before)).st_ino == os.stat(tmp_path / before).st_ino
    way.close()
