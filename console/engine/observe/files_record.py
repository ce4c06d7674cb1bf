"""The record that fails: its fields, what is wrong with each, the part of the schema that says so, and the lines
of the file around it.

What the ledger kept is an excerpt; the rest is read from the file as long as it is the one that was judged.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.engine.context import Context
from console.engine.ledger.store import reading
from console.engine.observe.files_detail import FileDetail
from console.engine.records.model import FailingRecord
from console.engine.records.words import EXCERPT_SHOWN, as_json, cut

SHOWN = 3  # records that are shown with their fields
READ_BYTES = 64 << 20  # how far into a file is read to come to a line
RECORD_BYTES = 256 << 10
LINE_SHOWN = 400  # characters
VALUE_SHOWN = 200
BEFORE, BEHIND = 2, 4  # lines around the failing one
_NO_RULE = (
    *("title", "description", "$comment", "examples", "default", "$schema", "$id"),
    *("properties", "definitions", "$defs"),
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record. problem: '' where it is right. rule: what the schema says of it, '' where nothing is
    known. missing: it is not there. Unsanitised."""

    name: str
    value: str
    problem: str = ""
    rule: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class RecordView:
    """A failing record. fields: those that are wrong first. whole: problems that are of no one field, with the rule.
    lines: (number, text) around the failing line, as the file has them; line: the failing one, 0 where unknown.
    excerpt: where the record could not be taken apart."""

    number: int
    line: int
    fields: tuple[Field, ...]
    whole: tuple[Field, ...]
    lines: tuple[tuple[int, str], ...]
    excerpt: str


def record_views(ctx: Context, detail: FileDetail, number: int = SHOWN) -> tuple[RecordView, ...]:
    """The first failing records of a file; () where none were kept. Raises LedgerError."""
    if detail.verdict is None:
        return ()
    schema = _schema(ctx, detail.rule_fingerprint)
    same = (
        detail.source_now is not None
        and detail.source_then is not None
        and (
            (detail.source_now.size, detail.source_now.mtime_ns)
            == (detail.source_then.size, detail.source_then.mtime_ns)
        )
    )
    path = ctx.workspace.path(detail.row.path) if same else None
    return tuple(_view(record, detail.verdict.format, schema, path) for record in detail.verdict.failing[:number])


def _schema(ctx: Context, fingerprint: str) -> dict[str, Any]:
    """The schema that judged it, as the ledger kept it; {} where there is none."""
    with reading(ctx.workspace.ledger) as connection:
        row = (
            connection.execute("SELECT document FROM rules WHERE fingerprint = ?", [fingerprint]).fetchone()
            if connection is not None
            else None
        )
    if row is None:
        return {}
    try:
        document = json.loads(row[0])
        schema = json.loads(document["texts"][document["schema"]])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return schema if isinstance(schema, dict) else {}


def _view(record: FailingRecord, form: str, schema: dict[str, Any], path: str | os.PathLike[str] | None) -> RecordView:
    lines = _lines(path, record.line) if path is not None and record.line else ()
    document = _document(record, form, path)
    wrong: list[Field] = []
    whole: list[Field] = []
    named: set[str] = set()
    for error in record.errors:
        rule = _rule_text(schema, error.field, error.rule)
        field = Field(error.field, error.value, error.message, rule, error.rule == "required")
        if not error.field or record.number == 0:
            whole.append(field)
        else:
            named.add(error.field.replace("/", ".").partition(".")[0])
            wrong.append(field)
    right = [
        Field(str(name), as_json(value, VALUE_SHOWN))
        for name, value in (document or {}).items()
        if str(name) not in named or any(field.name.replace("/", ".").count(".") for field in wrong)
    ]
    right = [field for field in right if field.name not in {wrong_one.name for wrong_one in wrong}]
    return RecordView(
        record.number, record.line, tuple(wrong + right), tuple(whole), lines, "" if document else record.excerpt
    )


# ── the record itself ─────────────────────────────────────────────────────────────────────────────────────────────


def _document(record: FailingRecord, form: str, path: str | os.PathLike[str] | None) -> dict[str, Any] | None:
    """The record as an object; from what was kept, else from the file."""
    try:
        found = json.loads(record.excerpt)
    except (ValueError, RecursionError):
        found = _from_file(record, form, path) if path is not None and record.line else None
    return found if isinstance(found, dict) else None


