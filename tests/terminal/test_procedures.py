"""Procedures in a real terminal: one with a step of every kind walked to its end by keys, cut at the line, shared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import invalid_record, make_workspace, valid_record
from tests.terminal.screen import Terminal
from tests.terminal.test_hostile import ACTS

EVERY = """
title = "A step of every kind"
about = "Publishes one source and looks at what came of it."
symptoms = ["run:partial", "alert:failing"]

[[step]]
id = "read"
kind = "explain"
title = "Read this first"
text = "Nothing happens before you say so."

[[step]]
id = "which"
kind = "input"
title = "Which source"
value = "source"
of = "source"

[[step]]
id = "stop"
kind = "action"
title = "Stop processing"
action = "maintenance on"
with = { reason = "session {session}" }

[[step]]
id = "nobody"
kind = "probe"
title = "Nobody else works here"
checks = [{ probe = "other-run" }]

[[step]]
id = "allow"
kind = "action"
title = "Allow processing"
action = "maintenance off"

[[step]]
id = "go"
kind = "action"
title = "Publish it"
action = "migrate"
partial = true
with = { source = "{source}" }
before = [{ probe = "other-run", text = "nobody runs" }]

[[step]]
id = "came"
kind = "choose"
title = "What came of it"

[[step.branch]]
label = "All of it was published"
to = "tell"
evidence = [{ probe = "run-log" }]

[[step.branch]]
label = "Some files fail"
to = "list"

[[step]]
id = "list"
kind = "command"
title = "List what is there"
command = "ls data/transformed/validated/{source} && echo is there"

[[step]]
id = "tell"
kind = "manual"
title = "Tell the others"
text = "Say which files fail."

[[step]]
id = "why"
kind = "record"
title = "What was it"
text = "In a sentence."
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sources, one file that fails; a procedure of the workspace's own, and one that does not load."""
    files = {f"alpha/{n}.json": valid_record(n) for n in range(3)}
    files |= {"alpha/bad.json": invalid_record(0), "beta/x.json": valid_record(9)}
    root = make_workspace(tmp_path / "ws", files, {"gate": {"disk": "off"}, "alerts": {"off": ["disk"]}})
    (root / "config/procedures").mkdir(parents=True)
    (root / "config/procedures/every-kind.toml").write_text(EVERY)
    (root / "config/procedures/bad.toml").write_text(EVERY.replace('probe = "run-log"', 'probe = "run-lag"'))
    return root


def journal(root: Path) -> list[dict[str, Any]]:
    """The events of the newest session."""
    files = sorted((root / ".opsconsole/sessions").glob("*.jsonl"))
    return [json.loads(line) for line in files[-1].read_text().splitlines()]


def begin(t: Terminal) -> None:
    """The procedure chosen by its filter, and begun."""
    t.wait("[ Migrate")
    t.press("7")
    t.wait("Not loaded")
    t.press("/", *"every")
    t.wait("All procedures  1 of")
    t.press("enter")
    t.wait("▸own")
    t.press("enter")
    t.wait("▶  1 Read this first")


