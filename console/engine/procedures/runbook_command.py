"""A block of a runbook as a command of a procedure: values in the places of its placeholders, each quoted by the engine
where it is filled in; and why a block cannot be run from here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from console.engine.procedures.model import COMMAND_SECONDS
from console.engine.procedures.runbook import Block
from console.engine.procedures.runbook_classes import is_program, reads_program, unwrapped
from console.engine.procedures.runbook_commands import Command
from console.engine.procedures.runbook_names import Class, names_of
from console.engine.procedures.runbook_shell import Place, Where
from console.engine.procedures.shell import quoted_values

LONGEST = 2000  # characters of a command that a procedure may have
_WRITE_SECONDS = 3600
_ENDLESS_SECONDS = 30
_INTERACTIVE = names_of("vi vim nvim nano emacs ed pico htop top visudo vipw screen tmux less more su passwd")
_DIFFERS = names_of("grep egrep fgrep zgrep rg diff cmp pgrep")  # status 1: nothing found, or they differ


@dataclass(frozen=True, slots=True)
class Runnable:
    """command: as a definition has it, with `{value}` in its places; '' where it is not run from here: why says so.

    says: what is to be known before it runs. statuses: those that are good.
    """

    command: str = ""
    why: str = ""
    says: str = ""
    seconds: int = COMMAND_SECONDS
    statuses: tuple[int, ...] = (0,)


def escaped(text: str) -> str:
    """A text in which no brace names a value."""
    return text.replace("{", "{{").replace("}", "}}")


def template(text: str, value: Callable[[str], str], spelled: list[str]) -> str:
    """A text with `{value}` for each placeholder; value: its name, by how the runbook spells it."""
    if not spelled:
        return escaped(text)
    parts = re.split("(" + "|".join(re.escape(each) for each in sorted(spelled, key=len, reverse=True)) + ")", text)
    return "".join(f"{{{value(part)}}}" if part in spelled else escaped(part) for part in parts)


def runnable(block: Block, value: Callable[[str], str]) -> Runnable:
    """The block as a command. value: the name of the value that a placeholder stands for."""
    places = block.places
    if why := _why_not(block, places):
        return Runnable(why=why)
    follows = [word for command in block.commands if _program(command) == "tail" for word in command.words
               if word.text in ("-f", "-F", "--follow")]  # fmt: skip
    dropped = [(word.start, word.end) for word in follows if _in_text(block, word.start, word.end)]
    command = _filled(block, places, dropped, value)
    if command is None or len(command) > LONGEST:
        why = "it is too long" if command else "a value would stand where the shell takes none for one word"
        return Runnable(why=why)
    says = []
    if dropped:
        says.append("`-f` is left out: it would follow the file without end.")
    endless = len(follows) > len(dropped) or any(_is_endless(each) for each in block.commands)
    if endless:
        says.append(f"It does not end by itself: after {_ENDLESS_SECONDS} s it is ended.")
    if any("sudo" in each.texts[:1] for each in block.commands):
        says.append("sudo cannot ask for a password here: it works where it needs none.")
    seconds = _ENDLESS_SECONDS if endless else COMMAND_SECONDS if block.does is Class.READS else _WRITE_SECONDS
    last = [each for each in block.commands if each.words][-1:]
    differs = block.does is Class.READS and bool(last) and _program(last[0]) in _DIFFERS
    return Runnable(command, "", " ".join(says), seconds, (0, 1) if differs else (0,))


def _program(command: Command) -> str:
    words = unwrapped(command.texts)
    return words[0].rpartition("/")[2] if words else ""


def _in_text(block: Block, start: int, end: int) -> bool:
    """Whether the word really stands there: one of backquotes has its place in another text."""
    return block.text[start:end] in ("-f", "-F", "--follow")


def _is_endless(command: Command) -> bool:
    words = unwrapped(command.texts)
    name, given = _program(command), set(words[1:])
    if command.texts[:1] == ["watch"]:
        return True
    if name == "tail":
        return any(
            re.fullmatch(r"-[0-9n]*[fF][0-9n]*|--follow=\w+|-f\d+", word) for word in given - {"-f", "-F", "--follow"}
        )
    return (name == "journalctl" and "-f" in given) or (name == "ping" and "-c" not in given)


def _why_not(block: Block, places: list[Place]) -> str:
    """Why a block is not run from here, '' where it is."""
    if block.hidden:
        return "some signs in it do not show, and what is run here is what is shown"
    if block.taken.odd:
        return "not all of it was understood: a quote, bracket or here-document is left open"
    if any(_program(each) in _INTERACTIVE or each.texts[:2] == ["crontab", "-e"] for each in block.commands):
        return "it needs a terminal of its own"
    for place in places:
        if place.where in (Where.ARITHMETIC, Where.FIXED):
            return f"{place.spelled} stands in {place.where.value}: no value can be filled in there and stay one word"
        for command in block.commands:
            inside = [at for at, word in enumerate(command.words) if word.start <= place.start < word.end]
            heredoc = (
                place.where is Where.HEREDOC and reads_program(command) and any(each.body for each in command.redirects)
            )
            if heredoc or any(is_program(command, at) for at in inside):
                return f"{place.spelled} stands in a program: what is filled in there would be read as part of it"
    return ""


def _filled(
    block: Block, places: list[Place], dropped: list[tuple[int, int]], value: Callable[[str], str]
) -> str | None:
    """The command; None where a value cannot be put where it belongs."""
    head = "#!/bin/bash\n" if block.bash else ""
    if block.does is not Class.READS and sum(bool(each.words) for each in block.commands) > 1:
        head += "set -e  # stop at the first command that fails\n"
    simple = {Where.PLAIN: "{}", Where.DOUBLE: '"{}"', Where.SINGLE: "'{}'"}
    if all(place.where in simple for place in places):
        command = head + _spliced(
            block.text, places, dropped, lambda place: _in_place(place, value, simple[place.where])
        )
        if not any(quoted_values(command)):
            return command
    names = list(dict.fromkeys(value(place.spelled) for place in places))
    given = "".join(f"rb_{name}={{{name}}}\n" for name in names)
    inner = {Where.PLAIN: '"${{{{{}}}}}"', Where.NESTED: '"${{{{{}}}}}"'}
    inner |= {where: "'\"${{{{{}}}}}\"'" for where in (Where.SINGLE, Where.NESTED_SINGLE)}
    inner |= {where: "${{{{{}}}}}" for where in (Where.DOUBLE, Where.NESTED_DOUBLE, Where.HEREDOC)}
    command = head + given + _spliced(
        block.text, places, dropped, lambda place: inner[place.where].format("rb_" + value(place.spelled))
    )  # fmt: skip
    return None if any(quoted_values(command)) else command


def _in_place(place: Place, value: Callable[[str], str], around: str) -> str:
    return around.format(f"{{{value(place.spelled)}}}")


def _spliced(text: str, places: list[Place], dropped: list[tuple[int, int]], put: Callable[[Place], str]) -> str:
    """The text with something else in those places; quotes that would hold nothing are left out."""
    parts: list[tuple[int, int, str]] = [(place.start, place.end, put(place)) for place in places]
    parts += [(start, end, "") for start, end in dropped]
    made, at = "", 0
    for start, end, new in sorted(parts):
        before = escaped(text[at:start])
        sign = new[:1]
        if sign in ("'", '"') and new[1:2] == "{" and before.endswith(sign) and not before.endswith("\\" + sign):
            before, new = before[:-1], new[1:]
        elif sign in ("'", '"') and new[1:2] == "{" and made.endswith(sign) and not before:
            made, new = made[:-1], new[1:]
        if sign in ("'", '"') and text[end : end + 1] == sign and new.endswith("}" + sign):
            new, end = new[:-1], end + 1
        if not new and text[end : end + 1] == " ":
            end += 1
        made += before + new
        at = end
    return made + escaped(text[at:])
