"""Journals: two writers, one killed in a line, a full disk, a folder that cannot be written, strange lines."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from console.engine.errors import EngineError, ReadOnlyError, UsageError
from console.engine.procedures import guide, journal
from console.engine.procedures.journal import MovedOnError, find_session, load_session, session_names, sessions
from console.engine.procedures.session import Session
from tests.engine.procedures.support import HEAD, operator, step, told, workspace, write_procedure
from tests.support import PROJECT

TWO = (step("one", "explain", 'text = "x"'), step("two", "record", 'text = "y"'))
HOSTILE = 'a\'; rm -rf / #\n\x1b[2J\u202e \udcff \U0001f525 {"n": 1}'


def place(root: Path, session: Session) -> Path:
    return root / ".opsconsole/sessions" / f"{session.id}.jsonl"


def test_what_anybody_says_comes_back_as_it_was_said(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root, "an\udcffa", "/dev/pts/\udcfe")
    session = guide.note(ctx, guide.start(ctx, "try"), HOSTILE)
    assert session.entries[-1].data["text"] == HOSTILE.replace("\udcff", "\\xff")
    assert session.entries[-1].by == "an\\xffa"
    assert len(place(root, session).read_bytes().splitlines()) == 2
    assert told(guide.resume(ctx, session.short)) == ["started", "note"]  # the same person at the same terminal


def test_many_writers_lose_nothing_and_write_over_nothing(tmp_path: Path) -> None:
    """Each looks where it is, then writes: what was refused is tried again, what was kept is there once."""
    root = workspace(tmp_path / "ws", *TWO)
    begun = guide.start(operator(root), "try")
    refused: list[str] = []

    def work(name: str) -> None:
        ctx = operator(root, name)
        for number in range(15):
            while True:
                try:
                    guide.note(ctx, guide.reload(ctx, begun), f"{name} {number}")
                    break
                except MovedOnError as error:
                    refused.append(error.what)

    threads = [threading.Thread(target=work, args=[name]) for name in ("ana", "bob", "cem")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = guide.reload(operator(root), begun).entries[1:]
    assert [entry.n for entry in entries] == list(range(2, 47))
    for name in ("ana", "bob", "cem"):
        assert [e.data["text"] for e in entries if e.by == name] == [f"{name} {number}" for number in range(15)]
    assert (
        all(word in refused[0] for word in ("has taken this session on meanwhile: note at one",)) if refused else True
    )


def test_nobody_else_writes_between_the_look_and_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    held: list[bool] = []
    real = journal.read_journal

    def look(data: bytes) -> object:
        with open(place(root, session), "rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append(False)
            except BlockingIOError:
                held.append(True)
        return real(data)

    monkeypatch.setattr(journal, "read_journal", look)
    guide.note(ctx, session, "abc")
    assert held == [True, False]  # while it is written, and while it is read afterwards


def test_who_is_behind_is_told_who_did_what_and_nothing_is_written(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ana, bob = operator(root), operator(root, "bob", "/dev/pts/8")
    session = guide.start(ana, "try")
    guide.tick(bob, guide.resume(bob, session.short))
    with pytest.raises(MovedOnError, match="bob has taken this session on meanwhile: ticked at one"):
        guide.skip(ana, session, "no need of it")
    assert told(guide.reload(ana, session)) == ["started", "resumed", "ticked"]


def test_that_somebody_looks_keeps_nobody_from_going_on(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", step("one", "probe", "checks = [{ probe = 'other-run' }]"), TWO[1])
    ana, bob = operator(root), operator(root, "bob", "/dev/pts/8")
    session = guide.start(ana, "try")
    guide.look(bob, guide.resume(bob, session.short))
    assert told(guide.tick(ana, session)) == ["started", "resumed", "looked", "looked", "ticked"]


def test_a_journal_cut_at_any_byte_tells_its_whole_lines_and_is_gone_on_with(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.note(ctx, guide.tick(ctx, guide.start(ctx, "try")), "zwei\nZeilen")
    path, data = place(root, session), place(root, session).read_bytes()
    first = data.index(b"\n") + 1
    for cut in range(first, len(data), 2):
        path.write_bytes(data[:cut])
        found = load_session(ctx, session.id)
        assert found.seq == data[:cut].count(b"\n") and not found.trouble
        if cut % 7 == 0:
            again = guide.hand_over(ctx, found, "to the next one")
            assert told(again) == [*told(found), "handed-over"]
    path.write_bytes(data + b"\0" * 90 + b"\n")  # blocks that a power cut left empty
    assert told(guide.note(ctx, load_session(ctx, session.id), "goes on")) == ["started", "ticked", "note", "note"]


_HALF = """
import os, signal, sys
from console.engine.context import open_context
from console.engine.procedures import guide, journal
real = journal.os.fsync
def die(descriptor):
    data = os.pread(descriptor, 1 << 20, 0)
    os.ftruncate(descriptor, len(data) - int(sys.argv[2]))  # so far it had come
    os.kill(os.getpid(), signal.SIGKILL)