def test_every_kind_of_step_is_walked_to_its_end_by_keys(root: Path) -> None:
    with Terminal(root, size=(80, 24)) as t:
        t.wait("[ Migrate")
        t.press("7")
        t.wait("Not loaded  1")
        t.press("home")
        t.wait("bad.toml: step came: branch[0].evidence[0].probe is")
        t.wait("next: perhaps run-log was meant")
        t.press("1")
        begin(t)
        t.press("enter")
        t.wait("▶  2 Which source")
        t.wait(" beta")
        t.press(*"al")
        t.gone(" beta")
        t.press("enter")
        t.wait("source = alpha")
        t.wait("$ opsconsole maintenance on --reason")
        t.press("t")
        t.wait("✗ do it first")
        t.press("d")
        t.wait("[ Cancel ] [ Maintenance on ]")
        t.press("enter")  # Cancel has the focus
        t.gone("[ Cancel ] [ Maintenance on ]")
        assert not (root / ".opsconsole/maintenance.json").exists()
        t.press("d")
        t.wait("[ Cancel ] [ Maintenance on ]")
        t.press("tab", "enter")
        t.wait("■ maintenance")
        t.press("t")
        t.wait("✓ no other run is in progress")
        t.press("t")
        t.wait("▶  5 Allow processing")
        t.press("d")
        t.wait("[ Cancel ] [ Maintenance off ]")
        t.press("tab", "enter")
        t.wait("processing is allowed again")
        t.press("t")
        t.wait("✓ first: nobody runs")
        t.press("d")
        t.wait("[ Migrate 4 files ]")
        t.wait("$ opsconsole migrate --source alpha --yes")
        t.press("tab", "tab", "tab", "enter")
        t.wait("run", 30)
        t.wait(": partial", 30)
        assert "▐7 Procedures▌" in t.page  # the run is followed from here
        t.press("t")
        t.wait("▸All of it was published")
        t.wait("0 of 1 speak for it")
        t.press("down", "enter")
        t.wait("▶  8 List what is there")
        t.press("d")
        t.wait("[ Run it ]")
        t.wait("$ ls data/transformed/validated/alpha && echo is there")
        t.press("tab", "tab", "enter")
        t.wait("✓ exit status 0")
        t.wait("│ is there")
        t.press("enter")
        t.wait("exit status 0: is there")
        t.press("t")
        t.wait("▶  9 Tell the others")
        t.press("d")
        t.wait("[ Keep it, go on ]")
        t.press(*"bad.json fails", "tab", "tab", "tab", "enter")
        t.wait("▶ 10 What was it")
        t.press("n")
        t.wait("[ Keep it, go on ]")
        t.press(*"a typo", "tab", "tab", "tab", "enter")
        t.wait("✓ 10 What was it")
        t.wait("Done ")
        t.press("e")
        t.wait("Everything kept in")
        t.press("esc")
        t.gone("Everything kept in")
        t.press("r")
        t.wait("Incident: A step of every kind")
        t.press("esc")
        t.gone("Incident: ")
        t.press("esc")
        t.wait("All procedures")
        t.press("end")
        t.wait("✓ done")
        t.press("ctrl+q")
        assert t.ended(10) == 0 and t.left_clean()
    events = [(each["event"], each["step"]) for each in journal(root) if each["event"] != "looked"]
    assert events == [
        ("started", ""),
        ("ticked", "read"),
        ("value", "which"),
        ("ticked", "which"),
        ("did", "stop"),
        ("ticked", "stop"),
        ("ticked", "nobody"),
        ("did", "allow"),
        ("ticked", "allow"),
        ("run", "go"),
        ("ran", "go"),
        ("ticked", "go"),
        ("chosen", "came"),
        ("command", "list"),
        ("ticked", "list"),
        ("note", "tell"),
        ("ticked", "tell"),
        ("note", "why"),
        ("ticked", "why"),
    ]


@pytest.mark.soak
def test_a_line_that_drops_costs_nothing(root: Path) -> None:
    """Cut while a run is in progress: another terminal goes on at the same step, and knows how the run ended."""
    with Terminal(root, size=(80, 24)) as t:
        begin(t)
        t.press("enter")
        t.wait(" beta")
        t.press(*"beta", "enter")
        t.wait("▶  3 Stop processing")
        for _ in range(3):  # as one who knows better
            step = next(line for line in t.lines if "▶" in line)
            t.press("s")
            t.wait("Skip this step")
            t.press(*"not now", "tab", "tab", "enter")
            t.gone(step)
        t.wait("▶  6 Publish it")
        t.wait("skipped: not now")
        t.press("d")
        t.wait("[ Migrate 1 file ]")
        t.press("tab", "tab", "tab", "enter")
        t.wait(lambda: any(each["event"] == "run" for each in journal(root)))
        t.hang_up()
        assert t.ended(10) == 129
    with Terminal(root, size=(120, 40)) as t:
        t.wait("[ Migrate")
        t.press("7")
        t.wait("On their way  1")
        t.wait("▶ 6/10")
        t.press("enter")
        t.wait("▶  6 Publish it")
        t.wait(": done")
        t.press("t")
        t.wait("▶  7 What came of it")
        t.press("b")
        t.wait("▶  6 Publish it")
        t.press("ctrl+q")
        assert t.ended(10) == 0
    kinds = [each["event"] for each in journal(root)]
    assert kinds.count("run") == kinds.count("ran") == 1


