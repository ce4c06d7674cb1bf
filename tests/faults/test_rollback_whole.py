"""Folders that go whole: read ahead, renamed once, with the same care as file by file."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.engine.actions.change import ahead, batches
from console.engine.actions.change.ahead import ReadAhead
from console.engine.actions.change.disk import Disk
from console.engine.actions.change.model import Change
from console.engine.actions.change.whole import WholeFolders
from console.engine.actions.rollback.model import RollbackParams
from console.engine.model import MigrateParams
from console.engine.settings import Settings
from console.engine.transfer.publish import rename_new, standing
from tests.faults.checker import BACKUPS, VALIDATED, differences, picture, sha256_of
from tests.faults.inside import Inside
from tests.faults.test_rollback import undone
from tests.support import make_workspace, valid_record, write_raw

CHANGE = "console.engine.actions.change"
FILES = [f"alpha/{name}/data.json" for name in ("a", "b", "c", "d")]


@pytest.fixture
def inside(place: Path) -> Inside:
    """A workspace with a file in each of four folders, none published."""
    make_workspace(place / "ws", {name: [valid_record(n)] for n, name in enumerate(FILES)}, {"workers": 1})
    return Inside((place / "ws").resolve())


@contextmanager
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bool]]:
    """Which folders were tried, and whether they went whole."""
    found: dict[str, bool] = {}
    take = WholeFolders.take

    def watched(self: WholeFolders, folder: str, changes: list[Change]) -> bool:
        found[os.path.basename(folder)] = went = take(self, folder, changes)
        return went

    with monkeypatch.context() as patch:
        patch.setattr(WholeFolders, "take", watched)
        yield found


def before_rename(monkeypatch: pytest.MonkeyPatch, folder: str, act: Callable[[], object]) -> None:
    """Somebody acts at the last moment before a folder is renamed, once."""
    acted: list[object] = []

    def late(source: str, target: str, *folders: int) -> bool:
        if source == folder and not acted:
            acted.append(act())
        return rename_new(source, target, *folders)

    monkeypatch.setattr(f"{CHANGE}.whole.rename_new", late)


def test_every_folder_goes_whole(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    with seen(monkeypatch) as went:
        undone(inside, inside.migrate)
    assert went == dict.fromkeys("abcd", True)


def test_its_mode_comes_back(inside: Inside) -> None:
    done = inside.migrate()
    folder = inside.root / VALIDATED / "alpha/a"
    folder.chmod(0o2750)
    before = picture(inside.root)
    back = inside.rollback(done.id)
    assert not folder.exists()
    assert inside.rollback(back.id).status == 0
    assert folder.stat().st_mode & 0o7777 == 0o2750
    assert differences(before, picture(inside.root)) == []


def test_folders_that_stand_after_a_crash_are_not_said_to_be_gone(inside: Inside) -> None:
    done = inside.migrate()
    folder = inside.root / VALIDATED / "alpha/b"
    assert inside.killed("rollback", RollbackParams(done.id), "change.intended:1")
    (folder / "data.json").write_text("touched")
    inside.run("migrate", MigrateParams(), recovery="looked at")
    assert (folder / "data.json").read_text() == "touched"
    gone = {path for (path,) in inside.ledger("SELECT path FROM folders_gone")}
    assert f"{VALIDATED}/alpha/a" in gone and f"{VALIDATED}/alpha/b" not in gone


@pytest.mark.parametrize("failpoint", ["change.intended:1", "change.taken:1", "change.taken:3", "change.done:1"])
def test_its_mode_comes_back_after_a_crash(inside: Inside, failpoint: str) -> None:
    done = inside.migrate()
    folder = inside.root / VALIDATED / "alpha/a"
    folder.chmod(0o2750)
    assert inside.killed("rollback", RollbackParams(done.id), failpoint)
    inside.rollback(done.id)
    assert not folder.exists()
    # what the dead one took is its own to give back
    for row in reversed([row for row in inside.runs() if row.action == "rollback"]):
        inside.rollback(row.id)
    assert (folder / "data.json").exists()
    assert folder.stat().st_mode & 0o7777 == 0o2750


def test_what_else_lies_in_it_stays(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    done = inside.migrate()
    notes = inside.root / VALIDATED / "alpha/b/notes.txt"
    notes.write_text("mine")
    (inside.root / VALIDATED / "alpha/c/empty").mkdir()
    with seen(monkeypatch) as went:
        back = inside.rollback(done.id)
    assert (back.status, back.counts) == (0, {"removed": 4}), back.text
    assert went == {"a": True, "b": False, "c": False, "d": True}
    assert notes.read_text() == "mine"
    assert sorted(os.listdir(inside.root / VALIDATED / "alpha")) == ["b", "c"]
    assert os.listdir(inside.root / VALIDATED / "alpha/c") == ["empty"]


@pytest.mark.parametrize("how", ["bytes", "link", "folder"])
def test_another_file_in_its_place_stays(inside: Inside, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    done = inside.migrate()
    file = inside.root / VALIDATED / "alpha/b/data.json"
    facts = file.stat()
    data = file.read_bytes()
    if how == "bytes":  # of the same length and time: only reading tells
        file.write_bytes(data.replace(b"1", b"2"))
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert file.stat().st_size == facts.st_size
        assert file.read_bytes() != data
    else:
        file.unlink()
        file.symlink_to("/etc/hostname") if how == "link" else file.mkdir()
    with seen(monkeypatch) as went:
        back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"removed": 3, "left_alone": 1}), back.text
    assert went == {"a": True, "b": False, "c": True, "d": True}
    assert os.path.lexists(file)


def test_what_is_put_there_while_it_goes_comes_back(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look into the folder and its rename somebody writes into it."""
    done = inside.migrate()
    late = inside.root / VALIDATED / "alpha/b/late.txt"
    before_rename(monkeypatch, "b", lambda: late.write_text("mine"))
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (0, {"removed": 4}), back.text
    assert late.read_text() == "mine"
    assert os.listdir(late.parent) == ["late.txt"]
    assert os.listdir(inside.root / BACKUPS / back.id / "alpha/b") == ["data.json"]


