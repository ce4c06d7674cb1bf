"""`opsconsole runbook`: as it is piped, as it stands on a terminal, and walked from its first step to its last."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.harness import Terminal
from tests.cli.test_procedure_talk import Talk, events, published
from tests.support import make_workspace, valid_record
from tests.support.cli import run_cli
from tests.support.corpus import PROJECT

BOOK = """\
# Desk

## Daily

Look *first*.

1. See what is there:
   ```bash
   ls data/raw/funding_sources/[source_name]/
   ```
2. Publish it:
   ```bash
   python scripts/migration/migrate.py --source data/raw/funding_sources/[source_name]
   ```
3. Tell somebody

## Hard

```bash
rm -rf data/transformed/cleaned/[old_date] "/srv/x/[old_date]"
```
"""
HOSTILE = (
    """\
# Red [bold]\x1b[31mtitle\x1b]8;;http://evil\x07link\x1b]8;;\x07[/]

[click](http://evil/\x1b[2J) <script>x</script> \u202etxt.exe \x9b31m

```bash
echo \x1b]0;owned\x07 \u202e
```

"""
    + "> " * 90
    + "deep\n\n"
    + "- " * 200
    + "deeper\n"
)


def workspace(folder: Path, text: str = BOOK) -> Path:
    root = make_workspace(folder / "ws", {"alpha/x.json": [valid_record(1)], "beta/y.json": [valid_record(2)]})
    (root / "book.md").write_text(text)
    return root


class Walk(Talk):
    """A session of a runbook, and what it showed last."""

    def __init__(self, root: Path, *args: str) -> None:
        env = {"XDG_STATE_HOME": str(root.parent / "state"), "TERM": "dumb"}
        Terminal.__init__(self, root, "runbook", *args, env=env)
        self.page = ""


def test_piped_it_is_plain_text_with_what_each_block_does(tmp_path: Path) -> None:
    done = run_cli(workspace(tmp_path), "runbook", "book.md")
    assert done.returncode == 0 and "\x1b" not in done.stdout
    assert "## Daily  (2)\n\nLook first.\n\n1. See what is there:\n" in done.stdout
    assert "   [1] reads; asks for [source_name]\n" in done.stdout
    assert "   [2] writes; asks for [source_name]\n       the safe way: migrate\n" in done.stdout
    assert re.search(r"^\[3\] deletes; asks for \[old_date\]$", done.stdout, re.MULTILINE)


def test_sections_and_blocks_for_programs(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    assert run_cli(root, "runbook", "book.md", "--sections").stdout == (
        "1\tDesk\t3\tdeletes\n2\tDaily\t2\twrites\n3\tHard\t1\tdeletes\n"
    )
    blocks = [json.loads(line) for line in run_cli(root, "runbook", "book.md", "--json").stdout.splitlines()]
    assert [(each["block"], each["class"], each["runs"]) for each in blocks] == [
        (1, "reads", True), (2, "writes", True), (3, "deletes", True),
    ]  # fmt: skip
    assert blocks[1]["safe"][0]["action"] == "migrate" and blocks[1]["safe"][0]["with"] == {"source": "[source_name]"}
    assert blocks[2]["placeholders"] == ["[old_date]"] and blocks[0]["section_title"] == "Daily"
    assert (
        json.loads(run_cli(root, "runbook", "book.md", "--sections", "--json").stdout.splitlines()[2])["class"]
        == "deletes"
    )


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("none.md",), "cannot be read"),
        (("book.md", "--walk", "nothing", "--detach"), "there is no section 'nothing' in it"),
        (("book.md", "--walk", "Daily"), "there is no terminal to ask on"),
        (("book.md", "--detach"), "go with --walk"),
        (("book.md", "--walk", "Daily", "--json"), "a dialogue"),
        (("book.md", "--walk", "Daily", "--detach", "--set", "x=y"), "does not ask for 'x'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    root = workspace(tmp_path)
    done = run_cli(root, "runbook", *args)
    assert done.returncode == 2 and says in done.stderr.replace("\n", " ")
    assert not (root / ".opsconsole/sessions").exists()


def test_walked_to_its_end_the_safe_way(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    walk = Walk(root, "book.md", "--walk", "daily")
    assert re.search(r"1  alpha\n +2  beta", walk.asked()) and "What is [source_name]" in walk.page
    page = walk.say("beta")
    assert "step 2 of 6" in page and "same as: ls data/raw/funding_sources/beta/" in page
    walk.say("d", "Type yes to go on:")
    assert "  y.json\n" in walk.say("yes")
    page = walk.say("t")
    assert "1  The safe way: migrate" in page and "2  As the runbook has it: writes" in page
    assert "migrate --source beta --yes" in walk.say("1")
    walk.say("d", r"\[y/N\]")
    assert re.search(r"migrate \w{4}: done, 1 published", walk.say("y"))
    assert "write down what was done" in walk.say("t") and "step 6 of 6: Tell somebody" in walk.page
    walk.say("n", r"\(Enter: nothing\):")
    walk.say("told ana")
    walk.type("t")
    status, rest = walk.end()
    assert status == 0 and "It is done" in rest and published(root) == ["beta/y.json"]


def test_a_block_that_deletes_runs_only_when_confirmed_and_goes_on_elsewhere(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    gone, stays = root / "data/transformed/cleaned/a b", root / "data/transformed/cleaned/a"
    for folder in (gone, stays):
        folder.mkdir(parents=True)
    walk = Walk(root, "book.md", "--walk", "3")
    assert 'rm -rf data/transformed/cleaned/[old_date] "/srv/x/[old_date]"' in walk.asked()
    assert "As the runbook has it: deletes" in walk.page and "Leave it out" in walk.page
    walk.say(re.search(r"(\d)  As the runbook", walk.page)[1])  # type: ignore[index]
    walk.say("a b")
    walk.hang_up()
    session = run_cli(root, "procedure", "list", "--json").stdout.split('"session": "')[1].split('"')[0]
    walk = Talk(root, "resume", session[-4:])
    assert "rm -rf data/transformed/cleaned/'a b' \"/srv/x/\"'a b'" in walk.asked()
    walk.say("d", "Type yes to go on:")
    assert "Nothing was run." in walk.say("y") and gone.is_dir()
    walk.say("d", "Type yes to go on:")
    walk.say("yes")
    assert not gone.exists() and stays.is_dir()
    walk.type("t")
    assert walk.end()[0] == 0
    (command,) = [each for each in events(root) if each["event"] == "command"]
    assert command["data"]["status"] == 0  # type: ignore[index]


@pytest.mark.parametrize("piped", [True, False])
def test_a_hostile_text_steers_nothing(tmp_path: Path, piped: bool) -> None:
    root = workspace(tmp_path, HOSTILE)
    if piped:
        out = run_cli(root, "runbook", "book.md").stdout
        assert "\x1b" not in out
    else:
        walk = Terminal(root, "runbook", "book.md")
        status, out = walk.end()
        assert status == 0
        out = re.sub(r"\x1b\[[0-9;]*m", "", out)  # our own colours
    assert not set(out) & {"\x1b", "\x07", "\x9b", "\u202e"} and "Traceback" not in out
    assert "deep\n" in out.replace("\r", "") and "Red [bold]\u241b[31mtitle" in out and "is not shown.)" in out
    walk = Walk(root, "book.md", "--walk", "1")
    assert "do not show" in walk.asked() or "Red" in walk.page
    assert "\u202e" not in walk.page
    walk.hang_up()


@pytest.mark.corpus
def test_the_daily_part_of_the_shared_runbook_walks_to_the_end_on_the_sample_workspace(tmp_path: Path) -> None:
    runbook = PROJECT.parent / "shared" / "runbook.md"
    if not runbook.exists():
        pytest.skip("not shown here: needs ../shared/runbook.md, which is not beside this project")
    root = tmp_path / "demo"
    assert run_cli(None, "init", "--sample", "--yes", str(root), cwd=tmp_path).returncode == 0
    assert run_cli(root, "migrate", "--yes").returncode == 1  # some of the sample fail, as they should
    shutil.copy(runbook, root / "runbook.md")
    walk = Walk(root, "runbook.md", "--walk", "Daily Operations")
    assert "step 1 of 7: Check Pipeline Status" in walk.asked()
    walk.say("d", "Type yes to go on:")
    assert "exit status 0" in walk.say("yes") and '"processed_files"' in walk.page
    assert "The safe way: migrate" in walk.say("t")
    walk.say("1")
    walk.say("d", r"\[y/N\]")
    assert "partial" in walk.say("y")
    assert "The safe way: opsconsole validate" in walk.say("t")
    walk.say("1")
    walk.say("d", "Type yes to go on:")
    assert "10 pass, 0 fail" in walk.say("yes")
    walk.type("t")
    status, rest = walk.end()
    assert status == 0 and "It is done" in rest
