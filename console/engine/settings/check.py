"""A configuration document against its JSON Schema; what is wrong, in words."""

from __future__ import annotations

import json
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


def schema_document(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a configuration: `kind` is toml or incumbent."""
    name = "console.schema.json" if kind == "toml" else "incumbent.schema.json"
    document: dict[str, Any] = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return document


def check(document: dict[str, Any], kind: str, name: str) -> None:
    """Raise ConfigurationError for the first thing that is wrong, with the places of the others."""
    from jsonschema_rs import Draft202012Validator  # 25 ms, only where a configuration is read

    schema = schema_document(kind)
    validator = Draft202012Validator(schema)
    if validator.is_valid(document):
        return
    found: list[tuple[str, str, str]] = []  # key, what, next step
    for error in validator.iter_errors(document):
        found += _explain(error, schema, kind)
    key, what, step = found[0]
    others = [other for other, _, _ in found[1:6]]
    if others:
        more = f", … ({len(found) - 1} in all)" if len(found) > 6 else ""
        what += f"; wrong too: {', '.join(others)}{more}"
    raise ConfigurationError(what, file=name, key=key, next_step=step)


def dotted(path: list[str | int], last: str = "") -> str:
    """`rules[0].quality.future_date`."""
    out = ""
    for part in [*path, *([last] if last else [])]:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def _explain(error: Any, schema: dict[str, Any], kind: str) -> list[tuple[str, str, str]]:
    """An error of the validator as (key, what, next step), one for each unknown key."""
    path, fault = list(error.instance_path), error.kind
    key = dotted(path)
    if fault.name == "additionalProperties":
        known = list(_at(schema, error.schema_path[:-1]).get("properties", {}))
        return [_unknown(path, word, known, schema, kind) for word in fault.unexpected]
    if fault.name == "required":
        key = dotted(path, fault.property)
        return [(key, f"`{key}` is missing", "")]
    value = error.instance
    if fault.name == "type":
        types = _at(schema, error.schema_path)
        wanted = " or ".join(_TYPES[name] for name in ([types] if isinstance(types, str) else types))
        return [(key, f"`{key}` must be {wanted}, not {_shown(value)}", "")]
    if fault.name == "enum":
        options = [str(option) for option in _at(schema, error.schema_path)]
        near = nearest(str(value), options)
        return [(key, f"`{key}` is {_shown(value)}; it can be {', '.join(options)}", _perhaps(near))]
    if fault.name in ("minimum", "maximum"):
        bound = "at least" if fault.name == "minimum" else "at most"
        return [(key, f"`{key}` is {_shown(value)}; it must be {bound} {_at(schema, error.schema_path):,}", "")]
    if fault.name in ("minLength", "minItems"):
        return [(key, f"`{key}` is empty", "")]
    if fault.name == "uniqueItems":
        return [(key, f"`{key}` names something twice", "")]
    return [(key, f"`{key}` is not right: {error.message[:300]}", "")]


def _at(schema: Any, path: list[str | int]) -> Any:
    for part in path:
        schema = schema[part]
    return schema


def _unknown(
    path: list[str | int], word: str, known: list[str], schema: dict[str, Any], kind: str
) -> tuple[str, str, str]:
    key = dotted(path, word)
    near = nearest(word, known)
    if near:
        return key, f"`{key}` is not a key of the configuration; the nearest is `{dotted(path, near)}`", ""
    tables = schema["properties"]
    homes = [name for name, inner in tables.items() if word in inner.get("properties", {})]
    if homes and not path:
        return key, f"`{key}` is not a key here; it belongs into [{homes[0]}]", ""
    if path and word in tables:
        return key, f"`{key}` is not a key here; `{word}` stands at the top, before the first [table]", ""
    step = "config/console.toml as `opsconsole init` writes it shows every key" if kind == "toml" else ""
    return key, f"`{key}` is not a key of the configuration", step


def nearest(word: str, known: list[str]) -> str:
    """The one of `known` that `word` was probably meant to be; '' where none is near."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:100].lower().replace("-", "_"), known, n=1, cutoff=0.7)), "")


def _perhaps(near: str) -> str:
    return f"perhaps {near} was meant" if near else ""


def _shown(value: Any) -> str:
    """A value in words, cut."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    text = json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= 60 else text[:59] + "…"
    return f"{_NAMES.get(type(value), '')} {text}".strip()