def test_bytes_written_after_it_was_read_ahead_are_seen(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same size, same time, same inode: the time of its last change, which nobody can set, tells."""
    done = inside.migrate()
    file = inside.root / VALIDATED / "alpha/b/data.json"
    facts = file.stat()
    begin = ReadAhead.begin

    def late(self: ReadAhead, files: Iterable[tuple[str, int]], beat: Callable[[], object]) -> None:
        begin(self, files, beat)
        assert self.read(str(file)) is not None  # it has been read by now
        file.write_bytes(file.read_bytes().replace(b"1", b"2"))
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    monkeypatch.setattr(ReadAhead, "begin", late)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"removed": 3, "left_alone": 1}), back.text


@pytest.mark.parametrize("how", ["anew", "swapped", "link"])
def test_another_version_at_the_last_moment_stays(inside: Inside, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The names are the same afterwards: what they are names of is not."""
    done = inside.migrate()
    file = inside.root / VALIDATED / "alpha/b/data.json"
    facts = file.stat()

    def act() -> None:
        if how == "link":
            file.rename(inside.root / "elsewhere.json")
            file.symlink_to(inside.root / "elsewhere.json")
            return
        new = file.with_suffix(".new")
        new.write_bytes(file.read_bytes().replace(b"1", b"2"))
        os.utime(new, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        if how == "swapped":
            file.rename(inside.root / "former.json")
        new.rename(file)

    before_rename(monkeypatch, "b", act)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"removed": 3, "left_alone": 1}), back.text
    assert os.path.lexists(file) and not (inside.root / BACKUPS / back.id / "alpha/b").exists()


