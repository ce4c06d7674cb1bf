"""The simple commands of a shell text that was taken apart: their words, redirects, and what they set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from console.engine.procedures.runbook_shell import REDIRECTS, Taken, Token, Word


@dataclass(slots=True)
class Redirect:
    operator: str
    target: str
    body: str = ""


@dataclass(slots=True)
class Command:
    """One simple command. sets: variables that it gives a value. span: of its words in the text. piped: it reads what
    the one before writes. joined: the operator before it (`|`, `&&`, `;`, …)."""

    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    sets: set[str] = field(default_factory=set)
    joined: str = ""

    @property
    def program(self) -> str:
        return self.words[0].text.rpartition("/")[2] if self.words else ""

    @property
    def texts(self) -> list[str]:
        return [word.text for word in self.words]


_ASSIGNS = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?\+?=")
_BEFORE_COMMANDS = frozenset({"do", "then", "else", "elif", "if", "while", "until", "!", "{", "coproc"})
_AFTER_COMMANDS = frozenset({"done", "fi", "esac", "}"})


def commands_of(taken: Taken) -> list[Command]:
    """Every simple command in the order of the text, those of substitutions behind."""
    return [command for tokens in taken.lists for command in _commands(tokens)]


def _commands(tokens: list[Token]) -> Iterator[Command]:
    current, joined, at = Command(), "", 0
    cases = 0  # `case` … `esac` that are open
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token.word is None:
            if token.operator in REDIRECTS:
                target = tokens[at].word if at < len(tokens) else None
                if target is not None:
                    current.redirects.append(Redirect(token.operator, target.text, token.body))
                    at += 1
                continue
            if token.operator == "(" and len(current.words) == 1 and not current.words[0].quoted:
                current.sets.add(f"{current.words[0].text}()")  # a function: its body is taken as what it is
                current.words = []
            if token.operator == ")" and cases and current.words:
                current.words = []  # the pattern of a case
            if current.words or current.redirects or current.sets:
                current.joined = joined
                yield current
            current, joined = Command(), token.operator
            continue
        word = token.word
        if not current.words and not word.quoted:
            if word.text in _BEFORE_COMMANDS or word.text in _AFTER_COMMANDS:
                cases -= word.text == "esac" and cases > 0
                continue
            if word.text in ("for", "select", "case", "function"):
                cases += word.text == "case"
                at = _head(tokens, at, word.text, current)
                continue
        if not current.words and (found := _ASSIGNS.match(word.text)):
            current.sets.add(found[1])
            continue
        current.words.append(word)
        _remember(current, word)
    if current.words or current.redirects or current.sets:
        current.joined = joined
        yield current


def _head(tokens: list[Token], at: int, keyword: str, current: Command) -> int:
    """What stands between `for`, `case` or `function` and the commands; where those begin."""
    if at < len(tokens) and (word := tokens[at].word) is not None and keyword != "case":
        current.sets.add(word.text + ("()" if keyword == "function" else ""))
        at += 1
    if keyword == "function":
        return at
    while at < len(tokens):
        word = tokens[at].word
        if keyword == "case" and word is not None and word.text == "in":
            return at + 1
        if word is None and tokens[at].operator in (";", "\n"):
            return at
        at += 1
    return at


_DECLARES = frozenset({"export", "local", "declare", "typeset", "readonly", "read", "mapfile", "readarray", "getopts"})


def _remember(command: Command, word: Word) -> None:
    """What `export X=…`, `read x` and their like set."""
    if command.program not in _DECLARES or len(command.words) < 2:
        return
    if found := _ASSIGNS.match(word.text):
        command.sets.add(found[1])
    elif command.program not in ("export", "readonly") and word.text.isidentifier():
        command.sets.add(word.text)
