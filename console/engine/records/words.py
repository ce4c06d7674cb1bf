"""Errors of records in words: one sentence each, for logs, screens and reports. Nothing here is sanitised."""

from __future__ import annotations

import json
import re
from typing import Any

VALUE_SHOWN = 200  # characters of an offending value
EXCERPT_SHOWN = 400  # characters of a record

# What a cause says when it has a field. The file-level and parser rules have none.
_CAUSES = {
    "required": "{field} is missing",
    "enum": "{field} is none of the allowed values",
    "const": "{field} is not the one allowed value",
    "pattern": "{field} does not match its pattern",
    "format": "{field} has the wrong format",
    "minimum": "{field} is below the minimum",
    "maximum": "{field} is above the maximum",
    "exclusiveMinimum": "{field} is not above the minimum",
    "exclusiveMaximum": "{field} is not below the maximum",
    "multipleOf": "{field} is not a multiple of what it must be",
    "minLength": "{field} is too short",
    "maxLength": "{field} is too long",
    "minItems": "{field} has too few items",
    "maxItems": "{field} has too many items",
    "uniqueItems": "{field} has an item twice",
    "minProperties": "{field} has too few properties",
    "maxProperties": "{field} has too many properties",
    "additionalProperties": "{field} has properties that are not allowed",
    "unevaluatedProperties": "{field} has properties that are not allowed",
    "additionalItems": "{field} has items that are not allowed",
    "unevaluatedItems": "{field} has items that are not allowed",
    "false": "{field} is not allowed",
    "anyOf": "{field} fits none of the alternatives",
    "oneOf": "{field} does not fit exactly one of the alternatives",
    "not": "{field} is what it must not be",
    "contains": "{field} lacks an item that it must have",
    "dependencies": "{field} lacks what one of its properties needs",
    "dependentRequired": "{field} lacks what one of its properties needs",
    "future-date": "{field} lies in the future",
    "duplicate-id": "{field} is used twice",
    "empty-required": "{field} is empty",
    "unusual-amount": "{field} is unusually large",
    "json": "it is no valid JSON",
    "utf-8": "it is not UTF-8",
    "nan": "NaN or Infinity, which JSON does not have",
    "integer-range": "an integer outside 64 bits",
    "number-range": "a number too large for a double",
    "nesting": "it is nested too deeply",
    "record-size": "it is larger than a record may be",
    "duplicate-key": "a key is there twice",
    "csv-quote": "a quote is not closed or out of place",
    "csv-ragged": "it has more or fewer cells than the header",
    "csv-header": "the header is wrong",
    "empty-file": "the file is empty",
    "not-a-list": "the list of records is not where the rule says",
}
TYPES = {
    "null": "null",
    "bool": "true or false",
    "int": "an integer",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "dict": "an object",
}


def cause_in_words(cause: str) -> str:
    """`required:date` as `date is missing`, `type:amount=null` as `amount is null`; an unknown cause as it is."""
    rule, _, field = cause.partition(":")
    if rule == "type":
        field, _, found = field.rpartition("=")
        return f"{_place(field)} is {TYPES.get(found, found)}"
    words = _CAUSES.get(rule)
    if words is None:
        return f"{_place(field)} breaks {rule}" if field else cause
    return words.format(field=_place(field)) if "{field}" in words else words


def _place(field: str) -> str:
    return "the record" if field in ("", "(root)") else field.replace("/", ".")


def as_json(value: Any, width: int) -> str:
    """`value` as JSON text of at most `width` characters, the last being … where it was cut.

    What no JSON text has (a NaN, a lone surrogate) comes in Python's spelling of JSON.
    """
    if isinstance(value, str) and len(value) > width:
        value = value[: width + 1]  # never build a text of megabytes to show a line of it
    return cut(json.dumps(value, ensure_ascii=False, default=str), width)


def cut(text: str, width: int) -> str:
    """`text` of at most `width` characters, the last being … where it was cut. What is no UTF-8 is written as `\\xff`:
    ledger and reports hold whatever comes from here."""
    text = text if len(text) <= width else text[: width - 1] + "…"
    if text.isascii():
        return text
    text = _BYTES.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= width else text[: width - 1] + "…"  # what is written so is longer


_BYTES = re.compile("[\udc80-\udcff]")  # as surrogateescape decodes them