def test_a_folder_whose_time_was_put_back_is_looked_at(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """As copying programs do it: a name came after it was listed, and its time says that none did."""
    done = inside.migrate()
    folder = inside.root / VALIDATED / "alpha/b"
    facts = folder.stat()
    begin = ReadAhead.begin

    def late(self: ReadAhead, files: Iterable[tuple[str, int]], beat: Callable[[], object]) -> None:
        begin(self, files, beat)
        assert self.read(str(folder / "data.json")) is not None
        (folder / "late.txt").write_text("mine")
        os.utime(folder, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    monkeypatch.setattr(ReadAhead, "begin", late)
    back = inside.rollback(done.id)
    assert back.counts == {"removed": 4}, back.text
    assert (folder / "late.txt").read_text() == "mine"


def test_what_was_carried_along_into_a_crash_comes_back(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    done = inside.migrate()
    late = inside.root / VALIDATED / "alpha/b/late.txt"

    def last(source: str, target: str, *folders: int) -> bool:
        if source != "b":
            return rename_new(source, target, *folders)
        late.write_text("mine")
        rename_new(source, target, *folders)
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(f"{CHANGE}.whole.rename_new", last)
        assert inside.killed("rollback", RollbackParams(done.id), "")
    assert not late.exists()
    inside.migrate()
    assert late.read_text() == "mine"


def test_a_batch_of_files_left_alone_forgets_no_mode(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the batch before it took stays taken, whatever this one finds."""
    monkeypatch.setattr(batches, "_FILES", 1)
    done = inside.migrate()
    for name in FILES[:2]:  # the oldest ones: they come last
        write_raw(inside.root, name, [valid_record(77)])
    inside.run("migrate", MigrateParams())
    folder = inside.root / VALIDATED / "alpha/d"
    folder.chmod(0o2750)
    back = inside.rollback(done.id)
    assert back.counts == {"removed": 2, "left_alone": 2}, back.text
    assert inside.rollback(back.id).status == 0
    assert folder.stat().st_mode & 0o7777 == 0o2750
    inside.rollback(inside.row(back.id).id)


@pytest.mark.parametrize("case", ["plain", "foreign", "link", "other file system", "a folder over two batches"])
def test_nothing_is_read_twice(place: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """What cannot go whole goes file by file, by what was read ahead."""
    if case == "a folder over two batches":
        monkeypatch.setattr(batches, "_FILES", 3)
        files = [f"alpha/all/{n}.json" for n in range(8)]
    else:
        files = [f"alpha/{n}/data.json" for n in range(8)]
    make_workspace(place / "ws", {name: [valid_record(n)] for n, name in enumerate(files)}, {"workers": 1})
    inside = Inside((place / "ws").resolve())
    done = inside.migrate()
    validated = inside.root / VALIDATED / "alpha"
    if case == "foreign":
        (validated / "3/notes.txt").write_text("mine")
    elif case == "link":
        (validated / "3/data.json").rename(place / "elsewhere")
        (validated / "3/data.json").symlink_to(place / "elsewhere")
    elif case == "other file system":
        monkeypatch.setattr(f"{CHANGE}.whole.rename_new", _other_file_system)
    monkeypatch.setattr(ahead, "_CHUNK_FILES", 2)
    read: list[str] = []

    def counted(path: str) -> str:
        read.append(path)
        return standing(path)

    monkeypatch.setattr(f"{CHANGE}.ahead.standing", counted)
    back = inside.rollback(done.id)
    assert back.counts.get("removed") == 8 - (case == "link"), back.text
    assert len(read) == (case == "link")


def _other_file_system(*_given: object) -> bool:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def test_the_end_does_not_wait_for_the_reader(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, said = os.pipe()

    def for_ever(_paths: object) -> None:
        os.write(said, b"x")
        signal.pause()

    monkeypatch.setattr(ahead, "_read", for_ever)
    reader = ReadAhead(place / "lock", place / "stderr")
    (pid,) = reader._pool.pids
    reader._pool._workers[0].send((0, ["a"]), 1.0)
    assert os.read(pipe, 1) == b"x"
    reader.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_reader_may_die(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    done = inside.migrate()
    begin = ReadAhead.begin

    def killed(self: ReadAhead, files: Iterable[tuple[str, int]], beat: Callable[[], object]) -> None:
        for pid in self._pool.pids:
            os.kill(pid, signal.SIGKILL)
        begin(self, files, beat)

    monkeypatch.setattr(ReadAhead, "begin", killed)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (0, {"removed": 4}), back.text
    assert not list((inside.root / VALIDATED).rglob("*.json"))


@pytest.mark.parametrize("forks", [0, 1])
def test_without_a_reader_it_is_done_alone(inside: Inside, monkeypatch: pytest.MonkeyPatch, forks: int) -> None:
    """No process more for this user, at the start or when the reader has died."""
    done = inside.migrate()
    fork, turns, begin = os.fork, [0], ReadAhead.begin

    def refused() -> int:
        turns[0] += 1
        if turns[0] > forks:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    def killed(self: ReadAhead, files: Iterable[tuple[str, int]], beat: Callable[[], object]) -> None:
        for pid in self._pool.pids:
            os.kill(pid, signal.SIGKILL)
        begin(self, files, beat)

    monkeypatch.setattr(os, "fork", refused)
    monkeypatch.setattr(ReadAhead, "begin", killed)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (0, {"removed": 4}), back.text
    assert turns[0] == forks + 1


def test_a_disk_that_refuses_gives_all_of_it_back(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken whole is taken back whole, with its mode."""
    done = inside.migrate()
    folder = inside.root / VALIDATED / "alpha/a"
    folder.chmod(0o2750)
    before = picture(inside.root)
    notes = inside.root / VALIDATED / "alpha/d/notes.txt"
    notes.write_text("mine")  # this one goes file by file

    def broken(self: Disk, change: Change) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Disk, "perform", broken)
    back = inside.rollback(done.id)
    assert (back.status, back.counts) == (1, {"not_tried": 4}), back.text
    notes.unlink()
    assert differences(before, picture(inside.root)) == []
    assert folder.stat().st_mode & 0o7777 == 0o2750


def test_the_backups_are_as_large_as_if_they_were_counted(inside: Inside) -> None:
    done = inside.migrate()
    inside.rollback(done.id)
    used, files = inside.ledger(
        "SELECT used, inodes FROM samples WHERE kind = 'folder' AND name = 'backups' ORDER BY at DESC LIMIT 1"
    )[0]
    kept = [path for path in (inside.root / BACKUPS).rglob("*") if path.is_file()]
    assert (used, files) == (sum(path.stat().st_size for path in kept), len(kept)) and files == 4


def test_and_after_a_crash(inside: Inside) -> None:
    done = inside.migrate()
    assert inside.killed("rollback", RollbackParams(done.id), "change.done:1")
    inside.rollback(done.id)
    ((used, files),) = inside.ledger(
        "SELECT used, inodes FROM samples WHERE kind = 'folder' AND name = 'backups' ORDER BY at DESC LIMIT 1"
    )
    kept = [path for path in (inside.root / BACKUPS).rglob("*") if path.is_file()]
    assert (used, files) == (sum(path.stat().st_size for path in kept), len(kept)) and files == 4


def test_a_second_name_of_a_file_is_no_hindrance(inside: Inside, place: Path) -> None:
    """Somebody keeps a hard link elsewhere: its bytes are theirs, ours are where they belong."""
    done = inside.migrate()
    file = inside.root / VALIDATED / "alpha/a/data.json"
    other = place / "mine.json"
    os.link(file, other)
    sha256 = sha256_of(file)
    back = inside.rollback(done.id)
    assert back.counts == {"removed": 4}, back.text
    assert sha256_of(other) == sha256_of(inside.root / BACKUPS / back.id / "alpha/a/data.json") == sha256


def test_settings_know_the_zones(inside: Inside) -> None:
    """A folder that is a zone's own is never renamed."""
    settings: Settings = inside.context().settings
    disk = Disk(str(inside.root), settings, "run", lambda name: None)
    change = Change("take", f"{VALIDATED}/x.json", f"{BACKUPS}/run/x.json", "", "0" * 64, "", 1, "removed", "x.json")
    assert not WholeFolders(disk).take(VALIDATED, [change])
    assert (inside.root / VALIDATED).is_dir()
