"""A configuration document against its JSON Schema; what is wrong, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.engine.errors import ConfigurationError

_TYPES = {
    "string": "a text in quotes",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "null",
}
_NAMES = {str: "the text", bool: "", int: "the number", float: "the number"}


_SCHEMAS = {"toml": "console", "incumbent": "incumbent", "procedure": "procedure"}


def schema_document(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a configuration (`kind` is toml or incumbent) or of a procedure."""
    path = Path(__file__).with_name(f"{_SCHEMAS[kind]}.schema.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def check(document: dict[str, Any], kind: str, name: str) -> None:
    """Raise ConfigurationError for the first thing that is wrong, with the places of the others."""
    schema = schema_document(kind)
    found = [_explain(fault, schema, kind) for fault in faults(document, schema)]
    if not found:
        return
    key, what, step = found[0]
    others = [other for other, _, _ in found[1:6]]
    if others:
        more = f", … ({len(found) - 1} in all)" if len(found) > 6 else ""
        what += f"; wrong too: {', '.join(others)}{more}"
    raise ConfigurationError(what, file=name, key=key, next_step=step)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. rule: the schema's keyword; schema: where that keyword stands."""

    path: tuple[str | int, ...]
    rule: str
    value: Any
    schema: dict[str, Any]


def faults(
    value: Any, schema: dict[str, Any], path: tuple[str | int, ...] = (), *, root: dict[str, Any] | None = None
) -> Iterator[Fault]:
    """What `value` does not satisfy, in the order of the document. root: the whole schema, for `#/$defs/…`.

    Knows the keywords that our schemas use, and no others: a start of the command line has no 25 ms for a
    library that knows all. The tests hold it to one that does.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, name) for name in types):
        yield Fault(path, "type", value, schema)
        return
    for rule, broken in _RULES.items():
        if rule in schema and broken(value, schema[rule]):
            yield Fault(path, rule, value, schema)
    if isinstance(value, dict):
        known, others = schema["properties"], schema["additionalProperties"]
        for word, item in value.items():
            if word in known:
                yield from faults(item, known[word], (*path, word), root=root)
            elif others:  # a schema for them
                yield from faults(item, others, (*path, word), root=root)
            else:
                yield Fault((*path, word), "additionalProperties", item, schema)
        for word in schema.get("required", []):
            if word not in value:
                yield Fault((*path, word), "required", None, schema)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from faults(item, schema["items"], (*path, number), root=root)


def _is(value: Any, name: str) -> bool:
    """Whether a value is of a type of JSON Schema: there 4.0 is an integer and true is no number."""
    if name == "integer":
        return not isinstance(value, bool) and (
            isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        )
    if name == "number":
        return not isinstance(value, bool) and isinstance(value, int | float)
    return isinstance(value, _PYTHON[name])


_PYTHON = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}

# keyword -> whether a value of the right type breaks it
_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "enum": lambda value, options: value not in options,
    "minimum": lambda value, bound: value < bound,
    "maximum": lambda value, bound: value > bound,
    "minLength": lambda value, bound: isinstance(value, str) and len(value) < bound,
    "maxLength": lambda value, bound: isinstance(value, str) and len(value) > bound,
    "pattern": lambda value, pattern: re.fullmatch(pattern, value) is None,
    "minItems": lambda value, bound: len(value) < bound,
    "maxItems": lambda value, bound: len(value) > bound,
    "uniqueItems": lambda value, _: any(item in value[:number] for number, item in enumerate(value)),
}


def dotted(path: tuple[str | int, ...]) -> str:
    """`rules[0].quality.future_date`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _explain(fault: Fault, schema: dict[str, Any], kind: str) -> tuple[str, str, str]:
    """A fault as (key, what, next step)."""
    key, value = dotted(fault.path), fault.value
    wanted: Any = fault.schema.get(fault.rule)
    match fault.rule:
        case "additionalProperties":
            return _unknown(fault, schema, kind)
        case "required":
            return key, f"`{key}` is missing", ""
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            return key, f"`{key}` must be {' or '.join(_TYPES[name] for name in names)}, not {_shown(value)}", ""
        case "enum":
            options = [str(option) for option in wanted or []]
            near = nearest(str(value), options)
            step = f"perhaps {near} was meant" if near else ""
            return key, f"`{key}` is {_shown(value)}; it can be {', '.join(options)}", step
        case "minimum" | "maximum":
            bound = "at least" if fault.rule == "minimum" else "at most"
            return key, f"`{key}` is {_shown(value)}; it must be {bound} {wanted:,}", ""
        case "minLength" | "minItems":
            return key, f"`{key}` is empty", ""
        case "maxLength" | "maxItems":
            return key, f"`{key}` is too long: more than {wanted:,}", ""
        case "uniqueItems":
            return key, f"`{key}` names something twice", ""
    return key, f"`{key}` is {_shown(value)}, which does not have the form {wanted}", ""


_WHOSE = {"toml": "the configuration", "incumbent": "the configuration", "procedure": "a procedure"}


def _unknown(fault: Fault, schema: dict[str, Any], kind: str) -> tuple[str, str, str]:
    *place, word = fault.path
    key, word = dotted(fault.path), str(word)
    near = nearest(word, list(fault.schema["properties"]))
    if near:
        right = dotted((*place, near))
        return key, f"`{key}` is not a key of {_WHOSE[kind]}; the nearest is `{right}`", ""
    tables = schema["properties"]
    homes = [name for name, inner in tables.items() if word in inner.get("properties", {})]
    if homes and not place:
        return key, f"`{key}` is not a key here; it belongs into [{homes[0]}]", ""
    if place and word in tables:
        return key, f"`{key}` is not a key here; `{word}` stands at the top, before the first [table]", ""
    step = "config/console.toml as `opsconsole init` writes it shows every key" if kind == "toml" else ""
    return key, f"`{key}` is not a key of {_WHOSE[kind]}", step


def nearest(word: str, known: list[str]) -> str:
    """The one of `known` that `word` was probably meant to be; '' where none is near."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:100].lower().replace("-", "_"), known, n=1, cutoff=0.7)), "")


def _shown(value: Any) -> str:
    """A value in words, cut."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    text = json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= 60 else text[:59] + "…"
    return f"{_NAMES.get(type(value), '')} {text}".strip()
