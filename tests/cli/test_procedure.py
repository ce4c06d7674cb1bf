"""`opsconsole procedure` without a dialogue: lists, statuses, notes, and what is refused where nobody can be asked."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from console.cli.main import run
from tests.engine.procedures.support import HEAD, step, write_procedure
from tests.support import make_workspace, run_cli, valid_record

STEPS = (
    step("which", "input", 'value = "folder"', 'of = "folder"', 'text = "Which folder is it?"'),
    step(
        "look",
        "probe",
        "checks = [{ probe = 'other-run' }]",
        "before = [{ probe = 'schemas', good = ['pass', 'warn'] }]",
    ),
    step("choose", "choose"),
    "[[step.branch]]\nlabel='go on'\nto='write'\nevidence = [{ probe = 'other-run' }]\n",
    "[[step.branch]]\nlabel='stop'\nto='end'\n",
    step("write", "command", "command = 'ls {folder}'"),
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = make_workspace(tmp_path / "ws")
    write_procedure(made, HEAD + "".join(STEPS))
    return made


class Say:
    """A command in this process; its standard output, where it ends with the status that is wanted."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys, self.err = root, capsys, ""

    def __call__(self, *args: str, status: int = 0, read_only: bool = False) -> str:
        self.capsys.readouterr()
        done = run(["--root", str(self.root), *(["--read-only"] if read_only else []), "procedure", *args])
        said = self.capsys.readouterr()
        self.err = said.err
        assert done == status, said
        assert "Traceback" not in said.err and "\x1b" not in said.out + said.err
        return said.out

    def json(self, *args: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in self(*args, "--json").splitlines()]


@pytest.fixture
def say(root: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    return Say(root, capsys)


def test_sessions_come_first_then_procedures_then_what_does_not_load(root: Path, say: Say) -> None:
    write_procedure(root, HEAD + step("a", "probe", "checks = [{ probe = 'dsk' }]"), "wrong")
    session = say("start", "try", "--detach").strip()
    assert f"procedure resume {session[-4:]}" in say.err
    page = say("list")
    assert page.index("Open sessions") < page.index("1 of 4: Step which") < page.index("\n  try  Try")
    assert "config/procedures/wrong.toml" in page and "step a: `checks[0].probe` is 'dsk', which is no probe" in page
    assert "perhaps disk was meant" in page
    documents = say.json("list")
    assert [each["event"] for each in documents if each.get("procedure") in ("try", None) or "own" not in each] == [
        "session", "procedure", "broken",
    ]  # fmt: skip
    assert documents[0]["session"] == session and documents[0]["step"] == "which"
    assert "does not load" in say("show", "wrong", status=2) + say.err


def test_the_steps_of_a_procedure(say: Say) -> None:
    page = say("show", "try")
    for words in (
        "1. Step which  (input: which)", "asks for a folder, `folder`", "before: every schema is there",
        "(pass or warn will do)", "- go on: leads to step 4", "speaks for it: no other run", "- stop: leads to the end",
        "shell, at most 120 s: ls {folder}",
    ):  # fmt: skip
        assert words in page
    (document,) = say.json("show", "try")
    assert [each["kind"] for each in document["steps"]] == ["input", "probe", "choose", "command"]  # type: ignore[attr-defined]
    say("show", "tri", status=2)
    assert "there is no procedure 'tri'" in say.err


def test_where_nobody_can_be_asked_the_dialogue_is_refused_and_nothing_is_made(root: Path, say: Say) -> None:
    say("start", "try", status=2)
    assert "there is no terminal to ask on" in say.err and "--detach" in say.err
    say("resume", status=2)
    assert "there is no terminal to ask on" in say.err
    assert not (root / ".opsconsole").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [("folder", "write it as NAME=VALUE"), ("source=a", "it asks for: folder"), ("folder=nowhere", "no such folder")],
)
def test_a_value_that_cannot_be(root: Path, say: Say, given: str, words: str) -> None:
    say("start", "try", "--detach", "--set", given, status=2)
    assert words in say.err
    assert not (root / ".opsconsole").exists()


