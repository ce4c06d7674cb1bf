"""The dialogue of `opsconsole procedure` on a real pty of a terminal that can nothing but print lines."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.cli.harness import HELD, Terminal, catches, held_run, rows, until
from tests.engine.procedures.support import HEAD, step, write_procedure
from tests.support import make_workspace, valid_record

FILES = {"alpha/x.json": [valid_record(1)], "beta/y.json": [valid_record(2)]}
NOW = r"What now\?"
STEPS = (
    step("read", "explain", 'text = "Read this first."'),
    step("which", "input", 'value = "source"', 'of = "source"'),
    step("go", "action", 'action = "migrate"', "with = { source = '{source}' }", "after = [{ probe = 'run-log' }]"),
    step("list", "command", "command = 'ls data/transformed/validated/{source}; cat'"),
    step("well", "choose"),
    "[[step.branch]]\nlabel='It is well'\nto='write'\nevidence = [{ probe = 'run-log', text = 'no error' }]\n",
    "[[step.branch]]\nlabel='Take it back'\nto='back'\n",
    step("back", "action", 'action = "rollback"'),
    step("write", "record", 'text = "Say how it was."'),
)


def workspace(folder: Path, *steps: str, files: dict[str, object] | None = None, **config: object) -> Path:
    root = make_workspace(folder / "ws", FILES if files is None else files, config)
    write_procedure(root, HEAD + "".join(steps or STEPS))
    return root


class Talk(Terminal):
    """The dialogue, and what it showed last."""

    def __init__(self, root: Path, *args: str, **env: str) -> None:
        state = {"XDG_STATE_HOME": str(root.parent / "state"), "TERM": "dumb", **env}
        super().__init__(root, "procedure", *args, env=state)
        self.page = ""

    def asked(self, question: str = NOW) -> str:
        """What was shown up to a question."""
        self.page = self.expect(question).replace("\r\n", "\n")
        assert "\x1b" not in self.page and "\r" not in self.page and "Traceback" not in self.page
        return self.page

    def say(self, text: str, question: str = NOW) -> str:
        """Answer, and what is shown up to the next question."""
        self.type(text)
        return self.asked(question)

    def press(self, key: str) -> None:
        """As a person presses it: some time after the question. Between its last look at signals and the read itself
        a program does not hear of one, and no hand is so quick."""
        stat = Path(f"/proc/{self.child.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "the program to wait")
        super().press(key)

    def hang_up(self) -> None:
        self.child.close(force=True)


def events(root: Path) -> list[dict[str, object]]:
    (journal,) = (root / ".opsconsole/sessions").glob("*.jsonl")
    return [json.loads(line) for line in journal.read_text().splitlines()]


def kinds(root: Path) -> list[object]:
    return [each["event"] for each in events(root)]


def published(root: Path) -> list[str]:
    zone = root / "data/transformed/validated"
    return sorted(str(path.relative_to(zone)) for path in zone.rglob("*.json"))


def test_a_procedure_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    talk = Talk(root, "start", "try")
    assert re.search(r"step 1 of 7: Step read\n  Read this first\.", talk.asked())
    assert "[t]ick and go on" in talk.page and "[b]ack" not in talk.page and "[q]uit" in talk.page
    assert re.search(r"1  alpha\n +2  beta", talk.say("t"))
    assert "there is no source 'gamma'" in talk.say("gamma")
    page = talk.say("2")
    assert (
        "step 3 of 7: Step go" in page and "migrate --source beta --yes" in page and "to be done: do it first" in page
    )
    assert "do it first" in talk.say("t")
    assert "1 file to read: 1 new" in talk.say("d", r"\[y/N\]")
    assert "Nothing was changed." in talk.say("n")
    talk.say("d", r"\[y/N\]")
    page = talk.say("y")
    assert re.search(r"migrate \w{4}: done, 1 published", page) and "ok       the log has no errors" in page
    assert published(root) == ["beta/y.json"]
    assert "ls data/transformed/validated/beta; cat" in talk.say("t")
    assert "for at most" in talk.say("d", "Type yes to go on:")
    assert "Nothing was run." in talk.say("y")
    talk.say("d", "Type yes to go on:")
    assert "  y.json\n" in talk.say("yes") and "exit status 0" in talk.page
    page = talk.say("t")
    assert re.search(r"1  It is well\n +for it +no error", page) and "2  Take it back" in page
    assert "from 1 to 2" in talk.say("3")
    assert "Type ws to go on:" in talk.say("2") or "step 6 of 7: Step back" in talk.page
    assert f"--confirm {root.name}" in talk.page
    talk.say("d", "Type ws to go on:")
    assert "Nothing was changed." in talk.say("yes") and published(root) == ["beta/y.json"]
    talk.say("d", "Type ws to go on:")
    assert re.search(r"rollback \w{4}: done", talk.say("ws")) and published(root) == []
    assert "write down what was done and seen" in talk.say("t") and "step 7 of 7" in talk.page
    talk.say("t")
    talk.say("n", r"\(Enter: nothing\):")
    talk.say("It was beta, and all of it.")
    talk.type("t")
    status, rest = talk.end()
    assert status == 0 and "It is done" in rest and "\x1b" not in rest
    told = kinds(root)
    assert [kind for kind in told if kind not in ("looked", "note")] == [
        "started", "ticked", "value", "ticked", "run", "ran", "ticked", "command", "ticked", "chosen",
        "run", "ran", "ticked", "ticked",
    ]  # fmt: skip
    (command,) = [each for each in events(root) if each["event"] == "command"]
    assert command["data"]["output"] == "y.json\n" and command["data"]["status"] == 0  # type: ignore[index]


def test_cut_at_every_step_it_goes_on_from_another_terminal_at_the_same_step(tmp_path: Path) -> None:
    """By a line that drops, by kill -9, by Ctrl-C: each once at every step, what was half typed is nothing."""
    root = workspace(tmp_path)
    ways = ["hang up", "kill", "ctrl-c"]
    doings: list[list[tuple[str, str]]] = [
        [("t", NOW)],
        [("alpha", NOW)],
        [("d", r"\[y/N\]"), ("y", NOW), ("t", NOW)],
        [("d", "Type yes to go on:"), ("yes", NOW), ("t", NOW)],
        [("1", NOW)],
        [("n", r"nothing\):"), ("all is well", NOW)],
    ]
    titles = ["1 of 7: Step read", "2 of 7: Step which", "3 of 7: Step go", "4 of 7: Step list", "5 of 7: Step well",
              "7 of 7: Step write"]  # fmt: skip
    first = True
    for number, (title, doing) in enumerate(zip(titles, doings, strict=True)):
        talk = Talk(root, *(["start", "try"] if first else ["resume"]))
        first = False
        assert f"step {title}" in talk.asked(), talk.page
        for said, question in doing:
            talk.say(said, question)
        match ways[number % 3]:
            case "hang up":
                talk.child.send("half a li")
                talk.hang_up()
            case "kill":
                os.kill(talk.child.pid, signal.SIGKILL)
                assert talk.end()[0] == 128 + signal.SIGKILL
            case _:
                talk.press("c")
                status, rest = talk.end()
                assert status == 130 and "The session stays open at step" in rest and "procedure resume" in rest
    talk = Talk(root, "resume")
    assert "step 7 of 7" in talk.asked()
    talk.type("t")
    assert talk.end()[0] == 0
    assert published(root) == ["alpha/x.json"]
    assert kinds(root).count("run") == kinds(root).count("ran") == kinds(root).count("command") == 1


def test_two_at_once_see_what_the_other_did(tmp_path: Path) -> None:
    root = workspace(tmp_path, step("one", "explain", 'text = "x"'), step("two", "manual", 'text = "y"'))
    ana = Talk(root, "start", "try")
    ana.asked()
    bob = Talk(root, "resume")
    assert "step 1 of 2" in bob.asked()
    assert "step 2 of 2" in bob.say("t")
    page = ana.say("t")
    assert "has taken this session on meanwhile: ticked at one" in page
    assert re.search(r"\(/dev/pts/\d+\) ticked at step 1", page) and "step 2 of 2: Step two" in page
    bob.say("n", r"nothing\):")
    bob.say("bob was here")
    assert "noted at step 2: bob was here" in ana.say("l")
    ana.say("h", "should whoever goes on know")
    ana.type("finish it")
    assert ana.end()[0] == 0
    page = bob.say("t")
    assert (
        "has taken this session on meanwhile: handed-over at two" in page and "handed over at step 2: finish it" in page
    )
    bob.type("t")
    assert bob.end()[0] == 0


def test_a_run_that_is_left_alone_is_found_again_from_another_terminal(tmp_path: Path) -> None:
    root = workspace(tmp_path, step("go", "action", 'action = "migrate"'))
    talk = Talk(root, "start", "try", **HELD)
    talk.asked()
    talk.say("d", r"\[y/N\]")
    talk.type("y")
    with held_run(root):
        talk.press("c")
        talk.asked(r"watching\? \[g\]")
        page = talk.say("d")
        assert "goes on" in page and "has not ended yet" in page and "[d]: watch the run" in page
        assert "has not ended yet" in talk.say("t")
        talk.type("d")
        until(lambda: catches(talk.child, signal.SIGHUP), "the run to be watched")  # type: ignore[arg-type]
        talk.hang_up()
        other = Talk(root, "resume")
        assert "has not ended yet" in other.asked()
        other.type("d")
        until(lambda: rows(root, "SELECT 1 FROM runs WHERE status = 'running'"), "the run to go on")
    page = other.asked()
    assert re.search(r"migrate \w{4}: done, 2 published", page)
    other.type("t")
    assert other.end()[0] == 0
    assert kinds(root).count("ran") == 1 and published(root) == ["alpha/x.json", "beta/y.json"]


def test_a_short_act_is_shown_and_asked_for(tmp_path: Path) -> None:
    act = step("one", "action", 'action = "maintenance on"', "with = { reason = 'it is {session}' }",
               "after = [{ probe = 'maintenance' }]")  # fmt: skip
    root = workspace(tmp_path, act, files={})
    talk = Talk(root, "start", "try")
    assert "not yet  maintenance is on" in talk.asked() and "FAIL" not in talk.page
    assert "maintenance on --reason 'it is 2" in talk.say("d", r"\[y/N\]")
    assert "Nothing was changed." in talk.say("") and not (root / ".opsconsole/maintenance.json").exists()
    talk.say("d", r"\[y/N\]")
    assert "maintenance since" in talk.say("y") and "ok       maintenance is on" in talk.page
    talk.type("t")
    assert talk.end()[0] == 0


def test_what_the_gate_refuses_can_be_released_with_a_reason(tmp_path: Path) -> None:
    ready = {"name": "ready", "text": "Everybody was told", "sign_off": True}
    steps = (step("go", "action", 'action = "migrate"'), step("two", "explain", 'text = "x"'))
    root = workspace(tmp_path, *steps, checklists={"preflight": [ready]}, gate={"ready": "block"})
    talk = Talk(root, "start", "try")
    talk.asked()
    assert "ready: nobody has signed it off (blocks)" in talk.say("d", "leave it refused:")
    assert "refused by ready" in talk.say("")
    talk.say("d", "leave it refused:")
    assert "(released: told them by telephone)" in talk.say("told them by telephone", r"\[y/N\]")
    talk.say("y")
    assert "step 2 of 2" in talk.say("t")
    assert rows(root, "SELECT overrides FROM runs") == [('{"ready": "told them by telephone"}',)]
    talk.say("b")
    talk.say("d", "leave it refused:")
    assert "There is nothing to do. Run migrate all the same" in talk.say("again", r"\[y/N\]")
    talk.press("c")
    assert talk.end()[0] == 130


def test_a_command_that_takes_too_long_or_is_interrupted_is_ended_and_kept(tmp_path: Path) -> None:
    command = "command = 'echo begun; sleep 90'"
    root = workspace(
        tmp_path, step("one", "command", command, "seconds = 1"), step("two", "command", command), files={}
    )
    talk = Talk(root, "start", "try")
    talk.asked()
    talk.say("d", "Type yes to go on:")
    page = talk.say("yes")
    assert "it took longer than 1 s and was ended" in page and "was ended before it was done" in page
    assert "was ended before it was done" in talk.say("t")
    talk.say("s", r"nothing\):")
    assert "step 2 of 2" in talk.say("the disk does not answer")
    talk.say("d", "Type yes to go on:")
    talk.type("yes")
    talk.expect("begun")
    talk.press("c")
    assert "it was interrupted and ended" in talk.asked()
    talk.say("a", r"nothing\):")
    talk.type("a false alarm")
    status, rest = talk.end()
    assert status == 1 and "It is abandoned" in rest
    first, second = [each["data"] for each in events(root) if each["event"] == "command"]
    assert first["status"] is None and first["output"].startswith("begun\n(it took longer")  # type: ignore[index]
    assert "interrupted" in second["output"]  # type: ignore[index]


def test_values_that_are_no_letters_of_ours(tmp_path: Path) -> None:
    """A source may be called as a letter is; a number may be meant as one."""
    root = workspace(
        tmp_path, step("one", "input", 'value = "source"', 'of = "source"'),
        step("two", "input", 'value = "n"', 'of = "number"', 'default = "7"'),
        step("three", "input", 'value = "why"', "optional = true"),
        files={"a/x.json": [valid_record(1)], "q/\x1b[31m.json": [valid_record(2)]},
    )  # fmt: skip
    talk = Talk(root, "start", "try")
    assert "1  a" in talk.asked()
    assert "step 2 of 3" in talk.say("a")
    assert "Enter: 7" in talk.page and "step 3 of 3" in talk.say("")
    assert "Enter leaves it open" in talk.page
    assert "=d is the value d" in talk.say("d")
    talk.type("=d")
    assert talk.end()[0] == 0
    said = [(each["data"]["name"], each["data"]["value"]) for each in events(root) if each["event"] == "value"]  # type: ignore[index]
    assert said == [("source", "a"), ("n", "7"), ("why", "d")]


def test_bytes_that_are_no_utf_8_are_kept_as_what_they_are(tmp_path: Path) -> None:
    """From a terminal of another character set: the note counts, and nothing breaks."""
    root = workspace(tmp_path, files={})
    talk = Talk(root, "start", "try", PYTHONIOENCODING="utf-8:strict")  # as where the locale is one of UTF-8
    talk.asked()
    talk.say("n", r"nothing\):")
    os.write(talk.child.child_fd, b"gr\xfc\xdfe\n")
    talk.asked()
    talk.type("q")
    assert talk.end()[0] == 0
    assert events(root)[-1]["data"] == {"text": "gr\\xfc\\xdfe"}


@pytest.mark.parametrize("how", ["q", "end of input"])
def test_left_open(tmp_path: Path, how: str) -> None:
    root = workspace(tmp_path, files={})
    talk = Talk(root, "start", "try")
    talk.asked()
    if how == "q":
        talk.type("q")
    else:
        talk.press("d")
    status, rest = talk.end()
    assert status == 0 and "stays open at step 1 of 7" in rest and "procedure resume" in rest
    assert kinds(root) == ["started"]
