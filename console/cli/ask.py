"""Questions to whoever sits at the terminal: asked on standard error, answered on standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from console.cli.output import note


def ask(question: str) -> str | None:
    """The answer without blanks at its ends, in small letters; None when the input has ended."""
    said = answer(question)
    return None if said is None else said.lower()


def answer(question: str) -> str | None:
    """The answer as it was typed, without blanks at its ends; None when the input has ended."""
    stream = note()
    stream.write(stream.paint(question) + " ")
    stream.flush()
    try:
        typed_line = sys.stdin.readline()
    except OSError:  # the terminal has gone
        typed_line = ""
    if not typed_line:
        stream.line("")
        return None
    return typed_line.strip()


def confirm(question: str) -> bool:
    """A yes or no, No being what Enter and everything unclear means."""
    return ask(f"{question} [y/N]") in ("y", "yes")


def choose(question: str, choices: Sequence[str]) -> str | None:
    """One of `choices` by name or first letter; Enter means the last one; None at the end of input."""
    while True:
        said = ask(question)
        if said is None:
            return None
        if not said:
            return choices[-1]
        for choice in choices:
            if said in (choice, choice[0]):
                return choice


def typed(question: str, word: str) -> bool:
    """Whether the word was typed, letter by letter as it is."""
    stream = note()
    stream.write(stream.paint(f"{question} Type {word} to go on:") + " ")
    stream.flush()
    try:
        return sys.stdin.readline().strip() == word
    except OSError:  # the terminal has gone
        return False
