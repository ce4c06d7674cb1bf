"""Shell text of a runbook, taken apart as the shell would: commands, their words and redirects, and the places where
the author wrote a name for somebody to fill in. Pure; whatever the text is, nothing is raised."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from console.engine.procedures.runbook_names import ANGLE, BRACKET, VARIABLE, is_angle, is_bracket, is_variable

_DEEPEST = 40  # substitutions in each other; what is deeper is not taken apart, and counts as not understood
_OPERATORS = ("&>>", "<<<", "<<-", ";;&", "&&", "||", ";;", ";&", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "|&")
_SINGLE = ";&|()<>"
_ENDS = frozenset(" \t\r\n" + _SINGLE)
REDIRECTS = frozenset({"<", ">", ">>", ">|", "<>", "<&", ">&", "&>", "&>>", "<<", "<<-", "<<<"})


class Where(StrEnum):
    """What stands around a place. nested: in a substitution that stands between quotes itself."""

    PLAIN = "plain"
    DOUBLE = "double quotes"
    SINGLE = "single quotes"
    NESTED = "nested"
    NESTED_DOUBLE = "double quotes, nested"
    NESTED_SINGLE = "single quotes, nested"
    HEREDOC = "here-document"
    FIXED = "a text that is taken as it is"  # a quoted here-document, $'…', backquotes
    ARITHMETIC = "arithmetic"


@dataclass(frozen=True, slots=True)
class Place:
    """A name that stands for a value: `[source_name]`, `<run>`, `$VAR`, `${VAR}`. start, end: in the text."""

    start: int
    end: int
    name: str
    spelled: str
    where: Where


@dataclass(slots=True)
class Word:
    """text: without its quotes; what the shell would fill in stands there as it was written."""

    start: int
    end: int
    text: str
    quoted: bool = False


@dataclass(slots=True)
class Token:
    """A word, or an operator (word None). body: of a here-document."""

    operator: str = ""
    word: Word | None = None
    body: str = ""
    span: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Taken:
    """lists: the tokens of the text and of every substitution in it. odd: not all of it was understood."""

    lists: list[list[Token]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    odd: bool = False


def take_apart(text: str) -> Taken:
    """The tokens of a shell text."""
    reader = _Reader(text)
    reader.commands(0, closing=False)
    reader.taken.places.sort(key=lambda place: place.start)
    return reader.taken


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.taken = Taken()
        self._depth = 0
        self._quoted = 0  # substitutions around us that stand between quotes
        self._waiting: list[tuple[Token, Word]] = []  # here-documents whose text begins on the next line

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────

    def commands(self, at: int, *, closing: bool) -> int:
        """Tokens up to the end, or up to the `)` that ends a substitution; where it goes on."""
        tokens: list[Token] = []
        self.taken.lists.append(tokens)
        text, opened = self.text, 0
        while at < len(text):
            sign = text[at]
            if sign in " \t\r":
                at += 1
            elif text.startswith("\\\n", at):
                at += 2
            elif sign == "\n":
                tokens.append(Token("\n", span=(at, at + 1)))
                at = self._here_documents(at + 1)
            elif sign == "#":
                at = _until(text, "\n", at)
            elif sign == ")" and closing and not opened:
                return at + 1
            elif sign in "<>" and (self._place(at, self._plain, peek=True) or text[at + 1 : at + 2] == "("):
                at = self._word_token(tokens, at)
            elif sign in _SINGLE:
                if text.startswith("((", at) and (not tokens or tokens[-1].word is None):
                    tokens.append(Token(word=Word(at, at + 2, "((", True)))
                    at = self._arithmetic(at + 2)
                    continue
                operator = next((each for each in _OPERATORS if text.startswith(each, at)), sign)
                opened += {"(": 1, ")": -1}.get(operator, 0)
                tokens.append(Token(operator, span=(at, at + len(operator))))
                at += len(operator)
            else:
                at = self._word_token(tokens, at)
        self.taken.odd |= closing
        return at

    def _word_token(self, tokens: list[Token], at: int) -> int:
        word = self._word(at)
        end = max(word.end, at + 1)
        following = self.text[end : end + 1]
        if word.text.isdigit() and not word.quoted and following in ("<", ">") and following:
            return end  # the number of a descriptor: part of the redirect
        tokens.append(Token(word=word, span=(word.start, end)))
        before = tokens[-2].operator if len(tokens) > 1 else ""
        if before in ("<<", "<<-"):
            self._waiting.append((tokens[-2], word))
        return end

    def _here_documents(self, at: int) -> int:
        """The texts that were announced on the line before; where they end."""
        waiting, self._waiting = self._waiting, []
        for token, delimiter in waiting:
            begin = at
            while True:
                if at >= len(self.text):
                    self.taken.odd = True
                    end = at
                    break
                line_end = _until(self.text, "\n", at)
                line = self.text[at:line_end]
                end, at = at, min(line_end + 1, len(self.text))
                if (line.lstrip("\t") if token.operator == "<<-" else line).rstrip("\r") == delimiter.text:
                    break
                if line_end >= len(self.text):
                    self.taken.odd = True
                    end = at
                    break
            token.body = self.text[begin:end]
            self._body(begin, end, Where.FIXED if delimiter.quoted else Where.HEREDOC)
        return at

    def _body(self, at: int, end: int, where: Where) -> None:
        while at < end:
            sign = self.text[at]
            if sign == "\\" and where is Where.HEREDOC:
                at += 2
            elif sign == "$" and where is Where.HEREDOC:
                at = max(at + 1, self._dollar(at, where)[0])
            elif sign == "`" and where is Where.HEREDOC:
                at = self._backquotes(at)
            else:
                at = self._place(at, where) or at + 1

    # ── words ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _plain(self) -> Where:
        return Where.NESTED if self._quoted else Where.PLAIN

    @property
    def _double(self) -> Where:
        return Where.NESTED_DOUBLE if self._quoted else Where.DOUBLE

    @property
    def _single(self) -> Where:
        return Where.NESTED_SINGLE if self._quoted else Where.SINGLE

    def _word(self, start: int) -> Word:
        text, at, parts, quoted = self.text, start, [], False
        while at < len(text):
            sign = text[at]
            place = self._place(at, self._plain)
            if place:
                parts.append(text[at:place])
                at = place
            elif sign in "<>" and at == start and text[at + 1 : at + 2] == "(":
                end = self._substitution(at + 2, quoted=False)
                parts.append(text[at:end])
                at = end
            elif sign in _ENDS:
                if sign == "(" and parts and parts[-1].endswith("="):  # an array
                    parts.append(sign)
                    at += 1
                    while at < len(text) and text[at] != ")":
                        inner = self._word(at)
                        at = max(inner.end, at + 1)
                    at += 1
                    continue
                break
            elif sign == "\\":
                parts.append(text[at + 1 : at + 2].replace("\n", ""))
                at, quoted = at + 2, True
            elif sign == "'":
                end = _until(text, "'", at + 1)
                self._fixed(at + 1, end, self._single)
                parts.append(text[at + 1 : end])
                self.taken.odd |= end >= len(text)
                at, quoted = end + 1, True
            elif sign == '"':
                at, inner_text = self._quotes(at + 1)
                parts.append(inner_text)
                quoted = True
            elif sign == "`":
                end = self._backquotes(at)
                parts.append(text[at:end])
                at = end
            elif sign == "$":
                at, inner_text = self._dollar(at, self._plain)
                parts.append(inner_text)
            else:
                parts.append(sign)
                at += 1
        return Word(start, min(at, len(text)), "".join(parts), quoted)

    def _fixed(self, at: int, end: int, where: Where) -> None:
        """Places in a text that the shell takes as it is."""
        while at < end:
            at = self._place(at, where, end) or at + 1

    def _quotes(self, at: int) -> tuple[int, str]:
        """What stands between double quotes, from behind the first one."""
        text = self.text
        parts: list[str] = []
        while at < len(text):
            sign = text[at]
            if sign == '"':
                return at + 1, "".join(parts)
            if sign == "\\":
                following = text[at + 1 : at + 2]
                parts.append(following if following in ('"', "\\", "$", "`") else sign + following)
                at += 2
            elif sign == "$":
                at, inner = self._dollar(at, self._double)
                parts.append(inner)
            elif sign == "`":
                end = self._backquotes(at)
                parts.append(text[at:end])
                at = end
            else:
                end = self._place(at, self._double) or at + 1
                parts.append(text[at:end])
                at = end
        self.taken.odd = True
        return at, "".join(parts)

    def _dollar(self, at: int, where: Where) -> tuple[int, str]:
        """What begins with a dollar: where it ends, and its text."""
        text = self.text
        if text.startswith("$((", at):
            end = self._arithmetic(at + 3)
        elif text.startswith("$(", at):
            end = self._substitution(at + 2, quoted=where in _QUOTED)
        elif text.startswith("${", at):
            end = self._place(at, where) or self._parameter(at + 2)
        elif text.startswith("$'", at) and where in (Where.PLAIN, Where.NESTED):
            end = at + 2
            while end < len(text) and text[end] != "'":
                end = self._place(end, Where.FIXED) or end + (2 if text[end] == "\\" else 1)
            end += 1
        else:
            end = self._place(at, where) or at + 1
        return min(end, len(text)), text[at:end]

    def _parameter(self, at: int) -> int:
        """`${…}` with an operator: nothing to be filled in, but what it runs counts."""
        text, braces = self.text, 1
        while at < len(text):
            if text[at] == "\\":
                at += 2
                continue
            if text.startswith("$(", at):
                at = self._substitution(at + 2, quoted=True)
                continue
            if text[at] == "`":
                at = self._backquotes(at)
                continue
            braces += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
            if not braces:
                return at
        self.taken.odd = True
        return at

    def _substitution(self, at: int, *, quoted: bool) -> int:
        if self._depth >= _DEEPEST:
            self.taken.odd = True
            return len(self.text)
        self._depth += 1
        self._quoted += quoted
        waiting, self._waiting = self._waiting, []
        end = self.commands(at, closing=True)
        self._waiting = waiting
        self._quoted -= quoted
        self._depth -= 1
        return end

    def _arithmetic(self, at: int) -> int:
        """From behind `((` to behind `))`."""
        text, opened = self.text, 2
        while at < len(text):
            if text.startswith("$(", at) and not text.startswith("$((", at):
                at = self._substitution(at + 2, quoted=True)
            elif text[at] == "`":
                at = self._backquotes(at)
            elif text[at] in "$[":
                at = self._place(at, Where.ARITHMETIC) or at + 1
            else:
                opened += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
                if not opened:
                    return at
        self.taken.odd = True
        return at

    def _backquotes(self, at: int) -> int:
        """The other way to write a substitution; what it runs is taken apart, its places cannot be filled in."""
        text, end = self.text, at + 1
        while end < len(text) and text[end] != "`":
            end += 2 if text[end] == "\\" else 1
        self.taken.odd |= end >= len(text)
        inner = re.sub(r"\\([`\\$])", r"\1", text[at + 1 : end])
        if self._depth < _DEEPEST and inner:
            reader = _Reader(inner)
            reader._depth = self._depth + 1
            reader.commands(0, closing=False)
            self.taken.lists += reader.taken.lists
            self.taken.odd |= reader.taken.odd
            here = Where.FIXED
            self.taken.places += [Place(at, at, each.name, each.spelled, here) for each in reader.taken.places]
        return min(end + 1, len(text))

    # ── places ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, at: int, where: Where, end: int | None = None, *, peek: bool = False) -> int:
        """Where the place that begins here ends; 0 where none begins."""
        text, sign = self.text, self.text[at]
        found: re.Match[str] | None = None
        if sign == "[" and (found := BRACKET.match(text, at)):
            found = found if is_bracket(text, found) else None
        elif sign == "<" and (found := ANGLE.match(text, at)):
            found = found if is_angle(text, found) else None
        elif sign == "$" and where not in _NOT_EXPANDED and (found := VARIABLE.match(text, at)):
            found = found if is_variable(found) else None
        if found is None or (end is not None and found.end() > end):
            return 0
        if not peek:
            name = next(group for group in found.groups() if group)
            self.taken.places.append(Place(at, found.end(), name, found[0], where))
        return found.end()


_QUOTED = (Where.DOUBLE, Where.NESTED_DOUBLE, Where.HEREDOC, Where.ARITHMETIC)
_NOT_EXPANDED = (Where.SINGLE, Where.NESTED_SINGLE, Where.FIXED)


def _until(text: str, sign: str, at: int) -> int:
    found = text.find(sign, at)
    return len(text) if found < 0 else found
