"""Errors that a schema finds in a record, from jsonschema-rs, in our words and grouped by cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from console.engine.records.model import RecordError
from console.engine.records.rules import Rule
from console.engine.records.words import TYPES, VALUE_SHOWN, as_json, cut

_CAUSE_SHOWN = 200  # characters, as of a message
_MESSAGE_SHOWN = 400
_CHOICES_NAMED = 8  # values of an enum
# The library's kinds of errors about a limit, in words before the limit.
_LIMITS = {
    "minimum": "is below the minimum",
    "maximum": "is above the maximum",
    "exclusiveMinimum": "must be above",
    "exclusiveMaximum": "must be below",
    "minLength": "has fewer characters than",
    "maxLength": "has more characters than",
    "minItems": "has fewer items than",
    "maxItems": "has more items than",
    "minProperties": "has fewer properties than",
    "maxProperties": "has more properties than",
}
_TYPE_NAMES = {type(None): "null", bool: "bool", int: "int", float: "float", str: "str", list: "list", dict: "dict"}
# The error of the library that names what a `required` misses; `dependencies` and its kin use the same kind.
_REQUIRED = "required"


def causes_of(rule: Rule, record: Any) -> dict[str, int]:
    """Cause -> errors of a record; {} where it is good."""
    causes: dict[str, int] = {}
    for error in rule.compiled.record.iter_errors(record):
        path = error.instance_path
        keyword = _keyword(error)
        cause = _cause(keyword, path, error, record)
        causes[cause] = causes.get(cause, 0) + 1
    for name in _missing(rule, record):
        cause = _cut(f"required:{name}")
        causes.setdefault(cause, 1)
    return causes


def errors_of(rule: Rule, record: Any) -> Iterator[RecordError]:
    """Every error of a record, in the schema's order, then the rule's own required properties."""
    found: set[str] = set()
    for error in rule.compiled.record.iter_errors(record):
        path = error.instance_path
        keyword = _keyword(error)
        cause = _cause(keyword, path, error, record)
        found.add(cause)
        missing = _named(error)
        found_type = ""
        if missing is not None:
            field, value = ".".join(map(str, [*path, missing])), ""
        else:
            wrong = _value(record, path, error)
            field, value = ".".join(map(str, path)), as_json(wrong, VALUE_SHOWN)
            found_type = _type_name(wrong)
        message = _message(keyword, error.kind, field, found_type, error.message)
        yield RecordError(keyword, field, cause, value, message)
    for name in _missing(rule, record):
        cause = _cut(f"required:{name}")
        if cause not in found:
            yield RecordError(_REQUIRED, name, cause, "", f"{name} is missing")


def _named(error: jsonschema_rs.ValidationError) -> str | None:
    """The property that a `required` misses; None for every other error."""
    kind = error.kind
    if isinstance(kind, Kind.Required) and error.schema_path[-1] == _REQUIRED:
        return kind.property
    return None


def _missing(rule: Rule, record: Any) -> list[str]:
    """Properties that the rule asks for beside its schema, and that are not there."""
    if record.__class__ is not dict:
        return list(rule.setting.required)
    return [name for name in rule.setting.required if name not in record]


def _keyword(error: jsonschema_rs.ValidationError) -> str:
    """The schema's keyword, as jsonschema's `validator`; `false` for a schema that allows nothing."""
    if error.kind.name == "falseSchema":
        return "false"
    return str(error.schema_path[-1])


def _cause(keyword: str, path: list[str | int], error: jsonschema_rs.ValidationError, record: Any) -> str:
    """How errors group: keyword and place, with the type found or the name missing. Positions in lists are one."""
    if not path:
        place = ""
    elif len(path) == 1 and path[0].__class__ is str:
        place = str(path[0])
    else:
        place = "/".join("*" if part.__class__ is int else str(part) for part in path)
    if keyword == "type":
        cause = f"type:{place or '(root)'}={_type_name(_value(record, path, error))}"
    elif keyword == _REQUIRED and (missing := _named(error)) is not None:
        cause = f"required:{place}/{missing}" if place else f"required:{missing}"
    else:
        cause = f"{keyword}:{place or '(root)'}"
    return cause if len(cause) <= _CAUSE_SHOWN else _cut(cause)


def _value(record: Any, path: list[str | int], error: jsonschema_rs.ValidationError) -> Any:
    """The value that is wrong, as it was read; the library's copy where the path does not lead to it."""
    if error.kind.name == "propertyNames":
        return error.instance
    for part in path:
        try:
            record = record[part]
        except (KeyError, IndexError, TypeError):
            return error.instance
    return record


def _type_name(value: Any) -> str:
    """A value's type as a cause names it."""
    return _TYPE_NAMES.get(type(value), type(value).__name__)


def _cut(cause: str) -> str:
    return cause if len(cause) <= _CAUSE_SHOWN else cause[: _CAUSE_SHOWN - 1] + "…"


def _message(rule: str, kind: Kind, field: str, found: str, fallback: str) -> str:
    """One sentence for an error of a schema; the value itself is not in it, an error has that beside.

    rule: the keyword; kind: what the library says of the error; field: the dotted place; found: the type of the
    value as a cause names it; fallback: the library's own words, which may quote the file.
    """
    place = field or "the record"
    words = _sentence(rule, kind, found)
    return cut(f"{place} {words}" if words else f"{place}: {fallback}", _MESSAGE_SHOWN)


def _sentence(rule: str, kind: Kind, found: str) -> str:
    """What follows the field's name; '' where the library's words are as good. The kind decides, by its class:
    the same keyword comes with several."""
    words = ""
    if isinstance(kind, Kind.Required) and rule == "required":
        words = "is missing"
    elif isinstance(kind, Kind.Type):
        words = f"is {TYPES.get(found, found)}, not {' or '.join(kind.types)}"
    elif isinstance(kind, Kind.Enum):
        named = ", ".join(as_json(option, 60) for option in kind.options[:_CHOICES_NAMED])
        rest = len(kind.options) - _CHOICES_NAMED
        words = f"is none of {named}" + (f" and {rest} more" if rest > 0 else "")
    elif isinstance(kind, Kind.Pattern):
        words = f"does not match {kind.pattern}"
    elif isinstance(kind, Kind.BacktrackLimitExceeded | Kind.RegexEngineFailure):
        words = "cannot be matched with its pattern in reasonable time"
    elif isinstance(kind, Kind.Format):
        words = f"is no valid {kind.format}"
    elif isinstance(kind, Kind.Constant):
        words = f"is not {as_json(kind.expected_value, 60)}"
    elif isinstance(kind, Kind.FalseSchema):
        words = "is not allowed"
    else:
        limit = getattr(kind, "limit", None)
        if limit is not None and kind.name in _LIMITS:
            words = f"{_LIMITS[kind.name]} {limit}"
    return words
