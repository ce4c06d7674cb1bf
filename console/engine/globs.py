"""Globs over paths with `/`: in rules, in `ignore`, in `--pattern`.

`*` and `?` stay inside one folder name, `**` crosses folders (`a/**/b` matches `a/b` too, `a/**` everything
below a), `[abc]`, `[a-z]` and `[!a]` are one character other than `/`. Nothing else is special: a backslash
is itself, a literal `*` is written `[*]`. Case matters, hidden names match, paths are compared whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from console.engine.errors import UsageError


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a relative path matches `pattern`.

    Raises UsageError for what can match nothing that is meant: empty, absolute, `..`, a class without `]`.
    The time of a match grows at most with the square of the path's length, whatever the pattern.
    """
    _check(pattern)
    if pattern == "**":
        return lambda _path: True
    match = re.compile(_translate(pattern), re.DOTALL).fullmatch
    return lambda path: match(path) is not None


def compile_any(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether a relative path matches one of `patterns`; quick where most match none.

    Raises UsageError as `compile_glob` does.
    """
    globs = [(_fixed(pattern), compile_glob(pattern)) for pattern in patterns]

    def matches(path: str) -> bool:
        rooted = f"/{path}"
        for fixed, match in globs:  # noqa: SIM110 - `any` would take twice as long, for each file
            if fixed in rooted and match(path):
                return True
        return False

    return matches


def _fixed(pattern: str) -> str:
    """A text that is part of `/path` for every path that matches; the longest one that is easily seen."""
    plain = f"/{pattern}".partition("[")[0]  # of a class nothing is certain
    return max(_WILD.split(plain), key=len)


def _check(pattern: str) -> None:
    def refuse(why: str) -> UsageError:
        return UsageError(
            f"the glob {pattern!r} {why}",
            next_step="globs are relative, with / between folders; ** crosses folders, * and ? do not",
        )

    if not pattern:
        raise refuse("is empty")
    if "\0" in pattern:
        raise refuse("holds a NUL character")
    if pattern.startswith("/"):
        raise refuse("begins with /")
    if pattern.endswith("/") or "//" in pattern:
        raise refuse("has an empty folder name")
    if any(part in (".", "..") for part in pattern.split("/")):
        raise refuse("holds . or .. as a folder name")


# `**` that stands for whole folders takes the `/` before it along: it may be none.
_WILD = re.compile(r"/\*\*+(?=/)|[*?]+")

# What stands between `**`: alternating fixed text (as a regular expression) and single stars.
_Segment = list[str]


def _translate(pattern: str) -> str:
    """The regular expression.

    A star is followed by as little as makes the text after it fit, and that choice is final (an atomic
    group): in a glob the earliest fit is always as good as any later one, and nothing has to be tried twice.
    Only the last star before the end, or before a `**`, is anchored, and there one choice is left open.
    """
    segments, joints = _segments(pattern)
    out = _segment(segments[0], last=len(segments) == 1)
    for number, (joint, segment) in enumerate(zip(joints, segments[1:], strict=True), 2):
        if number == len(segments):
            out += joint + _segment(segment, last=True)
        else:
            out += f"(?>{joint}{_segment(segment, last=False)})"
    return out


def _segment(parts: _Segment, *, last: bool) -> str:
    """`parts` joined by single stars; `last`: it has to end where the path ends."""
    out = parts[0]
    for number, part in enumerate(parts[1:], 2):
        out += f"[^/]*{part}" if last and number == len(parts) else f"(?>[^/]*?{part})"
    return out


def _segments(pattern: str) -> tuple[list[_Segment], list[str]]:
    """The pattern cut at each `**`, and what each `**` stands for."""
    segments: list[_Segment] = [[""]]
    joints: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            end = position
            while end < len(pattern) and pattern[end] == "*":
                end += 1
            if end - position == 1:
                segments[-1].append("")
            else:
                whole = (position == 0 or pattern[position - 1] == "/") and pattern[end : end + 1] == "/"
                joints.append("(?:.*?/)??" if whole else ".*?")
                segments.append([""])
                end += whole  # `**/` is any number of folders, none included
            position = end
            continue
        if character == "[":
            text, position = _class(pattern, position)
        else:
            text, position = "[^/]" if character == "?" else re.escape(character), position + 1
        segments[-1][-1] += text
    return segments, joints


def _class(pattern: str, start: int) -> tuple[str, int]:
    """The class that begins at `start` as a regular expression, and where the pattern goes on."""
    position = start + 1
    negated = pattern[position : position + 1] in ("!", "^")
    position += negated
    first = position
    end = pattern.find("]", first + 1)  # a `]` that comes first is meant
    if end < 0 or "/" in pattern[first:end]:
        raise UsageError(f"the glob {pattern!r} has a [ without its ]", next_step="write a literal [ as [[]")
    members, text = pattern[first:end], ""
    while members:
        if len(members) >= 3 and members[1] == "-":
            if members[0] > members[2]:
                raise UsageError(f"the glob {pattern!r} has a range that runs backwards: {members[:3]}")
            text += f"{re.escape(members[0])}-{re.escape(members[2])}"
            members = members[3:]
        else:
            text += re.escape(members[0])
            members = members[1:]
    return (f"[^/{text}]" if negated else f"(?!/)[{text}]"), end + 1