journal.os.fsync = die
ctx = open_context(sys.argv[1])
guide.note(ctx, guide.resume(ctx), "a note of the one who is killed") if sys.argv[3] == "resumed" else None
session = journal.load_session(ctx, journal.find_session(ctx, ""))
guide.note(ctx, session, "a note of the one who is killed")
"""


@pytest.mark.parametrize("missing", [0, 40])
def test_a_writer_killed_in_the_middle_of_a_line(tmp_path: Path, missing: int) -> None:
    """What was not said to be kept may be there whole or not at all; the next one goes on in either case."""
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    killed = subprocess.run(
        [sys.executable, "-c", _HALF, str(root), str(missing), "note"],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    found = guide.reload(ctx, session)
    assert told(found) == ["started", "note"][: 1 if missing else 2]
    session = guide.tick(ctx, found)
    assert told(session)[-1] == "ticked" and session.step is not None and session.step.id == "two"
    assert all(json.loads(line) for line in place(root, session).read_text().splitlines())


@contextmanager
def no_more_than(size: int) -> Iterator[None]:
    """No file grows past `size` bytes: what a full disk does to the middle of a line (setrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [0, 1, 60])
def test_a_disk_that_is_full_in_the_middle_of_a_line(tmp_path: Path, room: int) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    before = place(root, session).read_bytes()
    ctx.workspace.reserve.write_bytes(b"x")
    with no_more_than(len(before) + room), pytest.raises(EngineError, match="Insufficient disk space") as error:
        guide.tick(ctx, session)
    assert error.value.untouched == "the session is where it was"
    assert place(root, session).read_bytes() == before
    assert not ctx.workspace.reserve.exists()  # it was given what is kept for this
    assert guide.tick(ctx, session).number == 2


def test_a_full_disk_leaves_no_name_without_a_journal(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    with no_more_than(20), pytest.raises(EngineError, match="Insufficient disk space"):
        guide.start(ctx, "try")
    assert session_names(ctx) == [] and not list((root / ".opsconsole/sessions").iterdir())


def test_where_our_folder_cannot_be_written_the_journal_lies_beside_and_says_so(
    tmp_path: Path, state_home: Path
) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    (root / ".opsconsole").write_text("somebody made a file of this name")
    session = guide.note(ctx, guide.start(ctx, "try"), "no room here")
    assert "could not be written" in session.kept_beside and str(state_home) in session.kept_beside
    assert [path.name for path in state_home.rglob("*.jsonl")] == [f"{session.id}.jsonl"]
    other = operator(workspace(tmp_path / "other", *TWO))
    assert session_names(other) == []  # it is of that workspace alone
    assert find_session(ctx, "") == session.id
    assert guide.tick(ctx, guide.resume(ctx, session.short)).number == 2


def test_a_state_folder_that_is_not_absolute_is_not_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = operator(workspace(tmp_path / "ws", *TWO))
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert str(journal.beside(ctx)).startswith(str(tmp_path / "home/.local/state/opsconsole"))
    monkeypatch.setenv("HOME", "nowhere")
    (ctx.workspace.root / ".opsconsole").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError, match="could not be written"):
        guide.start(ctx, "try")
    assert sorted(os.listdir(tmp_path)) == ["ws"]