def test_two_consoles_in_one_session_see_each_other(root: Path) -> None:
    with Terminal(root, size=(80, 24)) as ann, Terminal(root, size=(80, 24), env={"NO_COLOR": "1"}) as bob:
        begin(ann)
        bob.wait("[ Migrate")
        bob.press("7")
        bob.wait("On their way  1")
        bob.press("enter")
        bob.wait("▶  1 Read this first")
        ann.wait("goes on here")  # seen without a key
        ann.press("n")
        ann.wait("what was done and seen")
        ann.press(*"I look at the source")
        bob.press("t")
        bob.wait("▶  2 Which source")
        ann.press("tab", "tab", "enter")
        ann.wait("has taken this session on meanwhile: ticked at read")
        ann.wait("I look at the source")  # what was typed is there still, and the step as it is now
        assert "Step 2: Which source" in ann.page
        ann.press("tab", "tab", "enter")
        bob.wait("note: I look at the source")
        (root / "config/procedures/bad.toml").unlink()  # hot: read again without a key
        bob.press("esc")  # out of the field
        bob.wait("▸alpha")
        bob.press("esc")
        bob.wait("On their way")
        bob.gone("Not loaded")
        bob.press("enter")
        bob.wait("▶  2 Which source")
        ann.press(*"al")
        ann.wait("source:  al")
        bob.press(*"beta", "enter")
        bob.wait("▶  3 Stop processing")
        ann.wait("took it on: ticked which; you had typed: al")
        ann.press("enter")  # meant for the step before: it ticks nothing
        ann.wait("that key was for the step before")
        assert "▶  3 Stop processing" in ann.page
        ann.hang_up()  # the session stands where it stood
        assert ann.ended(10) == 129
        bob.press("ctrl+q")
        assert bob.ended(10) == 0 and bob.left_clean()
    assert [each["event"] for each in journal(root)][-2:] == ["value", "ticked"]


@pytest.mark.soak
def test_hostile_names_in_a_procedure_do_nothing(root: Path) -> None:
    bad = "[@click=app.quit]x[/] \\u001b]52;c;aGFja2Vk\\u0007\\u001b[2J\\u202e\\u200b\\u2067"
    text = EVERY.replace("Read this first", bad).replace("Nothing happens", bad).replace("A step of every kind", bad)
    (root / "config/procedures/every-kind.toml").write_text(text.replace("&& echo is there", f"&& echo '{bad}'"))
    with Terminal(root, size=(80, 24)) as t:
        t.wait("[ Migrate")
        t.press("7")
        t.wait("[@click=app.quit]x[/]")
        t.press("/", *"every", "enter", "v")
        t.wait("Procedure: every-kind")
        t.press("esc")
        t.gone("Procedure: every-kind")
        t.press("enter")
        t.wait("step 1 of 10")
        t.press("o")
        t.wait("Override this step")
        t.press(*"because", "tab", "tab", "enter")
        t.wait("overridden: because")
        for row in range(1, 24):  # a click on everything that can be seen
            for column in range(1, 60, 9):
                t.send(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m".encode())
        t.pump(2.0)
        t.press("ctrl+q")
        t.pump(1.0)
        for bytes_ in ACTS:
            assert bytes_ not in t.raw, bytes_
