"""Globs, against a matcher that is too simple to be wrong."""

from __future__ import annotations

import time
from functools import cache
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.engine.errors import UsageError
from console.engine.globs import compile_any, compile_glob


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**", "a/b/c", True),
        ("*", "a", True),
        ("*", "a/b", False),
        ("*.json", "data.json", True),
        ("*.json", "a/data.json", False),
        ("**/*.json", "data.json", True),
        ("**/*.json", "a/b/data.json", True),
        ("**.json", "a/b/data.json", True),
        ("_templates/**", "_templates/x/y", True),
        ("_templates/**", "_templates", False),
        ("_templates/**", "my_templates/x", False),
        ("**/README*", "sff/README.md", True),
        ("**/README*", "sff/README/data.json", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "axb", False),
        ("dumps/2023-*/data.?son", "dumps/2023-10-30/data.json", True),
        ("[ab]x", "bx", True),
        ("[!ab]x", "bx", False),
        ("[^ab]x", "cx", True),
        ("[!a]", "/", False),
        ("[a-c]", "b", True),
        ("[]a]", "]", True),
        ("[*]", "*", True),
        ("[*]", "x", False),
        ("[.-0]", "/", False),  # the range holds it; a class never is a folder's end
        ("a.b", "axb", False),
        ("a\\*", "a\\b", True),
        ("*", "new\nline", True),
        ("**/*", "\udc80bad/\x1b]52.json", True),
        ("A", "a", False),
    ],
)
def test_what_matches(pattern: str, path: str, matches: bool) -> None:
    assert compile_glob(pattern)(path) is matches


@pytest.mark.parametrize(
    "pattern", ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\0", "[a", "a[", "[!", "[]", "[z-a]", "[a/b]"]
)
def test_what_is_no_glob_is_wrong_usage(pattern: str) -> None:
    with pytest.raises(UsageError, match="glob"):
        compile_glob(pattern)


def reference(pattern: str, path: str) -> bool:
    @cache
    def match(p: int, s: int) -> bool:
        if p == len(pattern):
            return s == len(path)
        if pattern.startswith("**", p):
            end = p
            while pattern.startswith("*", end):
                end += 1
            if (p == 0 or pattern[p - 1] == "/") and pattern.startswith("/", end):
                folders = [s, *(i + 1 for i in range(s, len(path)) if path[i] == "/")]
                return any(match(end + 1, i) for i in folders)
            return any(match(end, i) for i in range(s, len(path) + 1))
        if pattern[p] == "*":
            ends = [i for i in range(s, len(path) + 1) if "/" not in path[s:i]]
            return any(match(p + 1, i) for i in ends)
        if s == len(path):
            return False
        if pattern[p] == "?":
            return path[s] != "/" and match(p + 1, s + 1)
        if pattern[p] == "[":
            end = pattern.index("]", p + 2)
            inside, negated = pattern[p + 1 : end], pattern[p + 1] == "!"
            fits = (path[s] in inside.lstrip("!")) is not negated
            return path[s] != "/" and fits and match(end + 1, s + 1)
        return pattern[p] == path[s] and match(p + 1, s + 1)

    return match(0, 0)


names = st.text("ab.", min_size=1, max_size=4)
paths = st.lists(names, min_size=1, max_size=5).map("/".join)
pieces = st.sampled_from(["a", "b", ".", "*", "*", "?", "**", "[ab]", "[!a]"])
patterns = (
    st.lists(st.lists(pieces, min_size=1, max_size=5).map("".join), min_size=1, max_size=5)
    .map("/".join)
    .filter(lambda pattern: not {".", ".."} & set(pattern.split("/")))
)


@settings(max_examples=1500, deadline=None)
@example("**a*b", "xa/yab")
@example("**/a/**/b*", "a/a/b/a/ba")
@given(patterns, paths)
def test_agrees_with_the_simple_matcher(pattern: str, path: str) -> None:
    assert compile_glob(pattern)(path) is reference(pattern, path), (pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "*b", "a" * 255),
        ("**/a" * 30 + "/**/b", "a/" * 2000 + "c"),
        ("**a" * 30 + "**b", "a/" * 2000),
        ("**/*a*a*a*c", "a" * 4000),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    match = compile_glob(pattern)
    before = time.process_time()
    assert match(path) is False
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    "glob", ["**/README*", "**/*.md", "**/.*", "**/.*/**", "a/**", "a/**/b", "**/a/**/b", "*", "**", "[ab]/x", "a**b"]
)
def test_any_is_each(glob: str) -> None:
    names = ["a", "b", "x", ".x", "README", "README.md", "x.md", "ab"]
    paths = ["/".join(parts) for length in (1, 2, 3) for parts in product(names, repeat=length)]
    either = compile_any(["nothing/like/it", glob])
    assert [path for path in paths if either(path)] == [path for path in paths if compile_glob(glob)(path)]
    assert not compile_any([])("a")
