"""Which runs are wanted: by action, status, operator, or by words. Typed as one goes, or given as options.

The grammar of what is typed: words between blanks. `action:`, `status:` and `by:` look at that alone; alternatives
stand behind a comma. Any other word is part of action, status, operator or id. Every word has to match. Parts are
enough and case does not matter, so that half a word finds what the whole one will.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.engine.model import RunRow
from console.engine.text import keepable

_BY = "coalesce(nullif(json_extract(who, '$.login'), ''), json_extract(who, '$.user'), '')"
_KEYS = ("action", "status", "by")


@dataclass(frozen=True, slots=True)
class RunFilter:
    """action, status, by: alternatives, empty for any. words: each is part of one of the three or of the id.

    whole: the first three have to be equal (options of a command); else a part of them is enough.
    """

    action: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    whole: bool = False

    def __bool__(self) -> bool:
        return bool(self.action or self.status or self.by or self.words)

    def sql(self) -> tuple[str, list[str]]:
        """A condition on a row of `runs`, and its values."""
        clauses, values = ["1"], list[str]()
        for column, wanted in (("action", self.action), ("status", self.status), (_BY, self.by)):
            if wanted:
                clauses.append("(" + " OR ".join(self._clause(column) for _ in wanted) + ")")
                values += wanted
        for word in self.words:
            columns = ("action", "status", _BY, "id")
            clauses.append("(" + " OR ".join(f"instr(lower({column}), lower(?))" for column in columns) + ")")
            values += [word] * len(columns)
        return " AND ".join(clauses), [keepable(value) for value in values]

    def matches(self, row: RunRow) -> bool:
        """The same question about a run that has been read already: what `sql` would say of it."""
        looked = (row.action, str(row.status), operator(row))
        for text, wanted in zip(looked, (self.action, self.status, self.by), strict=True):
            if wanted and not any(text == each if self.whole else _lower(each) in _lower(text) for each in wanted):
                return False
        return all(any(_lower(word) in _lower(text) for text in (*looked, row.id)) for word in self.words)

    def _clause(self, column: str) -> str:
        return f"{column} = ?" if self.whole else f"instr(lower({column}), lower(?))"


EVERY = RunFilter()
_LETTERS = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def _lower(text: str) -> str:
    """As SQLite's lower(): the letters of ASCII and no other."""
    return keepable(text).translate(_LETTERS)


def parse_filter(text: str) -> RunFilter:
    """What somebody typed; a key without a value yet asks for nothing."""
    found: dict[str, tuple[str, ...]] = {key: () for key in _KEYS}
    words: list[str] = []
    for word in text.split():
        key, colon, value = word.partition(":")
        if colon and key.lower() in found:
            found[key.lower()] += tuple(part for part in value.split(",") if part)
        else:
            words.append(word)
    return RunFilter(found["action"], found["status"], found["by"], tuple(words))


def operator(row: RunRow) -> str:
    """Who started it, as the filter looks for it; '' where nobody is known."""
    return str(row.who.get("login") or row.who.get("user") or "")
