"""The root, and what an operator typed confined to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.engine.errors import UsageError
from console.engine.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with links of all kinds, and what lies outside of it."""
    top = tmp_path_factory.mktemp("place").resolve()
    root = top / "ws"
    for folder in ("a/b", "zone", "c"):
        (root / folder).mkdir(parents=True)
    (root / "a/file").write_text("inside")
    (top / "out/deep").mkdir(parents=True)
    (top / "out/secret").write_text("outside")
    (top / "far/zone/x").mkdir(parents=True)
    (top / "ws-not").mkdir()
    for link, target in {
        "ws/in": "a",
        "ws/loop": "loop",
        "ws/leak": "../out",
        "ws/a/leak": "../../out/secret",
        "ws/a/same": "file",
        "ws/abs": str(top / "out"),
        "ws/dangling": "nowhere/at/all",
        "ws/far": "../far",
        "alias": "ws",
    }.items():
        (top / link).symlink_to(target)
    return top


def test_a_root_is_resolved_once(place: Path) -> None:
    assert open_workspace(place / "alias").root == place / "ws"


@pytest.mark.parametrize("name", ["nowhere", "ws/a/file", "ws/loop", "ws/a/file/x", "nul\0l"])
def test_what_is_no_folder_is_wrong_usage(place: Path, name: str) -> None:
    with pytest.raises(UsageError) as error:
        open_workspace(place / name)
    assert error.value.file.endswith(name)
    assert error.value.exit_status == 2


@pytest.mark.parametrize(
    ("typed", "relative"),
    [
        ("a/file", "a/file"),
        ("./a//file", "a/file"),
        ("a/../a/./b/../file", "a/file"),
        ("a/", "a"),
        (".", "."),
        ("", None),
        ("..", None),
        ("../ws/a/file", "a/file"),  # out and back in again leads nowhere else
        ("../ws-not", None),
        ("a/../../out", None),
        ("{top}/ws/a/file", "a/file"),
        ("{top}//ws///a/file", "a/file"),
        ("//{top}/ws", "."),
        ("{top}/alias/a/file", "a/file"),
        ("{top}/ws-not/x", None),
        ("/", None),
        ("/etc/passwd", None),
        ("not/there/yet", "not/there/yet"),
        ("in/file", "a/file"),  # a link on the way is followed, inside
        ("in", "in"),  # a link at the end is itself
        ("a/same", "a/same"),
        ("dangling", "dangling"),
        ("leak", None),
        ("leak/secret", None),
        ("leak/../a/file", "a/file"),  # .. is taken with the name before it, as in the spelling
        ("a/leak", None),
        ("abs/deep", None),
        ("far/zone/x", None),
        ("nul\0l", None),
        ("\ud800", None),
        ("{top}/alias", "."),
        ("a" * 5000, "a" * 5000),
        ("new\nline\x1b[0m", "new\nline\x1b[0m"),
        ("\udcff.json", "\udcff.json"),
    ],
)
def test_what_was_typed_as_a_path_below_the_root(place: Path, typed: str, relative: str | None) -> None:
    workspace = open_workspace(place / "ws")
    typed = typed.replace("{top}", str(place))
    if relative is None:
        with pytest.raises(UsageError) as error:
            workspace.confine(typed)
        assert error.value.file == typed
    else:
        assert workspace.confine(typed) == relative


def test_relative_to_another_folder(place: Path) -> None:
    workspace = open_workspace(place / "ws")
    assert workspace.confine("file", base=place / "ws/a") == "a/file"
    assert workspace.confine("../c", base=place / "ws/a") == "c"
    with pytest.raises(UsageError):
        workspace.confine("../../out", base=place / "ws/a")


def test_a_configured_zone_may_be_a_link_or_lie_elsewhere(place: Path) -> None:
    workspace = open_workspace(place / "ws")
    zones = ("far/zone", "zone", str(place / "out"))
    confine = lambda typed: workspace.confine(typed, zones=zones)  # noqa: E731
    assert confine("far/zone/x") == "far/zone/x"
    assert confine("far/zone") == "far/zone"
    assert confine(f"{place}/far/zone/x/new.json") == "far/zone/x/new.json"
    assert confine(f"{place}/out/secret") == f"{place}/out/secret"
    assert confine("leak/secret") == f"{place}/out/secret"  # a link to what is configured is a way to it
    with pytest.raises(UsageError):
        confine("far/other")
    with pytest.raises(UsageError):
        confine(f"{place}/far/zones")


def test_a_zone_that_is_itself_a_link(place: Path) -> None:
    workspace = open_workspace(place / "ws")
    assert workspace.confine("leak", zones=("leak",)) == "leak"
    assert workspace.confine("leak/secret", zones=("leak",)) == "leak/secret"
    (place / "out/way").unlink(missing_ok=True)
    (place / "out/way").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="link"):
        workspace.confine("leak/way", zones=("leak",))


words = st.sampled_from(["a", "b", "file", "in", "leak", "same", "abs", "far", "zone", "..", ".", "", "new", "ws"])
typed_paths = st.tuples(st.sampled_from(["", "/", "{root}/", "{top}/", "{top}/alias/"]), st.lists(words, max_size=7))


def walk(path: str, hops: int = 0) -> str | None:
    """Where an absolute path without `..` really leads, one name after the other; None for a loop."""
    real = "/"
    for name in [part for part in path.split("/") if part and part != "."]:
        real = os.path.dirname(real) if name == ".." else real.rstrip("/") + "/" + name
        if os.path.islink(real):
            if hops > 40:
                return None
            target = os.readlink(real)
            start = target if target.startswith("/") else os.path.dirname(real) + "/" + target
            followed = walk(start, hops + 1)
            if followed is None:
                return None
            real = followed
    return real


def fold_by_hand(path: str) -> str:
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            names = names[:-1]
        elif name not in ("", "."):
            names.append(name)
    return "/" + "/".join(names)


@settings(max_examples=800, deadline=None)
@given(parts=typed_paths)
def test_nothing_typed_leads_outside(place: Path, parts: tuple[str, list[str]]) -> None:
    root = str(place / "ws")
    typed = parts[0].replace("{root}", root).replace("{top}", str(place)) + "/".join(parts[1])
    absolute = fold_by_hand(typed if typed.startswith("/") else f"{root}/{typed}")
    real = walk(absolute)
    name = os.path.basename(absolute)
    parent = walk(os.path.dirname(absolute))
    spelled = f"{parent}/{name}".replace("//", "/")
    inside = all(path == root or (path or "").startswith(root + "/") for path in (real, spelled))
    workspace = Workspace(place / "ws")
    if typed and inside and real != root:
        relative = workspace.confine(typed)
        assert not relative.startswith(("/", "../")) and relative != ".."
        assert os.path.normpath(f"{root}/{relative}") == spelled
        assert workspace.confine(relative) == relative
    elif typed and real == root:
        assert workspace.confine(typed) == "."
    elif typed:
        with pytest.raises(UsageError):
            workspace.confine(typed)