def test_who_only_looks_reads_and_writes_nothing(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", step("one", "probe", "checks = [{ probe = 'other-run' }]"))
    session = guide.start(operator(root), "try")
    before = place(root, session).read_bytes()
    ctx = operator(root, "bob", read_only=True)
    found = guide.look(ctx, guide.resume(ctx))
    assert found.id == session.id
    for what in (
        lambda: guide.tick(ctx, found),
        lambda: guide.note(ctx, found, "abc"),
        lambda: guide.start(ctx, "try"),
    ):
        with pytest.raises(ReadOnlyError):
            what()
    assert place(root, session).read_bytes() == before


def test_what_is_too_long_is_refused_before_it_is_written(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    with pytest.raises(UsageError, match="too long"):
        guide.note(ctx, session, "x" * 20_000)
    session = guide.command_ran(ctx, session, "c" * 3000, 0, "\x1b\udcff" * 500_000, 1.0)
    assert len(session.entries[-1].data["output"]) < 200_000
    with pytest.raises(UsageError, match="too long to be kept"):
        guide.run_started(ctx, session, "r" * (1 << 20), "c")
    assert told(guide.note(ctx, session, "it goes on")) == ["started", "command", "note"]


def test_a_large_definition_can_be_started(tmp_path: Path) -> None:
    text = 'text = """' + '"é\t' * 1300 + 'x"""'
    root = workspace(tmp_path / "ws", *(step(f"s{number}", "explain", text) for number in range(30)))
    assert guide.start(operator(root), "try").number == 1


def append(path: Path, **changes: object) -> None:
    """A line as ours, with something else in it."""
    data = path.read_bytes()
    document = {**orjson.loads(data.splitlines()[-1]), "n": data.count(b"\n") + 1, "data": {}, **changes}
    path.write_bytes(data + orjson.dumps(document) + b"\n")


STRANGE: dict[str, dict[str, object]] = {
    "an event of a newer version": {"event": "blessed"},
    "a number out of order": {"n": 9, "event": "note"},
    "an endless number": {"n": 1e300, "event": "note"},
    "data that are none": {"event": "note", "data": 3},
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_line_that_is_not_ours_is_told_and_never_written_over(tmp_path: Path, what: str) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.tick(ctx, guide.start(ctx, "try"))
    path = place(root, session)
    append(path, **STRANGE[what])
    before = path.read_bytes()
    found = load_session(ctx, session.id)
    assert found.number == 2 and "line 3 is no event that this version knows" in found.trouble
    with pytest.raises(EngineError, match="cannot be gone on with: line 3"):
        guide.note(ctx, found, "abc")
    assert path.read_bytes() == before


@pytest.mark.parametrize("event", ["ticked", "back", "chosen", "value", "run", "looked"])
def test_an_event_that_lacks_what_it_needs_is_said_in_words(tmp_path: Path, event: str) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    broken, whole = guide.start(ctx, "try"), guide.start(ctx, "try")
    append(place(root, broken), event=event)
    with pytest.raises(EngineError, match="lacks something"):
        load_session(ctx, broken.id)
    assert [each.id for each in sessions(ctx)] == [whole.id]


@pytest.mark.parametrize("how", ["empty", "pipe", "link", "folder", "text"])
def test_what_is_no_journal_stands_in_nobodys_way(tmp_path: Path, how: str) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    path = place(root, session).with_name("99991231T000000Z-try-ffff.jsonl")  # the newest
    if how == "pipe":
        os.mkfifo(path)
    elif how == "link":
        path.symlink_to(place(root, session))
    elif how == "folder":
        path.mkdir()
    else:
        path.write_text("" if how == "empty" else "hello\n")
    with pytest.raises(EngineError):
        load_session(ctx, path.stem)
    assert guide.resume(ctx).id == session.id
    assert [each.id for each in sessions(ctx)] == [session.id]


@pytest.mark.parametrize("name", ["", "x", "../try", "/etc/passwd", ".", "a\0b", "z" * 300])
def test_names_that_are_no_session(tmp_path: Path, name: str) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    with pytest.raises(UsageError):
        guide.resume(ctx, name)
    with pytest.raises(UsageError):
        load_session(ctx, name or "none")


def test_open_ones_are_found_without_reading_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = operator(workspace(tmp_path / "ws", *TWO))
    begun = [guide.start(ctx, "try") for _ in range(5)]
    guide.abandon(ctx, begun[0], "a false alarm")
    done = guide.tick(ctx, guide.note(ctx, guide.tick(ctx, begun[1]), "it is over"))
    guide.note(ctx, done, "and a word more")
    again = guide.back(ctx, guide.tick(ctx, begun[2]))
    assert journal.open_names(ctx) == [begun[4].id, begun[3].id, again.id]
    place(ctx.workspace.root, begun[3]).write_bytes(b"hello\n")
    assert begun[3].id in journal.open_names(ctx)
    assert find_session(ctx, "") == begun[4].id


def test_a_session_of_an_older_version_is_read_and_gone_on_with(tmp_path: Path) -> None:
    """Its procedure names a probe, an action and a key that this version does not have any more."""
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    old = HEAD + "".join(
        [
            step("one", "probe", "colour = 'red'", "checks = [{ probe = 'gone', parameters = { deep = 3 } }]"),
            step("two", "action", "action = 'vanish'", "with = { source = 'a' }"),
            step("three", "record", "text = 'x'"),
        ]
    )
    line = orjson.loads(place(root, session).read_bytes())
    line["data"]["source"] = old
    place(root, session).write_bytes(orjson.dumps(line) + b"\n")
    session = guide.look(ctx, guide.resume(ctx))
    assert "would not start its procedure any more" in session.trouble
    (seen,) = guide.last_seen(session, "checks")
    assert seen["verdict"] == "unknown" and not seen["good"] and "no probe" in seen["evidence"]
    with pytest.raises(EngineError, match="no probe"):
        guide.tick(ctx, session)
    session = guide.override(ctx, session, "looked at it myself")
    with pytest.raises(UsageError, match="no short act 'vanish'"):
        guide.act(ctx, session)
    session = guide.skip(ctx, session, "there is none any more")
    assert guide.tick(ctx, guide.note(ctx, session, "done by hand")).status == "done"


@pytest.mark.parametrize("source", ["", "[[", HEAD, HEAD + step("a", "dance"), HEAD + step("a", "explain", "next='b'")])
def test_one_that_nobody_could_walk_is_told_plainly(tmp_path: Path, source: str) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    line = orjson.loads(place(root, session).read_bytes())
    line["data"]["source"] = source
    place(root, session).write_bytes(orjson.dumps(line) + b"\n")
    with pytest.raises(EngineError, match="its procedure does not load") as error:
        load_session(ctx, session.id)
    assert "start the procedure anew" in error.value.next_step


def test_two_that_end_alike_are_named_and_the_whole_id_tells_them_apart(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", *TWO)
    write_procedure(root, HEAD + TWO[0], "other")
    ana, bob = operator(root), operator(root, "bob")
    first, second = guide.start(ana, "try"), guide.start(bob, "other")
    assert first.short == second.short
    with pytest.raises(UsageError, match="names 2 sessions"):
        find_session(ana, first.short)
    assert guide.resume(ana, second.id).procedure.name == "other"
    assert guide.start(operator(root), "try").id != first.id  # of the same second and with the same digits at first
