"""Runbooks: what is found in Markdown, what the console offers instead, and what a section becomes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.errors import UsageError
from console.engine.procedures import guide
from console.engine.procedures.load import read_procedure
from console.engine.procedures.model import Procedure, Step
from console.engine.procedures.runbook import Runbook, read_markdown, read_runbook, sections_listed
from console.engine.procedures.runbook_compile import procedure_of
from console.engine.procedures.runbook_known import safe_way
from console.engine.procedures.runbook_toml import written
from console.engine.settings.model import Settings
from tests.engine.procedures.support import operator
from tests.support import make_workspace
from tests.support.corpus import PROJECT

SETTINGS = Settings("console.toml", "toml", "")

# Every code block of the shared runbook: first line of the file, kind, class, placeholders, the safe way.
SHARED = [
    (17, "commands", "reads", [], ""),
    (30, "commands", "writes", [], "migrate"),
    (41, "commands", "reads", [], "opsconsole validate"),
    (57, "commands", "reads", ["[source_name]"], ""),
    (62, "commands", "writes", ["[source_name]"], "migrate"),
    (69, "commands", "reads", [], ""),
    (74, "commands", "reads", ["[source_name]"], ""),
    (85, "commands", "writes", [], "state checkpoint, then state clear"),
    (103, "commands", "writes", [], "migrate"),
    (108, "commands", "reads", [], ""),
    (119, "commands", "reads", [], "archive"),
    (124, "commands", "writes", [], "archive"),
    (130, "commands", "writes", [], "a note"),
    (141, "commands", "reads", [], ""),
    (146, "commands", "writes", [], "logs archive"),
    (152, "commands", "writes", [], "logs trim"),
    (167, "commands", "reads", [], ""),
    (178, "commands", "reads", ["[failing_file]"], ""),
    (183, "commands", "reads", [], ""),
    (197, "commands", "reads", ["[filename]"], ""),
    (209, "words", "reads", [], "state clear"),
    (218, "commands", "reads", [], ""),
    (226, "commands", "deletes", ["[old_date]"], "backups prune"),
    (231, "commands", "deletes", [], "logs archive"),
    (243, "commands", "reads", [], ""),
    (251, "commands", "reads", [], "a check"),
    (257, "commands", "writes", [], "migrate"),
    (269, "commands", "reads", [], ""),
    (275, "commands", "writes", [], "permissions repair"),
    (291, "commands", "deletes", [], "verify, then repair"),
    (297, "commands", "deletes", [], "state rebuild"),
    (302, "commands", "writes", [], "migrate"),
    (320, "commands", "reads", [], ""),
    (325, "commands", "writes", ["[timestamp]"], "rollback"),
    (330, "commands", "writes", [], "state restore"),
    (357, "script", "reads", [], ""),
]


def shared_runbook() -> Runbook:
    file = PROJECT.parent / "shared" / "runbook.md"
    if not file.exists():
        pytest.skip("not shown here: needs ../shared/runbook.md, which is not beside this project")
    return read_runbook(file)


def book(text: str) -> Runbook:
    return read_markdown(text, "try.md")


def walked(text: str, section: int = 0) -> Procedure:
    read = book(text)
    return procedure_of(read, read.sections[section], SETTINGS)


def fenced(text: str, language: str = "bash") -> str:
    return f"```{language}\n{text}\n```\n"


def step(procedure: Procedure, **wanted: str) -> Step:
    (found,) = [each for each in procedure.steps if all(getattr(each, name) == value for name, value in wanted.items())]
    return found


# ── the shared runbook ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.corpus
def test_every_block_of_the_shared_runbook_is_found_with_its_placeholders_and_class() -> None:
    found = []
    for block in shared_runbook().blocks:
        safe = safe_way(block, SETTINGS)
        assert safe is None or not safe.left
        found.append((block.lines[0], block.kind, block.does.word, block.placeholders, safe.words if safe else ""))
    assert found == SHARED


@pytest.mark.corpus
def test_every_fence_of_the_shared_runbook_is_a_block() -> None:
    read = shared_runbook()
    lines = (PROJECT.parent / "shared" / "runbook.md").read_text().split("\n")
    opened = [number for number, line in enumerate(lines, 1) if line.strip() == "```bash"]
    assert [block.lines[0] for block in read.blocks] == opened
    for block in read.blocks:
        first, last = block.lines
        indent = len(lines[first - 1]) - len(lines[first - 1].lstrip())
        assert block.text == "\n".join(line[indent:] for line in lines[first : last - 1])


@pytest.mark.corpus
def test_every_section_of_the_shared_runbook_that_is_not_too_long_can_be_walked() -> None:
    read = shared_runbook()
    walked_through = set()
    for section in read.sections[2:]:  # 1 is the whole of it
        procedure = procedure_of(read, section, SETTINGS)
        walked_through |= {each.id.split("-")[0] for each in procedure.steps if each.id[0] == "b"}
    assert walked_through == {f"b{number}" for number in range(1, 37)}
    with pytest.raises(UsageError, match="too long to be walked in one"):
        procedure_of(read, read.sections[1], SETTINGS)


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sections_blocks_and_what_is_no_block() -> None:
    read = book(
        "before\n# One\n" + fenced("ls") + "Two\n===\n## Deep `er`\n" + fenced("{}", "json") + fenced("df -h", "")
        + "~~~sh\nrm x\n~~~\n\n    cp a b\n\n1. do\n   - this\n     " + "```shell\n     ls <run>\n     ```\n"
        + "# Three\n"
    )  # fmt: skip
    assert [(each.number, each.level, each.title) for each in read.sections] == [
        (0, 0, "(before the first heading)"), (1, 1, "One"), (2, 1, "Two"), (3, 2, "Deep `er`"), (4, 1, "Three"),
    ]  # fmt: skip
    assert [(block.section, block.text, block.does.word) for block in read.blocks] == [
        (1, "ls", "reads"), (3, "df -h", "reads"), (3, "rm x", "deletes"), (3, "cp a b", "writes"),
        (3, "ls <run>", "reads"),
    ]  # fmt: skip
    listed = {section.title: (blocks, worst.word if worst else "") for section, blocks, worst in sections_listed(read)}
    assert listed["Two"] == (4, "deletes") and listed["Three"] == (0, "") and read.title == "One"


def test_a_section_is_found_by_number_by_title_and_by_part_of_it() -> None:
    read = book("# Daily\n# Daily check\n# Weekly  Check\n")
    assert read.find("3").title == "Weekly  Check".replace("  ", " ")
    assert read.find("daily").number == 1 and read.find("weekly check").number == 3 and read.find("ily ch").number == 2
    for text, why in (
        ("9", "no section"),
        ("nothing", "no section"),
        ("check", "names 2 sections"),
        ("", "no section"),
    ):
        with pytest.raises(UsageError, match=why):
            read.find(text)


def test_what_is_no_runbook_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.md"
    large.write_bytes(b"x" * (2 << 20) + b"x")
    for path, why in ((tmp_path, "folder"), (tmp_path / "none.md", "cannot be read"), (large, "too large"),
                      (Path("/dev/null"), "no file of text")):  # fmt: skip
        with pytest.raises(UsageError, match=why):
            read_runbook(path)


# ── what a section becomes ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_block_that_reads_is_a_command_with_its_values_asked_for_once() -> None:
    procedure = walked(
        "Look {here}.\n\n" + fenced("ls data/[source_name]") + fenced('cat "data/[source_name]/x" {a,b}')
    )
    assert [each.kind for each in procedure.steps] == ["input", "command", "command"]
    asked, first, second = procedure.steps
    assert (asked.value, asked.of) == ("source_name", "source")
    assert first.command == "ls data/{source_name}" and "Look {{here}}." in first.text
    assert second.command == '#!/bin/bash\ncat "data/"{source_name}"/x" {{a,b}}'


def test_a_block_that_deletes_is_chosen_first_and_can_be_left_out() -> None:
    procedure = walked(fenced("rm -rf /srv/[old_date]") + "after\n")
    choice, value, command, after = procedure.steps
    assert [branch.label for branch in choice.branches] == ["As the runbook has it: deletes", "Leave it out"]
    assert [branch.to for branch in choice.branches] == [value.id, after.id] and command.next == after.id
    assert "rm -rf /srv/[old_date]" in choice.text and command.command == "rm -rf /srv/{old_date}"


@pytest.mark.parametrize(
    ("text", "action", "given"),
    [
        ("python3 ./scripts/migration/migrate.py", "migrate", {}),
        ("cd x && sudo python migrate.py --source=data/raw/funding_sources/sff/", "migrate", {"source": "sff"}),
        ("python migrate.py --source data/raw/funding_sources/$SRC", "migrate", {"source": "{src}"}),
        ("rm -f logs/migration/.migration_state.json", "state rebuild", {}),
        ("cp -a logs/migration/.migration_state.json /tmp/x", "state checkpoint", {"label": "runbook, line 1"}),
        ("python -c \"import json; s=json.load(open('logs/migration/.migration_state.json')); "
         "del s['processed_files']['x']; json.dump(s, open('logs/migration/.migration_state.json', 'w'))\"",
         "state clear", {"files": "{file}", "reason": "{reason}"}),
        ("rm -rf data/_backups/*", "backups prune", {"keep_last": "{keep_last}"}),
        ("cp -r data/_backups/2025/* data/transformed/validated/", "rollback", {"run": "{run}"}),
        ("rm -rf data/transformed/validated/sff", "verify", {"readback": True}),
        ("mv data/raw/funding_sources/*/old-* data/raw/_archive/[label]/", "archive",
         {"label": "{label}", "reason": "{reason}", "match": "*/old-*"}),
        ("find data/raw/funding_sources -name '*2023*'", "archive",
         {"label": "2023", "reason": "{reason}", "since": "2023-01-01", "before": "2024-01-01"}),
        ("tar czf /srv/x.tgz logs", "logs archive", {"to": "{to}", "keep": 0}),
        ("chmod -R 770 data logs", "permissions repair", {}),
    ],
)  # fmt: skip
def test_what_the_registry_knows_is_offered_as_the_safe_action(
    text: str, action: str, given: dict[str, object]
) -> None:
    procedure = walked(fenced(text))
    found = step(procedure, action=action)
    assert dict(found.given) == given
    choice = step(procedure, kind="choose")
    assert choice.branches[0].label.startswith("The safe way") and choice.branches[-1].label == "Leave it out"


@pytest.mark.parametrize(
    "text",
    [
        "python migrate.py --source /srv/elsewhere",
        "python migrate.py --source data/raw/funding_sources/*",
        "python migrate.py --source data/raw/funding_sources/sff --dest /srv/other",
        "python other.py",
        "rm -rf data/_backups/[x] data/raw",
        "rm x",
        "cp -r data/_backups/x /srv/elsewhere",
        "mv data/raw/funding_sources/a data/raw/funding_sources/b",
        "chmod -R u+w /srv",
        "tar xf logs.tgz",
        "cat logs/migration/.migration_state.json",
        "grep x logs/migration/migration.log",
        "find /srv -name x",
        "mv data/raw/funding_sources/x data/raw/_archive/$(date +%Y)/",
    ],
)
def test_what_is_only_like_it_is_not_taken_for_it(text: str) -> None:
    assert not [each for each in walked(fenced(text)).steps if each.action]


def test_what_the_safe_way_leaves_undone_is_said() -> None:
    choice = step(walked(fenced("python migrate.py\nrm -rf /srv/cache")), kind="choose")
    assert choice.branches[0].label == "The safe way, for a part of it: migrate"
    assert "Not done by that: rm -rf /srv/cache" in choice.text


def test_steps_without_a_block_are_manual_and_boxes_one_list() -> None:
    procedure = walked(
        "# Recover\n**Steps**:\n1. Stop all processing\n   - tell them\n2. Look:\n   " + "```bash\n   ls\n   ```\n"
        + "3. Think\n\n## Before\n\n- [ ] one\n- [x] two\n", section=1
    )  # fmt: skip
    kinds = [(each.kind, each.title) for each in procedure.steps]
    assert kinds == [("manual", "Stop all processing"), ("command", "Look:".rstrip(":")), ("manual", "Think"),
                     ("manual", "Before: 2 points")]  # fmt: skip
    assert "tell them" in procedure.steps[0].text and "[x] two" in procedure.steps[3].text


def test_a_whole_script_is_a_file_to_save() -> None:
    (only,) = walked(fenced("#!/bin/bash\n# watch.sh\nrm -rf /")).steps
    assert only.kind == "explain" and "a file to save" in only.text and not only.command


def test_a_value_of_two_blocks_that_only_one_way_asked_for_is_asked_again() -> None:
    procedure = walked(fenced("rm -rf /srv/[name]") + fenced("rm -rf /opt/[name]"))
    assert [each.value for each in procedure.steps if each.value] == ["name", "name"]


def test_a_session_of_a_runbook_goes_on_without_the_file(tmp_path: Path) -> None:
    ctx = operator(make_workspace(tmp_path / "ws"))
    session = guide.start_procedure(ctx, walked("# Look\n" + fenced("ls {a} [x_y]"), section=1))
    session = guide.set_value(ctx, session, "it's; rm x")
    session = guide.tick(ctx, session)
    assert guide.shell_line(session) == "ls {a} 'it'\"'\"'s; rm x'"
    assert guide.resume(operator(ctx.workspace.root, "ben"), session.short).number == 2
    assert session.procedure.name == "runbook-look"


def test_a_checkpoint_is_a_short_act(tmp_path: Path) -> None:
    ctx = operator(make_workspace(tmp_path / "ws"))
    session = guide.start_procedure(ctx, walked(fenced("cp logs/migration/.migration_state.json x")))
    session = guide.choose(ctx, session, "The safe way: state checkpoint")
    assert guide.act_line(session) == "opsconsole state checkpoint --label 'runbook, line 1'"


_LINES = st.sampled_from(
    ["# A", "## B", "### C {x}", "1. do", "   2. deep", "- [ ] box", "- item", "> quote", "---", "```bash", "```",
     "~~~sh",
     "   ```bash", "    rm -rf [old_date]", "ls $X {a}", "rm -rf data/_backups/[x]", "python migrate.py --source <s>",
     "| a | b |", "|---|---|", "[link](http://x)", "<b>html</b>", "* * *", "$ ls", "cat <<E", "E", "echo \"[name]\"",
     "",
     "}}}", "{{{", "." * 300, "\x1b[31mred", "\u202e", "'''", '"""', "\\", "cp a b", "X=[y_z]", "vi x"]
)  # fmt: skip


