"""Explanations of failing records in the words of `jsonschema`, the reference library; also the tests' oracle.

Importing it costs more than a second on a cold machine, so nothing that judges does: only who asks for an
explanation pays. It knows the same local documents as the rule and reaches for no network either.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.engine.records.events import Batch, Broken, Unreadable
from console.engine.records.judge import Judge, format_of
from console.engine.records.rules import Rule
from console.engine.records.schemas import DRAFTS
from console.engine.records.window import Window
from console.engine.records.words import cut

if TYPE_CHECKING:
    import jsonschema.protocols

_WORDS_SHOWN = 400
_CONTEXT_SHOWN = 3  # alternatives of an anyOf or oneOf that are named
_CLASSES = {
    "draft 4": "Draft4Validator",
    "draft 6": "Draft6Validator",
    "draft 7": "Draft7Validator",
    "draft 2019-09": "Draft201909Validator",
    "draft 2020-12": "Draft202012Validator",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A failing record in words: number and line as in a verdict, one text an error."""

    number: int
    line: int
    words: tuple[str, ...]


def reference_validator(rule: Rule) -> jsonschema.protocols.Validator:
    """jsonschema's validator for a rule's schema: same draft, same documents, formats as the rule says."""
    import jsonschema
    import referencing.exceptions
    import referencing.jsonschema

    library: Any = referencing  # attrs classes, whose signatures the checker does not see
    compiled = rule.compiled
    kind = getattr(jsonschema, _CLASSES[compiled.draft])
    address = next(address for address, (name, _) in DRAFTS.items() if name == compiled.draft)
    specification = referencing.jsonschema.specification_with(address)

    def retrieve(uri: str) -> Any:
        if uri not in compiled.documents:
            raise library.exceptions.NoSuchResource(ref=uri)
        return library.Resource.from_contents(compiled.documents[uri], default_specification=specification)

    registry = library.Registry(retrieve=retrieve)
    checker = kind.FORMAT_CHECKER if rule.setting.formats else None
    schema = compiled.schema
    if compiled.address.rstrip("/") and isinstance(schema, dict) and "$id" not in schema and "id" not in schema:
        # Without an address of its own the schema's references are relative to where it lies.
        resource = library.Resource(contents=schema, specification=specification)
        registry = registry.with_resource(compiled.address, resource)
        return kind(schema, registry=registry, format_checker=checker, _resolver=registry.resolver(compiled.address))
    return kind(schema, registry=registry, format_checker=checker)


def explain_record(rule: Rule, record: Any) -> tuple[str, ...]:
    """What is wrong with a record, one sentence an error; () where nothing is."""
    errors = sorted(reference_validator(rule).iter_errors(record), key=lambda error: str(error.absolute_path))
    words = []
    for error in errors:
        place = ".".join(map(str, error.absolute_path)) or "the record"
        text = f"{place}: {error.message}"
        for part in list(error.context or ())[:_CONTEXT_SHOWN]:
            text += f"; {'.'.join(map(str, part.path)) or 'it'}: {part.message}"
        words.append(cut(text, _WORDS_SHOWN))
    for name in rule.setting.required:
        missing = not isinstance(record, dict) or name not in record
        if missing and name not in rule.compiled.required_by_schema:
            words.append(f"{name}: a required property of the configuration")
    return tuple(words)


def explain_file(
    judge: Judge, rule: Rule, read: Callable[[int], bytes], suffix: str, most: int = 5
) -> Iterator[Explained]:
    """The first `most` failing records of a file in words, reading no further than to them."""
    number = 0
    for event in judge.events(rule, Window(read), format_of(suffix)):
        found: list[Explained] = []
        if isinstance(event, Batch):
            for index, record in enumerate(event.records):
                if not rule.compiled.valid(record):
                    found.append(Explained(number + index + 1, event.line_of(index), explain_record(rule, record)))
                    if len(found) >= most:
                        break
            number += len(event.records)
        elif isinstance(event, Unreadable):
            number += 1
            found.append(Explained(number, event.line, tuple(error.message for error in event.errors)))
        elif isinstance(event, Broken):
            found.append(Explained(0, event.line, (event.error.message,)))
        yield from found[:most]
        most -= len(found)
        if most <= 0:
            return


def explain_bytes(judge: Judge, rule: Rule, data: bytes, suffix: str, most: int = 5) -> list[Explained]:
    """`explain_file` for a file in memory."""
    return list(explain_file(judge, rule, io.BytesIO(data).read, suffix, most))
