"""Definitions: what is refused and with which words, that the others still load, and that files are read anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.engine.context import open_context
from console.engine.errors import ConfigurationError, UsageError
from console.engine.procedures import guide, load
from console.engine.procedures.load import load_procedures, procedures_signature, read_procedure
from tests.engine.procedures.support import HEAD, operator, step, workspace, write_procedure

END = step("last", "explain", 'text = "It is over."')
DISK = "{ probe = 'disk', parameters = { plan = false } }"

# What is wrong -> the steps, the step that is named, and what must be said of it.
WRONG = {
    "unknown step": (step("one", "explain", 'text = "x"', 'next = "lst"') + END, "one", "leads to 'lst'"),
    "unknown action": (step("one", "action", 'action = "migrat"') + END, "one", "no action 'migrat'"),
    "action of no version": (step("one", "action", 'action = "rm"') + END, "one", "no action 'rm'"),
    "parameter of no action": (
        step("one", "action", 'action = "migrate"', "with = { sauce = 'a' }") + END, "one", "no parameter 'sauce'",
    ),
    "parameter of another type": (
        step("one", "action", 'action = "migrate"', "with = { sample = 'many' }") + END, "one", "a whole number",
    ),
    "parameter of an act": (
        step("one", "action", 'action = "maintenance on"', "with = { why = 'x' }") + END, "one", "no parameter 'why'",
    ),
    "unknown probe": (step("one", "probe", "checks = [{ probe = 'dsk' }]") + END, "one", "'dsk', which is no probe"),
    "parameter of no probe": (
        step("one", "probe", "checks = [{ probe = 'disk', parameters = { fre = 1 } }]") + END, "one", "no parameter",
    ),
    "parameter a probe does not take": (
        step("one", "probe", "checks = [{ probe = 'disk', parameters = { free = 200 } }]") + END, "one", "0 to 100",
    ),
    "unknown probe of a branch": (
        step("one", "choose") + "[[step.branch]]\nlabel='a'\nto='last'\nevidence=[{ probe = 'dsk' }]\n"
        "[[step.branch]]\nlabel='b'\nto='last'\n" + END, "one", "no probe",
    ),
    "missing branches": (step("one", "choose") + END, "one", "needs `branch`"),
    "one branch": (step("one", "choose") + "[[step.branch]]\nlabel='a'\nto='last'\n" + END, "", "branch"),
    "branch to nowhere": (
        step("one", "choose") + "[[step.branch]]\nlabel='a'\nto='lost'\n[[step.branch]]\nlabel='b'\nto='last'\n" + END,
        "one", "leads to 'lost'",
    ),
    "branches of one name": (
        step("one", "choose") + "[[step.branch]]\nlabel='a'\nto='last'\n[[step.branch]]\nlabel='a'\nto='end'\n" + END,
        "one", "two branches are called 'a'",
    ),
    "loop": (
        step("one", "explain", 'text = "x"') + step("two", "explain", 'text = "x"', 'next = "one"'), "two", "a loop",
    ),
    "itself": (step("one", "explain", 'text = "x"', 'next = "one"'), "one", "a loop"),
    "not reached": (step("one", "explain", 'text = "x"', 'next = "end"') + END, "last", "no step leads here"),
    "two of one id": (step("one", "explain", 'text = "x"') * 2, "one", "two steps have this id"),
    "called end": (step("end", "explain", 'text = "x"'), "end", "where a procedure ends"),
    "unknown value": (step("one", "explain", 'text = "see {source}"') + END, "one", "names no value"),
    "value asked later": (
        step("one", "explain", 'text = "see {when}"') + step("two", "input", 'value = "when"') + END, "one",
        "names no value",
    ),
    "value of a condition": (
        step("one", "explain", 'text = "x"', "after = [{ probe = 'disk', text = '{gone}' }]") + END, "one",
        "names no value",
    ),
    "without a text": (step("one", "manual") + END, "one", "needs `text`"),
    "without checks": (step("one", "probe") + END, "one", "needs `checks`"),
    "without a command": (step("one", "command") + END, "one", "needs `command`"),
    "unknown kind": (step("one", "dance") + END, "", "kind"),
    "unknown key": (step("one", "explain", 'text = "x"', 'teckst = "y"') + END, "", "teckst"),
    "checks of another kind": (step("one", "explain", 'text = "x"', f"checks = [{DISK}]") + END, "one", "kind probe"),
    "command of another kind": (step("one", "explain", 'text = "x"', 'command = "ls"') + END, "one", "kind command"),
    "partial of another kind": (step("one", "explain", 'text = "x"', "partial = true") + END, "one", "kind action"),
    "of of another kind": (step("one", "explain", 'text = "x"', 'of = "run"') + END, "one", "kind input"),
    "next of a choice": (
        step("one", "choose", 'next = "last"') + "[[step.branch]]\nlabel='a'\nto='last'\n"
        "[[step.branch]]\nlabel='b'\nto='last'\n" + END, "one", "no place in a choice",
    ),
    "before of a choice": (
        step("one", "choose", f"before = [{DISK}]") + "[[step.branch]]\nlabel='a'\nto='last'\n"
        "[[step.branch]]\nlabel='b'\nto='last'\n" + END, "one", "no place in a choice",
    ),
    "value between quotes": (
        step("one", "input", 'value = "folder"') + step("two", "command", "command = 'ls \"{folder}\"'") + END, "two",
        "between quotes",
    ),
    "no TOML": ("[[step\n", "", "not TOML"),
    "no text": ("\udcff", "", "UTF-8"),
    "no steps": ("", "", "step"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_and_the_others_still_load(tmp_path: Path, what: str) -> None:
    steps, named, words = WRONG[what]
    root = workspace(tmp_path / "ws", END, name="good")
    write_procedure(root, HEAD + steps, "wrong")
    library = load_procedures(open_context(root))
    assert "good" in library.procedures and "wrong" not in library.procedures
    ((file, lines),) = [(file, lines) for file, lines in library.broken.items() if "wrong" in file]
    assert file == "config/procedures/wrong.toml"
    said = "\n".join(lines)
    assert words in said
    assert f"step {named}" in said if named else "step" in said or "not" in said
    with pytest.raises(UsageError, match="does not load"):
        library.find("wrong")


def test_every_kind_of_step_is_accepted(tmp_path: Path) -> None:
    root = workspace(
        tmp_path / "ws",
        step("one", "explain", 'text = "{session} since {started}, here since {entered}; {{braces}}"'),
        step("two", "input", 'value = "folder"', 'of = "folder"', 'default = "{session}"', "optional = true"),
        step("three", "probe", f"checks = [{DISK}]", "before = [{ probe = 'other-run' }]"),
        step("four", "action", 'action = "migrate"', "with = { sample = 3 }", "partial = true", f"after = [{DISK}]"),
        step("five", "action", 'action = "maintenance on"', "with = { reason = 'for {folder}' }"),
        step("six", "command", "command = \"ls {folder} | awk '{{print $1}}'\"", "seconds = 5", "statuses = [0, 1]"),
        step("seven", "manual", 'text = "look at the disk"'),
        step("eight", "choose"),
        f"[[step.branch]]\nlabel='a'\nto='nine'\nevidence=[{DISK}]\n[[step.branch]]\nlabel='b'\nto='end'\n",
        step("nine", "record", 'text = "say what it was"'),
    )
    library = load_procedures(open_context(root))
    assert not library.broken
    found = library.find("try")
    assert [each.number(step.id) for each in [found] for step in found.steps] == list(range(1, 10))
    assert found.own


@pytest.mark.parametrize("name", ["Übung", "a b", "a'b", "x" * 41, "-a", "a\nb", "\udcff"])
def test_a_file_of_a_name_that_nobody_could_type_is_no_procedure(tmp_path: Path, name: str) -> None:
    root = workspace(tmp_path / "ws", END)
    os.rename(root / "config/procedures/try.toml", root / "config/procedures" / f"{name}.toml")
    (lines,) = load_procedures(open_context(root)).broken.values()
    assert "name of the file" in lines[0]


def test_files_are_read_anew(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", END)
    ctx = open_context(root)
    before = procedures_signature(ctx)
    assert load_procedures(ctx).find("try").title == "Try"
    write_procedure(root, (HEAD + END).replace("Try", "Tri"))
    assert procedures_signature(ctx) != before
    assert load_procedures(ctx).find("try").title == "Tri"
    write_procedure(root, HEAD + END, "more")
    assert "more" in load_procedures(ctx).procedures
    os.unlink(root / "config/procedures/try.toml")
    with pytest.raises(UsageError, match="no procedure 'try'"):
        load_procedures(ctx).find("try")


def test_a_workspace_adds_and_replaces_and_a_broken_one_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours/config/procedures"
    ours.mkdir(parents=True)
    for name in ("disk", "state"):
        (ours / f"{name}.toml").write_text(HEAD.replace("Try", f"Our {name}") + END)
    monkeypatch.setattr(load, "shipped", lambda: tmp_path / "ours")
    root = workspace(tmp_path / "ws", END, name="mine")
    ctx = open_context(root)
    assert list(load_procedures(ctx).procedures) == ["disk", "mine", "state"]
    write_procedure(root, HEAD.replace("Try", "My disk") + END, "disk")
    write_procedure(root, "title = 3", "state")
    library = load_procedures(ctx)
    assert library.find("disk").title == "My disk" and library.find("disk").own
    with pytest.raises(UsageError, match="does not load"):
        library.find("state")


def test_a_session_goes_on_as_it_began_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", step("one", "explain", 'text = "old"') + END)
    ctx = operator(root)
    session = guide.start(ctx, "try")
    write_procedure(root, HEAD + step("other", "explain", 'text = "new"'))
    session = guide.tick(ctx, guide.resume(ctx, session.short))
    os.unlink(root / "config/procedures/try.toml")
    session = guide.tick(ctx, guide.resume(ctx, session.short))
    assert session.status == "done"


words = st.text("ab{}[]='\"\\\n #.,01é\x00\udcff\u2028", max_size=40)
values = st.one_of(words.map(repr), st.integers().map(str), st.sampled_from(["true", "[]", "{}", "[{}]", "[['a']]"]))
keys = st.sampled_from(
    ["title", "about", "symptoms", "id", "kind", "text", "next", "before", "checks", "with", "branch", "value", "of",
     "command", "seconds", "statuses", "optional", "zzz"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.one_of(words, st.lists(st.tuples(keys, values), max_size=8)), st.sampled_from(["explain", "choose", "x"]))
def test_whatever_a_file_holds_it_loads_or_is_refused_in_words(more: object, kind: str) -> None:
    text = more if isinstance(more, str) else "".join(f"{key} = {value}\n" for key, value in more)  # type: ignore[attr-defined]
    data = (HEAD + f'[[step]]\nid="a"\nkind="{kind}"\ntitle="t"\n{text}\n').encode("utf-8", "surrogateescape")
    for checked in (True, False):
        try:
            read_procedure(data, "try", "try.toml", checked=checked)
        except ConfigurationError as error:
            assert error.what and error.file == "try.toml"
