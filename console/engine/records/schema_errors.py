"""Errors that a schema finds in a record, from jsonschema-rs, in our words and grouped by cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from console.engine.records.model import RecordError
from console.engine.records.rules import Rule
from console.engine.records.words import VALUE_SHOWN, as_json, schema_message

_CAUSE_SHOWN = 200
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
        message = schema_message(keyword, error.kind, field, found_type, error.message)
        yield RecordError(keyword, field, cause, value, message)
    for name in _missing(rule, record):
        cause = _cut(f"required:{name}")
        if cause not in found:
            yield RecordError(_REQUIRED, name, cause, "", f"{name} is missing")


def _named(error: jsonschema_rs.ValidationError) -> str | None:
    """The property that a `required` misses; None for every other error."""
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required) and error.schema_path[-1] == _REQUIRED:
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
