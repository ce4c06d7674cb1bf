"""Words of runbooks: the classes of what a block does, names that stand for a value, and what only looks like one."""

from __future__ import annotations

import re
from enum import IntEnum
from itertools import pairwise


class Class(IntEnum):
    """The worse the larger."""

    READS = 0
    WRITES = 1
    DELETES = 2

    @property
    def word(self) -> str:
        return self.name.lower()


def names_of(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


BRACKET = re.compile(r"\[([A-Za-z][A-Za-z0-9]*(?:[ _.-][A-Za-z0-9]+)*)\]")
ANGLE = re.compile(r"<([A-Za-z][A-Za-z0-9]*(?:[ _-][A-Za-z0-9]+)*)>")
VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")

# Two letters that are a name all the same; others are a set of signs of a glob.
_SHORT = frozenset({"id", "ip", "db", "to", "pid", "dir", "env", "run", "url", "key", "tag", "day", "log"})
_LONGEST = 60
_RANGE = re.compile(r"a-z|A-Z|a-f|A-F|[0-9]-[0-9]|\A.-.\Z")
# What the shell, or whoever logged in, has set in any case.
_SET_ALREADY = names_of(
    "HOME USER LOGNAME PWD OLDPWD PATH SHELL HOSTNAME HOSTTYPE OSTYPE MACHTYPE TERM LANG LANGUAGE TZ TMPDIR"
    " EDITOR PAGER VISUAL UID EUID GID PPID RANDOM SRANDOM SECONDS EPOCHSECONDS EPOCHREALTIME LINENO IFS OPTARG"
    " OPTIND OPTERR REPLY PIPESTATUS FUNCNAME DIRSTACK COLUMNS LINES SHLVL PS1 PS2 PS3 PS4 MAPFILE COPROC DISPLAY"
    " SSH_CONNECTION SSH_CLIENT SSH_TTY SUDO_USER MAIL _"
)
_SET_PREFIXES = ("BASH", "LC_", "XDG_")


def is_bracket(text: str, found: re.Match[str]) -> bool:
    """Whether `[name]` is a name, and no set of signs of a glob, element of a list or link."""
    name, start, end = found[1], found.start(), found.end()
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if len(name) > _LONGEST or _RANGE.search(name):
        return False
    if before in ("\\", "[", "$", ")", "]") or after in ("]", "(", "{"):
        return False
    if after in ("=", "+") and (before.isalnum() or before == "_"):  # the element of an array
        return False
    if re.search(r"\$\{[A-Za-z_][A-Za-z0-9_]*\Z", text[max(0, start - 80) : start]):
        return False
    return _is_word(name)


def _is_word(name: str) -> bool:
    """Whether somebody would call a value so: letters that a glob would list are none."""
    if re.search(r"[ _.-]", name):
        return all(len(part) > 1 or part.isdigit() for part in re.split(r"[ _.-]", name)) or "_" in name
    small = name.lower()
    if small in _SHORT:
        return True
    if len(name) < 3 or (
        name != small and name != name.upper() and not re.fullmatch(r"[A-Z]?[a-z]+([A-Z][a-z]+)*", name)
    ):
        return False
    if small in ("aeiou", "abc", "xyz") or all(ord(b) - ord(a) == 1 for a, b in pairwise(small)):
        return False
    pairs = list(zip(small[::2], small[1::2], strict=False))
    return not (len(name) % 2 == 0 and all(a == b for a, b in pairs))  # [YyNn]


def is_angle(text: str, found: re.Match[str]) -> bool:
    """Whether `<name>` is a name, and no redirect from one file and into another, or a tag."""
    start, end = found.start(), found.end()
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if len(found[1]) > _LONGEST or before in ("\\", "<", "&", "?", "(") or before.isdigit():
        return False
    if text[max(0, start - 2) : start] in ("?P", "(?"):
        return False
    if after.isalnum() and (not before or before.isspace()):
        return False
    return after not in (">", "&", "(") and f"</{found[1]}>" not in text


def is_variable(found: re.Match[str]) -> bool:
    """Whether somebody has to say what `$NAME` is."""
    name = found[1] or found[2]
    return len(name) <= _LONGEST and name not in _SET_ALREADY and not name.startswith(_SET_PREFIXES)
