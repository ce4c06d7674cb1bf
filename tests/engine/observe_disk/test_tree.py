"""The tree's sums against a count that is made anew for every folder; what is too much is counted with its parent."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.engine.observe import disk_tree
from console.engine.observe.disk_saved import reduced
from console.engine.observe.disk_tree import BLOCK, ROOT, FolderTree


@dataclass
class Drawn:
    """Folders by the number of the one above; files with one name; files with several: places, and names elsewhere."""

    parents: list[int]
    plain: list[tuple[int, int]] = field(default_factory=list)
    linked: list[tuple[list[int], int, int]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    size = draw(st.integers(0, 12))
    parents = [-1, *(draw(st.integers(0, number)) for number in range(size))]
    place = st.integers(0, size)
    found = Drawn(parents)
    found.plain = draw(st.lists(st.tuples(place, st.integers(0, 50)), max_size=8))
    several = st.tuples(st.lists(place, min_size=1, max_size=6), st.integers(0, 2), st.integers(1, 50))
    found.linked = [each for each in draw(st.lists(several, max_size=6)) if len(each[0]) + each[1] > 1]
    names = [number for number, (places, _, _) in enumerate(found.linked) for _ in places]
    found.order = draw(st.permutations(names))
    return found


def build(found: Drawn) -> FolderTree:
    tree = FolderTree("/r")
    for number, parent in enumerate(found.parents[1:], 1):
        assert tree.add(parent, f"f{number}") == number
    for folder, blocks in found.plain:
        tree.count(folder, blocks, blocks * 100, 1, folder, 0)
    left = [list(places) for places, _, _ in found.linked]
    for number in found.order:
        places, elsewhere, blocks = found.linked[number]
        folder = left[number].pop()
        tree.count(folder, 0, 0, 1, 0, 0)
        tree.link(folder, 1, number, len(places) + elsewhere, blocks, blocks * 100)
    tree.finished("2026-03-04T14:02:00.000000Z", 1.0)
    return tree


def below(found: Drawn, folder: int) -> set[int]:
    inside = {folder}
    for number, parent in enumerate(found.parents):
        if parent in inside:
            inside.add(number)
    return inside


@given(drawn())
def test_every_folder_counts_each_file_once_and_frees_what_lies_nowhere_else(found: Drawn) -> None:
    tree = build(found)
    for folder in range(len(found.parents)):
        inside = below(found, folder)
        plain = sum(blocks for place, blocks in found.plain if place in inside)
        size, frees = plain, plain
        for places, elsewhere, blocks in found.linked:
            here = [place for place in places if place in inside]
            size += blocks if here else 0
            frees += blocks if len(here) == len(places) and not elsewhere else 0
        row = tree.row(folder)
        assert (row.size, row.frees) == (size * BLOCK, frees * BLOCK)
        assert row.apparent == size * 100
        names = [place for places, _, _ in found.linked for place in places]
        assert row.files == sum(place in inside for place in [*names, *(place for place, _ in found.plain)])
        assert row.folders == len(inside) - 1


@given(drawn(), st.integers(1, 12))
def test_a_reduced_tree_says_the_same_of_every_folder_it_kept(found: Drawn, limit: int) -> None:
    tree = build(found)
    small = reduced(tree, limit)
    for number in range(len(small)):
        same = tree.find(small.path(number))
        assert same is not None
        one, other = tree.row(same), small.row(number)
        kept = (other.size, other.frees, other.apparent, other.files, other.newest)
        assert kept == (one.size, one.frees, one.apparent, one.files, one.newest)
    assert len(small) <= max(limit + 13, 1) and small.at == tree.at


def test_too_many_folders_and_too_deep_ones_count_with_the_one_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_tree, "FOLDERS", 5)
    monkeypatch.setattr(disk_tree, "DEPTH", 2)
    tree = FolderTree("/r")
    one = tree.add(ROOT, "one")
    two = tree.add(one, "two")
    assert tree.add(two, "three") == two
    tree.count(two, 7, 1, 1, 0, 0)
    wide = [tree.add(ROOT, f"w{number}") for number in range(9)]
    assert wide[:2] == [3, 4] and set(wide[2:]) == {ROOT}
    assert tree.row(two).collapsed and tree.row(ROOT).collapsed and not tree.row(one).collapsed
    assert tree.row(ROOT).size == 7 * BLOCK
    assert tree.add(ROOT, "zone", "/elsewhere") == 5  # a zone always has its own row


def test_more_linked_files_than_are_remembered_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_tree, "LINKED", 2)
    tree = FolderTree("/r")
    for inode in (1, 2, 3, 3):
        tree.link(ROOT, 1, inode, 2, 1, 1)
    assert tree.inexact
    assert tree.row(ROOT).size == 4 * BLOCK


def test_an_outline_has_those_above_before_those_inside_and_the_larger_first() -> None:
    tree = FolderTree("/r")
    for name, sizes in (("small", (1, 2)), ("large", (30, 40, 1, 40))):
        above = tree.add(ROOT, name)
        for number, blocks in enumerate(sizes):
            tree.count(tree.add(above, f"{name}{number}"), blocks, 0, 1, 0, 0)
    tree.finished("", 0)
    names = [(level, row.name) for level, row in tree.largest(2, 5)]
    assert names == [(0, ""), (1, "large"), (2, "large1"), (2, "large3"), (2, "large0"), (1, "small")]
    assert [row.name for _, row in tree.largest(1, 9)] == ["", "large", "small"]


def test_finding_by_path() -> None:
    tree = FolderTree("/r")
    one = tree.add(ROOT, "one")
    outer = tree.add(ROOT, "zone", "/mnt/zone")
    inner = tree.add(outer, "in")
    assert [tree.find(path) for path in ("/r", "/r/one", "/mnt/zone", "/mnt/zone/in")] == [ROOT, one, outer, inner]
    assert [tree.find(path) for path in ("/rx", "/r/zone", "/mnt", "/r/one/x", "/mnt/zonex")] == [None] * 5
    assert tree.path(inner) == "/mnt/zone/in" and FolderTree("/").path(ROOT) == "/"


@pytest.mark.parametrize("by", ["size", "files", "time", "name"])
def test_inside_in_every_order(by: str) -> None:
    tree = FolderTree("/r")
    for number, name in enumerate("bca"):
        tree.count(tree.add(ROOT, name), 10 + number, 0, 5 - number, (number * 7) % 3, 0)
    expected = {"size": "acb", "files": "bca", "time": "acb", "name": "abc"}[by]
    assert "".join(row.name for row in tree.inside(ROOT, by=by)) == expected
    assert [row.name for row in tree.inside(ROOT, by=by, limit=1)] == [expected[0]]
    assert [row.name for row in tree.inside(ROOT, by=by, text="c")] == ["c"]