def test_a_session_from_scripts(root: Path, say: Say) -> None:
    session = say("start", "try", "--detach", "--set", "folder=data").strip()
    short = session[-4:]
    say("note", short, "--note", "first \x1b[2J look")
    say("hand-over", short, "--note", "your turn")
    (document,) = say.json("status", short)
    assert (document["step"], document["number"], document["of"], document["status"]) == ("which", 1, 4, "open")
    assert document["values"] == {"folder": str(root / "data")} and document["lacking"] == ""
    page = say("status")  # of the newest open one
    assert "> 1 Step which" in page and "Handed over by" in page and "your turn" in page
    say("note", short, "--note", "x", status=2)
    assert "at least 3 letters" in say.err
    assert f"{session} is abandoned" in say("abandon", short, "--reason", "a false alarm")
    say("note", short, "--note", "too late?")
    say("hand-over", short, "--note", "nobody", status=2)
    assert "this session is over: abandoned" in say.err
    assert "abandoned" in say("status", short)
    assert "Open sessions" not in say("list") and "abandoned" in say("list", "--all")
    say("status", status=2)
    assert "no session is open" in say.err


def test_the_report_of_a_session_and_its_bundle(root: Path, say: Say, tmp_path: Path) -> None:
    session = say("start", "try", "--detach").strip()
    say("note", session, "--note", "the disk | of db7 <b>hums</b>")
    page = say("report", session, read_only=True)
    assert page.startswith("# Incident: `Try`") and "hums" in page and session in page
    bundle = tmp_path / "incident.tar.gz"
    names = say("report", session[-4:], "--bundle", str(bundle)).split()
    with tarfile.open(bundle) as archive:
        assert archive.getnames() == names and f"{session}/report.md" in names
    say("report", session, "--bundle", str(bundle), status=2)  # nothing is written over


def test_who_only_looks(root: Path, say: Say) -> None:
    session = say("start", "try", "--detach").strip()
    journal = root / f".opsconsole/sessions/{session}.jsonl"
    before = journal.read_bytes()
    for works in (("list",), ("show", "try"), ("status", session)):
        say(*works, read_only=True)
    for args in (
        ("start", "try"), ("start", "try", "--detach"), ("resume",), ("note", session, "--note", "abc"),
        ("hand-over", session, "--note", "abc"), ("abandon", session, "--reason", "abc"),
    ):  # fmt: skip
        say(*args, read_only=True, status=4)
        assert "this session is read-only" in say.err
    assert journal.read_bytes() == before


def test_sessions_that_cannot_be_told_are_listed_with_the_reason(root: Path, say: Say) -> None:
    first, second = (say("start", "try", "--detach").strip() for _ in range(2))
    (root / f".opsconsole/sessions/{second}.jsonl").write_text("\x1b[31mno journal\n")
    page = say("list")
    assert first[-4:] in page and f"{second}.jsonl" in page and "this is no journal of a session" in page
    assert any(each["event"] == "broken-session" for each in say.json("list"))
    say("status", second, status=1)
    assert "this is no journal of a session" in say.err


def test_a_journal_that_had_to_lie_beside(root: Path, say: Say, tmp_path: Path) -> None:
    (root / ".opsconsole").write_text("")
    session = say("start", "try", "--detach").strip()
    assert f"kept in {tmp_path}/state/opsconsole/sessions" in say.err
    assert session[-4:] in say("list")


def test_an_error_that_needs_recovery_says_which_procedure_and_how_to_start_it(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w s", {"alpha/x.json": [valid_record(1)]})
    assert run_cli(root, "migrate", "--yes").returncode == 0
    (root / ".opsconsole/ledger.sqlite").write_bytes(b"no ledger at all" * 4096)
    refused = run_cli(root, "migrate", "--yes")
    assert refused.returncode == 5
    assert f"step by step: opsconsole --root '{root}' procedure start damaged-ledger" in refused.stderr
