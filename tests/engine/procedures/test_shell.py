"""Commands: a value is one word of the shell whatever is in it; a command ends in time, with all it started."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.engine.context import open_context
from console.engine.errors import ReadOnlyError
from console.engine.procedures.fill import fill_shell
from console.engine.procedures.shell import quoted_values, run_shell
from tests.engine.procedures.support import operator, step, workspace

HOSTILE = "x'; touch PWNED; \"$(touch PWNED)\" `touch PWNED` \\'; touch PWNED #"
ONE = step("one", "explain", 'text = "x"')


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ("ls {v}", False),
        ("ls a/{v}/b | grep -c {v}", False),
        ("awk '{{print $1}}' {v}", False),
        ('echo "it\'s" {v}', False),
        ("echo $(ls {v})", False),
        ("# it's a list\nls {v}", False),
        ("echo '{v}'", True),
        ('echo "{v}"', True),
        ("echo \\{v}", True),
        ("echo ${v}", True),
        ("echo `ls {v}`", True),
        ("cat <<E\n{v}\nE", True),
        ("echo $(( {v} + 1 ))", True),
        ("cat {v} <<E\ntext\nE", False),
        ("v={v}; echo $((1 + 1))", False),
        ("echo '{v}' <<E\nE", True),
        ('echo "$(echo "{v}")"', True),
        ('echo "${HOME:-"{v}"}"', True),
        ("echo $'it\\'s {v}'", True),
        ("# it's\necho '{v}'", True),
    ],
)
def test_where_a_value_may_stand(command: str, refused: bool) -> None:
    assert list(quoted_values(command)) == (["v"] if refused else []) or (refused and set(quoted_values(command)))


pieces = st.sampled_from(
    ["{v}", "{v}", "'", '"', "\\", "$", "(", ")", "`", "#", " ", "\n", "a", ";", "{{", "}}", "<<", "\t"]
)


@settings(max_examples=50, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=9).map("".join).filter(lambda text: "{v}" in text))
def test_no_value_is_ever_read_as_a_program(tmp_path_factory: pytest.TempPathFactory, command: str) -> None:
    if list(quoted_values(command)):
        return
    folder = tmp_path_factory.getbasetemp() / "shell"
    folder.mkdir(exist_ok=True)
    line = fill_shell("true " + command, {"v": HOSTILE})
    with suppress(subprocess.TimeoutExpired):
        argv = ["/bin/sh", "-c", line]
        subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    assert not (folder / "PWNED").exists(), line


def test_a_value_arrives_as_it_is(tmp_path: Path) -> None:
    ctx = operator(workspace(tmp_path / "ws", ONE))
    ran = run_shell(ctx, fill_shell("printf %s {v}", {"v": HOSTILE}), 20)
    assert (ran.status, ran.output) == (0, HOSTILE)


def test_a_command_for_bash_is_run_by_bash_and_finds_this_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = operator(workspace(tmp_path / "ws", ONE))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert run_shell(ctx, "#!/bin/bash\necho {a,b} ${BASH_VERSION:+bash}", 20).output == "a b bash\n"
    assert "BASH" not in run_shell(ctx, "echo ${BASH_VERSION:+BASH}", 20).output or os.path.samefile(
        "/bin/sh", "/bin/bash"
    )
    assert run_shell(ctx, "command -v opsconsole", 20).status == 0


@contextmanager
def typed_ahead(text: str) -> Iterator[None]:
    """Standard input of this process, and of what inherits it, holds a text."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    before = os.dup(0)
    os.dup2(reader, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reader)


def test_what_it_said_and_how_it_ended(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", ONE)
    heard: list[str] = []
    with typed_ahead("rm everything"):
        ran = run_shell(open_context(root), "pwd; cat; echo bad >&2; exit 3", 20, said=heard.append)
    assert (ran.status, ran.output, ran.why) == (3, f"{root}\nbad\n", "")  # cat: what is typed is not for it
    assert "".join(heard) == ran.output
    assert run_shell(open_context(root), "kill -TERM $$", 20).status == 143
    assert run_shell(open_context(root), "printf '\\377é'", 20).output == "\ufffdé"


def test_of_much_output_the_newest_is_kept(tmp_path: Path) -> None:
    ran = run_shell(open_context(workspace(tmp_path / "ws", ONE)), "yes | head -c 3000000; echo over", 20)
    assert ran.status == 0 and ran.output.endswith("y\nover\n") and len(ran.output) <= 64 * 1024


def gone(pid: str) -> bool:
    """Whether the process is dead, or dies within a moment: a signal takes its time."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("how", ["late", "closed", "cancelled"])
def test_one_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path, how: str) -> None:
    root = workspace(tmp_path / "ws", ONE)
    close = "exec >/dev/null 2>&1; " if how == "closed" else ""
    begun = time.monotonic()
    ran = run_shell(
        open_context(root), f"sleep 97 & echo $! >pid; {close}wait", 60 if how == "cancelled" else 1,
        cancelled=lambda: how == "cancelled" and (root / "pid").exists() and bool((root / "pid").read_text().strip()),
    )  # fmt: skip
    assert ran.status is None and "ended" in ran.why
    assert time.monotonic() - begun < 50
    assert gone((root / "pid").read_text().strip())


def test_what_it_left_running_does_not_keep_it_open(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", ONE)
    ran = run_shell(open_context(root), "sleep 96 & echo $!", 60)
    assert ran.status == 0 and not ran.why and ran.took < 50
    assert gone(ran.output.strip())


def test_who_only_looks_runs_nothing(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", ONE)
    with pytest.raises(ReadOnlyError):
        run_shell(open_context(root, read_only=True), "touch made", 5)
    assert not os.path.exists(root / "made")
