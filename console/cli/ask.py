"""Questions to whoever sits at the terminal: asked on standard error, answered on standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from console.cli.output import note


def ask(question: str) -> str | None:
    """The answer without blanks at its ends, in small letters; None when the input has ended."""
    stream = note()
    stream.write(stream.paint(question) + " ")
    stream.flush()
    try:
        answer = sys.stdin.readline()
    except OSError:  # the terminal has gone
        answer = ""
    if not answer:
        stream.line("")
        return None
    return answer.strip().lower()


def confirm(question: str) -> bool:
    """A yes or no, No being what Enter and everything unclear means."""
    return ask(f"{question} [y/N]") in ("y", "yes")


def choose(question: str, choices: Sequence[str]) -> str | None:
    """One of `choices` by name or first letter; Enter means the last one; None at the end of input."""
    while True:
        answer = ask(question)
        if answer is None:
            return None
        if not answer:
            return choices[-1]
        for choice in choices:
            if answer in (choice, choice[0]):
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