@given(st.lists(_LINES | st.text(max_size=12), max_size=30).map("\n".join) | st.text(max_size=80))
def test_any_text_makes_procedures_that_the_checker_accepts(text: str) -> None:
    read = book(text)
    for section in read.sections:
        try:
            procedure = procedure_of(read, section, SETTINGS)
        except UsageError as error:
            assert "too long to be walked" in error.what
            continue
        assert read_procedure(procedure.source.encode(), procedure.name, "again").steps == procedure.steps
        for each in procedure.steps:
            assert each.kind != "command" or "\x1b" not in each.command


@given(st.text())
def test_a_text_comes_back_from_a_definition_as_it_went_in(text: str) -> None:
    import tomllib

    kept = text.encode("utf-8", "replace").decode().replace("\r\n", "\n")
    assert tomllib.loads(written({"title": kept}, []))["title"] == kept


@pytest.mark.parametrize(
    "text",
    [
        "> " * 5000 + "x",
        "- " * 5000 + "x",
        "[" * 5000,
        "*" * 5000,
        "```bash\n" + "$(" * 5000 + "\n```",
        "```bash\n" + "`" * 5001 + "\n```",
        "```bash\n" + 'echo "$(' * 500 + "\n```",
        "```bash\n" + "bash -c '" * 50 + "\n```",
        "```bash\n" + "sudo " * 5000 + "ls\n```",
        "```bash\n" + "{" * 5000 + "\n```",
        "```bash\ncat " + "<<E " * 2000 + "\n```",
        "```bash\n" + "$((" * 3000 + "\n```",
        "```bash\n" + "[a_b] " * 1000 + "\n```",
        "```bash\n" + "x\n" * 5000 + "\n```",
    ],
)
def test_nothing_nested_or_long_makes_it_fall_or_hang(text: str) -> None:
    begun = time.process_time()
    read = book("# A\n" + text)
    try:
        procedure_of(read, read.sections[1], SETTINGS)
    except UsageError as error:
        assert "too long" in error.what
    assert time.process_time() - begun < 20  # no machine is so slow: that would be the square of it