def _from_file(record: FailingRecord, form: str, path: str | os.PathLike[str]) -> Any:
    text = _text_from(path, record.line, RECORD_BYTES)
    try:
        if form == "csv":
            names = next(csv.reader(_text_from(path, 1, 65536).lstrip("\ufeff").splitlines()), [])
            row = next(csv.reader(text.splitlines(keepends=True)), [])
            return dict(zip(names, row, strict=False))
        return _among(text, record.excerpt)
    except (ValueError, RecursionError, csv.Error):
        return None


def _among(text: str, excerpt: str) -> Any:
    """The object of which this is the excerpt; a line may hold many. None where it is not among them."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        found, end = decoder.raw_decode(text, at)
        if as_json(found, EXCERPT_SHOWN) == excerpt:
            return found
        at = text.find("{", end)
    return None


def _text_from(path: str | os.PathLike[str], line: int, many: int) -> str:
    """At most `many` bytes from the beginning of this line on; '' where it is too far or cannot be read."""
    try:
        with open(path, "rb") as stream:
            offset = _offset(stream, line)
            if offset < 0:
                return ""
            stream.seek(offset)
            return stream.read(many).decode("utf-8", "replace")
    except OSError:
        return ""


def _offset(stream: Any, line: int) -> int:
    """Where a line begins, counted from 1; -1 where it is not within READ_BYTES."""
    wanted, at = line - 1, 0
    while wanted > 0:
        chunk = stream.read(1 << 20)
        if not chunk or at > READ_BYTES:
            return -1
        found = chunk.count(b"\n")
        if found < wanted:
            wanted -= found
            at += len(chunk)
            continue
        place = -1
        for _ in range(wanted):
            place = chunk.find(b"\n", place + 1)
        return int(at + place + 1)
    return at


def _lines(path: str | os.PathLike[str], line: int) -> tuple[tuple[int, str], ...]:
    """The lines around this one, each cut."""
    first = max(1, line - BEFORE)
    text = _text_from(path, first, 32 << 10)
    found = [part.rstrip("\r") for part in text.split("\n")[: line - first + BEHIND + 1]]
    while found and not found[-1]:
        found.pop()
    return tuple((first + at, cut(part, LINE_SHOWN)) for at, part in enumerate(found))


# ── the rule beside it ────────────────────────────────────────────────────────────────────────────────────────────


def _parts(field: str) -> list[str]:
    return [part for part in field.replace("/", ".").split(".") if part]


def _deref(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """What a local `$ref` names; itself where there is none, or where it leads elsewhere."""
    for _ in range(8):
        target = schema.get("$ref")
        if not isinstance(target, str) or not target.startswith("#/"):
            break
        found: Any = root
        for part in target[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            break
        schema = found
    return schema


def _rule_text(root: dict[str, Any], field: str, keyword: str) -> str:
    """What the schema says about a field: `required: grant_id, amount`, `pattern: ^\\d{4}$`; '' where it says nothing.

    The keyword that was broken comes first.
    """
    parts = _parts(field)
    here = _deref(root, root)
    if here.get("type") == "array" and isinstance(here.get("items"), dict):
        here = _deref(here["items"], root)
    if keyword == "required":
        for part in parts[:-1]:
            here = _step(here, part, root)
        required = here.get("required")
        return f"required: {', '.join(map(str, required))}" if isinstance(required, list) else ""
    for part in parts:
        here = _step(here, part, root)
    told = {key: value for key, value in here.items() if key not in _NO_RULE}
    order: Sequence[str] = [key for key in told if key == keyword] + [key for key in told if key != keyword]
    return " · ".join(f"{key}: {_said(told[key])}" for key in order)


def _step(schema: dict[str, Any], part: str, root: dict[str, Any]) -> dict[str, Any]:
    properties, items = schema.get("properties"), schema.get("items")
    found = properties.get(part) if isinstance(properties, dict) else None
    if found is None and isinstance(items, dict):
        found = items
    return _deref(found, root) if isinstance(found, dict) else {}


def _said(value: Any) -> str:
    if isinstance(value, str):
        return cut(value, VALUE_SHOWN)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return cut(", ".join(value), VALUE_SHOWN)
    return as_json(value, VALUE_SHOWN)
