"""`opsconsole checklist` and the gate that it feeds, as operators, scripts and timers meet them: real processes."""

from __future__ import annotations

import json
import os
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from console.engine.settings.checklists import DEFAULT
from tests.cli.harness import rows
from tests.support import PROJECT, make_workspace, run_cli, valid_record, write_raw

FILES = {f"alpha/{n}.json": valid_record(n) for n in range(3)}
OWN = {"name": "fuel", "text": "Fuel", "command": ["/bin/sh", "-c", "cat fuel; exit $(wc -l <fuel)"], "seconds": 20}
LISTS: dict[str, Any] = {
    "checklists": {"preflight": [OWN, {"name": "ready", "text": "Everybody was told", "sign_off": True}]},
    "gate": {"fuel": "block", "ready": "block"},
}


def say(root: Path, *args: str, status: int) -> str:
    """What a command prints, where it ends with this status."""
    done = run_cli(root, *args)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def published(root: Path) -> int:
    return len(list((root / "data/transformed/validated").rglob("*.json")))


def test_a_migrate_with_something_that_holds_it_does_not_run_until_somebody_answers_for_it(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", FILES, LISTS)
    (root / "fuel").write_text("\x1b[31mEMPTY | litres=0\nmore\n")
    refused = say(root, "migrate", "--dry-run", status=1)
    assert "fuel: ␛[31mEMPTY (blocks)" in refused and "ready: nobody has signed it off (blocks)" in refused
    timer = say(root, "migrate", "--yes", "--foreground", "--json", status=4)  # as the unit of the timer has it
    (summary,) = [json.loads(line) for line in timer.splitlines() if line.startswith("{")][-1:]
    assert "ready: nobody has signed it off" in summary["message"]
    assert published(root) == 0
    assert "--override needs --reason" in say(root, "migrate", "--yes", "--override", "ready", status=2)
    assert "cannot be overridden" in say(root, "migrate", "--yes", "--override", "redy", "--reason", "why", status=2)
    signed = say(root, "checklist", "sign", "ready", "--note", "told them at nine", status=0)
    assert signed.startswith("ready signed by ")
    over = ("--override", "fuel", "--reason", "the tanker is here")
    say(root, "migrate", "--yes", *over, status=0)
    assert published(root) == 3
    ((run,),) = rows(root, "SELECT id FROM runs WHERE overrides != '{}'")
    text = (root / f".opsconsole/runs/{run}/report.md").read_text()
    assert "`fuel`: `␛[31mEMPTY`; overridden: `the tanker is here`" in text
    assert "## Overrides" in text and "✓ pass `ready`" in text and ": told them at nine`" in text
    past = say(root, "checklist", "history", "ready", status=0)
    assert "signed" in past and "told them at nine" in past
    assert "fail" in say(root, "checklist", "history", "fuel", status=0)


def test_looking_keeping_acknowledging(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", {**FILES, "alpha/bad.json": {}})
    before = sorted(os.listdir(root))
    first = say(root, "checklist", "preflight", status=0)
    assert "warn    Tested with sample data (sample)" in first and "not kept: there is no ledger yet" in first
    assert sorted(os.listdir(root)) == before
    assert "there is no ledger yet" in say(root, "checklist", "ack", "--note", "none yet", status=2)
    say(root, "migrate", "--yes", status=1)
    lines = say(root, "checklist", "postflight", "--json", status=1).splitlines()
    items, summary = [json.loads(line) for line in lines[:-1]], json.loads(lines[-1])
    verdicts = {each["item"]: each["verdict"] for each in items}
    del verdicts["disk-after"]  # as the machine is
    assert verdicts == {
        "run-log": "fail",
        "counts": "warn",
        "spot-check": "pass",
        "checksums": "pass",
        "documentation": "unknown",
    }
    assert summary["kept"] and summary["exit_status"] == 1 and summary["counts"]["fail"] >= 1
    again = say(root, "checklist", "postflight", "--last", "--item", "run-log", status=1)
    assert "1 error logged" in again and " ago by " in again
    errors = say(root, "checklist", "preflight", "--item", "errors", status=0)
    assert "1 error in the last 30 days, none acknowledged; 4 causes: " in errors
    assert "few words" in say(root, "checklist", "ack", "--note", " ", status=2)
    say(root, "checklist", "ack", "--note", "an empty file, thrown away", status=0)
    assert "no error since" in say(root, "checklist", "preflight", "--item", "errors", status=0)
    past = [json.loads(line) for line in say(root, "checklist", "history", "errors", "--json", status=0).splitlines()]
    assert [each["verdict"] for each in past] == ["pass", "acknowledged", "warn"]
    assert past[1]["evidence"] == "an empty file, thrown away"
    assert "nobody signs it" in say(root, "checklist", "sign", "disk", "--note", "large enough", status=2)
    assert "no item 'dsk'" in say(root, "checklist", "preflight", "--item", "dsk", status=2)


def test_who_may_only_look_changes_nothing(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "ws", FILES, {"checklists": LISTS["checklists"]})
    (root / "fuel").write_text("FULL")
    say(root, "migrate", "--yes", status=0)
    write_raw(root, "alpha/more.json", valid_record(7))
    count = "SELECT (SELECT count(*) FROM checklist_results), (SELECT count(*) FROM signoffs)"
    before = rows(root, count)
    assert "starts no commands" in say(root, "--read-only", "checklist", "preflight", status=0)
    assert "read-only" in say(root, "--read-only", "checklist", "sign", "ready", "--note", "all told", status=4)
    assert rows(root, count) == before


WRONG: list[tuple[str, list[dict[str, Any]], str]] = [
    ("a name of the gate's own", [{"name": "lock", "sign_off": True}], "which the gate has for something else"),
    ("twice", [{"name": "a", "sign_off": True}, {"name": "a", "probe": "disk"}], "and so is `checklists.preflight[0]"),
    ("of the other list", [{"name": "counts", "probe": "counts"}], "so is `checklists.preflight[0].name`"),
    ("nothing that tells", [{"name": "a"}], "must have one of probe, command and sign_off"),
    ("two that tell", [{"name": "a", "probe": "disk", "sign_off": True}], "not several"),
    ("no probe", [{"name": "a", "probe": "dsk"}], "perhaps disk was meant"),
    ("no parameter", [{"name": "a", "probe": "disk", "parameters": {"day": 1}}], "it has: free, least, plan"),
    ("too large", [{"name": "a", "probe": "disk", "parameters": {"free": 101}}], "a whole number from 0 to 100"),
    ("no span", [{"name": "a", "sign_off": True, "valid": "soon"}], "valid"),
    ("no text", [{"name": "a", "command": ["a\0b"]}], "command"),
    ("parameters of a program", [{"name": "a", "command": ["x"], "parameters": {}}], "is for an item with `probe`"),
]


@pytest.mark.parametrize(("what", "items", "said"), WRONG, ids=[each[0] for each in WRONG])
def test_a_list_that_is_wrong_is_said_with_its_place(
    tmp_path: Path, what: str, items: list[dict[str, Any]], said: str
) -> None:
    from console.engine.context import open_context
    from console.engine.errors import ConfigurationError

    root = make_workspace(tmp_path / "ws", {}, {"checklists": {"preflight": items}})
    with pytest.raises(ConfigurationError) as caught:
        open_context(root)
    assert said in caught.value.sentence() + (caught.value.next_step or "")
    assert "checklists." in caught.value.what and caught.value.file


def test_what_the_page_shows_as_a_configuration_is_one(tmp_path: Path) -> None:
    from console.engine.context import open_context

    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", (PROJECT / "docs/checklists.md").read_text(), re.MULTILINE)
    shown = [textwrap.dedent(block) for block in blocks if block.lstrip().startswith("[")]
    assert [block.split()[0] for block in shown] == ["[gate]", "[checklists]"]
    root = make_workspace(tmp_path / "ws")
    with (root / "config/console.toml").open("a") as stream:
        stream.write("\n" + "\n".join(shown).replace('errors = "off"', "").replace('sample = "warn"', ""))
    lists = open_context(root).settings.checklists
    assert [item.kind for item in lists.preflight] == ["probe", "command", "sign-off"]
    page = (PROJECT / "docs/checklists.md").read_text()
    assert all(f"| `{item.name}` |" in page for item in (*DEFAULT.preflight, *DEFAULT.postflight))
