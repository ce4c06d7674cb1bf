"""What changed between two rules: line by line, and in words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from console.engine.context import Context
from console.engine.errors import UsageError
from console.engine.observe.rules_seen import (
    Document,
    RuleSeen,
    document_of,
    find_rule,
    last_judging,
    list_rules,
)

_WORDING = ("title", "description", "$comment", "examples", "$id", "id")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_OPTIONS = {
    "required": "required columns",
    "formats": "formats asserted",
    "records": "where the records are",
    "draft": "draft",
    "quality": "quality settings",
    "duplicate_keys": "duplicate keys",
    "fail_on_warning": "warnings count as errors",
    "record_bytes": "largest record",
    "nesting": "deepest nesting",
    "judge": "version of the judge",
}


@dataclass(frozen=True, slots=True)
class RuleDiff:
    """before None: nothing judged by a rule of this name yet. words: what changed; lines: a unified diff."""

    before: RuleSeen | None
    after: RuleSeen
    words: list[str]
    lines: list[str]

    @property
    def same(self) -> bool:
        return self.before is not None and self.before.checksum == self.after.checksum


def diff_rules(ctx: Context, first: str = "", second: str = "") -> list[RuleDiff]:
    """first, second: checksums or the beginning of them. second '': today's rule of the same name; first '' too: each
    of today's rules against the one by which the last run judged. Raises UsageError, LedgerError."""
    rules = list_rules(ctx)
    if first and second:
        (before, old), (after, new) = find_rule(ctx, first), find_rule(ctx, second)
        return [_compare(before, old, after, new)]
    if first:
        before, old = find_rule(ctx, first)
        now = next((rule for rule in rules if rule.today and rule.name == before.name), None)
        if now is None:
            raise UsageError(
                f"today no rule is called {before.name}", next_step="name the other one: opsconsole schema diff A B"
            )
        return [_compare(before, old, now, document_of(ctx, now))]
    found = []
    for now in (rule for rule in rules if rule.today):
        last = last_judging(rules, now.name)
        if last is None:
            found.append(RuleDiff(None, now, [], []))
        else:
            found.append(_compare(last, document_of(ctx, last), now, document_of(ctx, now)))
    return found


def _compare(before: RuleSeen, old: Document, after: RuleSeen, new: Document) -> RuleDiff:
    words = [*_in_texts(old, new), *_in_options(old["options"], new["options"])]
    lines: list[str] = []
    for path in dict.fromkeys((*old["texts"], *new["texts"])):
        a, b = (_readable(document["texts"].get(path)) for document in (old, new))
        names = (f"{path} {before.short}", f"{path} {after.short}")
        lines += (line.rstrip("\n") for line in difflib.unified_diff(a, b, *names, lineterm=""))
    return RuleDiff(before, after, words, lines)


def _readable(text: str | None) -> list[str]:
    """Lines to compare: as they stand, a schema on one line laid out."""
    if text is None:
        return []
    lines = text.splitlines()
    if len(lines) < 3:
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
        except ValueError:
            return lines
    return lines


def _in_texts(old: Document, new: Document) -> Iterator[str]:
    main = (old["schema"], new["schema"])
    pairs = [main] if main[0] != main[1] else []
    pairs += [(path, path) for path in dict.fromkeys((*old["texts"], *new["texts"])) if not pairs or path not in main]
    for a, b in pairs:
        one, other = old["texts"].get(a), new["texts"].get(b)
        if one is None or other is None:
            yield f"{b}: {'no longer referred to' if other is None else 'referred to now'}"
            continue
        where = "" if b == new["schema"] else f"{b}: "
        found = [where + text for text in schema_words(json.loads(one), json.loads(other))]
        yield from found
        if not found and one != other:
            yield f"{where}only the layout of the file changed"


def _in_options(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            yield f"{_OPTIONS.get(key, key)}: {_value(old.get(key))} becomes {_value(new.get(key))}"


def schema_words(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """What changed from one schema to another, a sentence each; place: the property that they are about."""
    where = f"{place}: " if place else ""
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{where}{_value(old)} becomes {_value(new)}"
        return
    for key in dict.fromkeys((*old, *new)):
        a, b = old.get(key), new.get(key)
        if key in old and key in new and a == b and type(a) is type(b):
            continue
        if key in ("required", "enum", "type") and (isinstance(a, list) or isinstance(b, list)):
            yield from _in_list(key, a, b, where)
        elif key in _MAPS and isinstance(a or {}, dict) and isinstance(b or {}, dict):
            yield from _in_map(key, a or {}, b or {}, place)
        elif key in _WORDING:
            yield f"{where}{key} changed, which judges nothing"
        elif key not in old:
            yield f"{where}{key} {_value(b)} is new"
        elif key not in new:
            yield f"{where}{key} {_value(a)} is gone"
        elif isinstance(a, dict) and isinstance(b, dict):
            yield from schema_words(a, b, f"{place}.{key}" if place else key)
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for number, (one, other) in enumerate(zip(a, b, strict=True)):
                yield from schema_words(one, other, f"{place}.{key}[{number}]" if place else f"{key}[{number}]")
        else:
            yield f"{where}{key} {_value(a)} becomes {_value(b)}"


def _in_list(key: str, a: Any, b: Any, where: str) -> Iterator[str]:
    old = a if isinstance(a, list) else [] if a is None else [a]
    new = b if isinstance(b, list) else [] if b is None else [b]
    added = [value for value in new if value not in old]
    gone = [value for value in old if value not in new]
    more, less = {
        "required": ("required now", "no longer required"),
        "enum": ("allowed value added", "allowed value removed"),
        "type": ("type added", "type removed"),
    }[key]
    if added:
        yield f"{where}{more}: {', '.join(map(_value, added))}"
    if gone:
        yield f"{where}{less}: {', '.join(map(_value, gone))}"
    if not added and not gone:
        yield f"{where}{key}: another order"


def _in_map(key: str, a: dict[str, Any], b: dict[str, Any], place: str) -> Iterator[str]:
    word = {"properties": "property", "patternProperties": "properties like"}.get(key, "definition")
    where = f"{place}: " if place else ""
    for name in dict.fromkeys((*a, *b)):
        if name not in a:
            yield f"{where}{word} {name} is new: {_value(b[name])}"
        elif name not in b:
            yield f"{where}{word} {name} is gone"
        elif a[name] != b[name]:
            yield from schema_words(a[name], b[name], f"{place}.{name}" if place else name)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"
