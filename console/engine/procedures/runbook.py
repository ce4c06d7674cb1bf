"""A runbook in Markdown as what it is made of: sections, prose, numbered steps, and shell blocks with what each does.

Parsed by a Markdown parser (CommonMark with tables); whatever the text is, nothing is raised by `read_markdown`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from console.engine.errors import UsageError
from console.engine.procedures.runbook_classes import (
    class_of,
    class_of_command,
    is_program,
    takes_expression,
    unwrapped,
)
from console.engine.procedures.runbook_commands import Command, commands_of
from console.engine.procedures.runbook_names import Class, names_of
from console.engine.procedures.runbook_shell import Place, Taken, take_apart
from console.engine.text import visible
from console.engine.transfer.filesystem import in_words

if TYPE_CHECKING:
    from markdown_it.token import Token

_LARGEST = 2 << 20  # bytes of a runbook
_DEEPEST = 100  # lists and quotations in each other; the parser leaves out what is deeper
_SHELL = names_of("bash sh shell zsh ksh dash ash")
_CONSOLE = names_of("console shell-session shellsession sh-session bash-session terminal session")
_PROMPT = re.compile(r"\s*(?:[\w.@:~/\\\[\]-]{0,60})?[$#%] (.*)")
_BOX = re.compile(r"\[([ xX])\]\s+")


@dataclass(slots=True)
class Block:
    """A block of shell text. number: from 1, in the file. lines: its first and last one in the file.

    kind: commands | script (a file to be saved) | words (comments alone, nothing to be run). text: without prompts and
    indent. hidden: some signs in it do not show. bash: it needs that shell.
    """

    number: int
    section: int
    lines: tuple[int, int]
    text: str
    kind: str = "commands"
    bash: bool = False
    hidden: bool = False
    taken: Taken = field(default_factory=Taken)
    commands: list[Command] = field(default_factory=list)
    does: Class = Class.READS

    @property
    def places(self) -> list[Place]:
        """Where a value is to be filled in; what the block sets itself is none."""
        own = {name for command in self.commands for name in command.sets}
        return [
            place
            for place in self.taken.places
            if (place.spelled[0] != "$" or place.name not in own) and not _is_pattern(self, place)
        ]

    @property
    def placeholders(self) -> list[str]:
        """As they are spelled, each once."""
        return list(dict.fromkeys(place.spelled for place in self.places))


@dataclass(slots=True)
class Element:
    """One piece of a runbook, in the order of the file. kind: heading | text | item | code | block | rule.

    level: of a heading from 1, elsewhere how deep in lists. marker: of an item (`3.`, `-`, `[ ]`). section: its number.
    language: of code that is no shell block.
    """

    kind: str
    text: str
    level: int = 0
    marker: str = ""
    section: int = 0
    language: str = ""
    block: Block | None = None


@dataclass(slots=True)
class Section:
    """number: from 1; 0 is what stands before the first heading. line: of its heading."""

    number: int
    level: int
    title: str
    line: int


@dataclass(slots=True)
class Runbook:
    """name: of its file."""

    name: str
    title: str
    sections: list[Section]
    elements: list[Element]

    @property
    def blocks(self) -> list[Block]:
        return [element.block for element in self.elements if element.block is not None]

    def within(self, section: Section) -> range:
        """The numbers of a section and of those below it."""
        end = section.number + 1
        if section.number == 0:  # what stands before the first heading has none below it
            return range(0, 1)
        while end < len(self.sections) and self.sections[end].level > section.level:
            end += 1
        return range(section.number, end)

    def of_section(self, section: Section) -> list[Element]:
        """Its pieces, those of the sections below it among them."""
        numbers = self.within(section)
        return [element for element in self.elements if element.section in numbers]

    def find(self, text: str) -> Section:
        """The section that has this number, or this title, or part of one. Raises UsageError."""
        sections = [section for section in self.sections if section.number or self._has_preface]
        if text.isascii() and text.isdigit():
            found = [section for section in sections if section.number == int(text)]
        else:
            wanted = " ".join(text.lower().split())
            found = [each for each in sections if " ".join(each.title.lower().split()) == wanted]
            found = found or [each for each in sections if wanted and wanted in " ".join(each.title.lower().split())]
        if len(found) == 1:
            return found[0]
        step = f"`opsconsole runbook {self.name} --sections` lists them"
        if not found:
            raise UsageError(
                f"there is no section {text!r} in it", file=self.name, untouched="everything", next_step=step
            )
        several = "; ".join(f"{each.number} {each.title}" for each in found[:6])
        raise UsageError(
            f"{text!r} names {len(found)} sections: {several}", file=self.name, next_step="give its number"
        )

    @property
    def _has_preface(self) -> bool:
        return any(element.section == 0 for element in self.elements)


def _is_pattern(block: Block, place: Place) -> bool:
    """Whether `[abc]` stands where a program takes a pattern: there only a word that is nothing else is a name."""
    if place.spelled[0] != "[" or "_" in place.name:
        return False
    around = block.text[max(0, place.start - 1) : place.start], block.text[place.end : place.end + 1]
    for command in block.commands:
        for number, word in enumerate(command.words):
            if not word.start <= place.start < word.end:
                continue
            if is_program(command, number):  # there lists and expressions are in brackets
                return takes_expression(command) or not (around[0] in "'\" /=" and around[1] in "'\" /.")
            if _takes_pattern(command, number) and (word.quoted or word.text != place.spelled):
                return True
    return False


def _takes_pattern(command: Command, number: int) -> bool:
    words = command.texts
    offset = len(words) - len(unwrapped(words))
    name = words[offset].rpartition("/")[2] if offset < len(words) else ""
    if name in ("grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack", "expr", "pgrep", "tr"):
        operands = [at for at in range(offset + 1, len(words)) if not words[at].startswith("-")]
        return number in operands[: 2 if name == "tr" else 1] or words[number - 1] in ("-e", "--regexp")
    return name == "find" and words[number - 1] in ("-name", "-iname", "-path", "-regex", "-iregex", "-wholename")


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_runbook(path: Path) -> Runbook:
    """The runbook in a file. Raises UsageError: none is there, it cannot be read, or is none."""
    shown = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError("this is no file of text", file=shown, untouched="everything")
            data = file.read(_LARGEST + 1)
    except IsADirectoryError:
        raise UsageError("this is a folder", file=shown, untouched="everything", next_step="name a file") from None
    except (OSError, ValueError) as error:
        reason = in_words(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"the runbook cannot be read: {reason}", file=shown, untouched="everything") from None
    if len(data) > _LARGEST:
        raise UsageError(f"too large for a runbook: more than {_LARGEST >> 20} MiB", file=shown, untouched="everything")
    return read_markdown(data.decode("utf-8-sig", "replace"), path.name)


def read_markdown(text: str, name: str) -> Runbook:
    """The runbook in a text."""
    from markdown_it import MarkdownIt

    text = text.encode("utf-8", "replace").decode()  # halves of surrogates are no text
    tokens = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("table").parse(text)
    reader = _Reader(name)
    reader.read(tokens)
    if any(token.level >= _DEEPEST - 1 for token in tokens):
        reader.say(f"(What lies deeper than {_DEEPEST} lists and quotations in each other is not shown.)")
    return reader.book


class _Reader:
    def __init__(self, name: str) -> None:
        self.book = Runbook(name, "", [Section(0, 0, "(before the first heading)", 1)], [])
        self._lists: list[list[int]] = []  # the next number of each list that is open; [] of one without
        self._marker = ""  # of an item whose first words are to come
        self._row: list[str] | None = None

    @property
    def _section(self) -> int:
        return self.book.sections[-1].number

    def say(self, text: str) -> None:
        """Something of our own at the end."""
        self._add("text", text)

    def _add(self, kind: str, text: str, **more: object) -> None:
        level = len(self._lists)
        self.book.elements.append(Element(kind, text, level, section=self._section, **more))  # type: ignore[arg-type]

    def read(self, tokens: list[Token]) -> None:
        heading: Token | None = None
        for token in tokens:
            kind = token.type
            if kind == "heading_open":
                heading = token
            elif kind == "heading_close":
                heading = None
            elif kind == "inline":
                self._inline(token, heading)
            elif kind in ("bullet_list_open", "ordered_list_open"):
                start = token.attrGet("start")
                self._lists.append([] if kind[0] == "b" else [int(start) if start is not None else 1])
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self._lists.pop()
            elif kind == "list_item_open":
                self._item_without_words()
                counter = self._lists[-1]
                self._marker = f"{counter[0]}." if counter else "-"
                if counter:
                    counter[0] += 1
            elif kind == "list_item_close":
                self._item_without_words()
            elif kind in ("fence", "code_block"):
                self._item_without_words()
                self._code(token)
            elif kind == "hr":
                self._add("rule", "")
            elif kind == "html_block":
                self._add("text", token.content.strip())
            elif kind == "tr_open":
                self._row = []
            elif kind == "tr_close":
                row, self._row = self._row or [], None
                self._add("text", " | ".join(row))
        self.book.title = next((each.title for each in self.book.sections[1:] if each.level == 1), self.book.name)

    def _item_without_words(self) -> None:
        if self._marker:
            self._add("item", "", marker=self._marker)
            self._marker = ""

    def _inline(self, token: Token, heading: Token | None) -> None:
        words = _plain(token)
        if self._row is not None:
            self._row.append(words)
            return
        if heading is not None and not self._lists:
            level = int(heading.tag[1:])
            line = heading.map[0] + 1 if heading.map else 1
            title = " ".join(words.split()) or "(without a title)"
            self.book.sections.append(Section(len(self.book.sections), level, title, line))
            self.book.elements.append(Element("heading", title, level, section=self._section))
            return
        if not self._marker:
            self._add("text", words)
            return
        marker, self._marker = self._marker, ""
        if box := _BOX.match(words):
            marker, words = f"[{box[1]}]", words[box.end() :]
        self._add("item", words, marker=marker)

    def _code(self, token: Token) -> None:
        info = token.info.strip().split()
        language = info[0].strip("{}").lstrip(".").lower() if info else ""
        text = token.content.rstrip("\n").expandtabs(8) if token.type == "code_block" else token.content.rstrip("\n")
        console = language in _CONSOLE
        if language in _SHELL or console or (not language and looks_like_shell(text)):
            first, last = (token.map[0] + 1, token.map[1]) if token.map else (1, 1)
            number = len(self.book.blocks) + 1
            block = make_block(number, self._section, (first, last), text, language)
            self._add("block", text, block=block)
        else:
            self._add("code", text, language=language)


def _plain(token: Token) -> str:
    """Words without their markup; where a link leads is said behind it."""
    parts: list[str] = []
    waiting: list[tuple[str, int]] = []
    for child in token.children or ():
        if child.type == "code_inline":
            parts.append(f"`{child.content}`")
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "link_open":
            waiting.append((str(child.attrGet("href") or ""), len(parts)))
        elif child.type == "link_close" and waiting:
            target, at = waiting.pop()
            if target and target not in "".join(parts[at:]):
                parts.append(f" ({target})")
        elif child.type == "image":
            parts.append(f"[image: {child.content or child.attrGet('src')}]")
        else:
            parts.append(child.content)
    return "".join(parts)


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────

_BASH = re.compile(
    r"\[\[ |[<>]\(|<<<|&>|\{[^}\s$]*(,|\.\.)[^}\s]*\}"
    r"|(?:^|[;&|({]|\b(?:do|then|else))\s*(?:function|source|declare|local|pushd|popd|mapfile|readarray|shopt)\s"
    r"|pipefail|\$'|\b\w+\+?=\(|\$\{\w+(//?|\^|,|\[|:[0-9])|\(\(|\bread -\w*[apnNstu]|PIPESTATUS|BASH_|;&"
    r"|\|&|echo -[en]",
    re.MULTILINE,
)
_KNOWN = names_of(
    "cp mv mkdir touch ln chmod chown tee rsync kill systemctl sudo make docker python python3 pip bash sh"
)


def make_block(number: int, section: int, lines: tuple[int, int], text: str, language: str = "") -> Block:
    """What a shell text is and does."""
    text = _commands_typed(text, language in _CONSOLE)
    block = Block(number, section, lines, text)
    block.hidden = any(visible(line.expandtabs()) != line.expandtabs() for line in text.split("\n"))
    block.bash = bool(_BASH.search(text))  # what any shell can do, any shell does
    block.taken = take_apart(text)
    block.commands = commands_of(block.taken)
    block.does = class_of(text)
    if text.lstrip().startswith("#!"):
        block.kind = "script"
    elif not block.commands:
        block.kind = "words"
    return block


def _commands_typed(text: str, console: bool) -> str:
    """Of a dialogue what was typed; other texts as they are."""
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    prompted = [found for line in lines if (found := _PROMPT.fullmatch(line))]
    if not (console and prompted) and not re.match(r"\s*\$ ", first):
        return text
    typed: list[str] = []
    goes_on = False
    for line in lines:
        found = _PROMPT.fullmatch(line) if console else re.fullmatch(r"\s*\$ (.*)", line)
        if found:
            typed.append(found[1])
        elif goes_on:
            typed.append(re.sub(r"^\s*> ", "", line))
        goes_on = bool(found or goes_on) and line.endswith("\\")
    return "\n".join(typed)


def looks_like_shell(text: str) -> bool:
    """Whether a block that names no language is for the shell: a prompt, `#!…sh`, or all lines begin with programs."""
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("# ")]
    if not lines:
        return False
    if re.match(r"\s*\$ \S", lines[0]) or re.match(r"#!.*\b(ba|da|z|k)?sh\b", lines[0]):
        return True
    taken = take_apart(text)
    commands = commands_of(taken)
    named = [command for command in commands if command.words]
    return bool(named) and not taken.odd and all(_is_known(command) for command in named)


def _is_known(command: Command) -> bool:
    name = command.program
    if not re.fullmatch(r"[a-z][a-z0-9_.+-]*|\[|\[\[", name) or not command.words:
        return False
    if command.words[0].text.startswith(("./", "/")) or name in _KNOWN:
        return True
    return class_of_command(command) is not Class.WRITES or bool(command.redirects)


def sections_listed(book: Runbook) -> Iterator[tuple[Section, int, Class | None]]:
    """Each section with how many blocks it and those below it have, and the worst that these do, None for none."""
    for section in book.sections:
        blocks = [each.block for each in book.of_section(section) if each.block is not None]
        if section.number or book.of_section(section):
            runs = [block.does for block in blocks if block.kind == "commands"]
            yield section, len(blocks), max(runs) if runs else None
