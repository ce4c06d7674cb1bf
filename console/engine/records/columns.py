"""Which properties of a record a schema types as numbers: there a CSV cell that is a plain decimal is a number."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from console.engine.records.schemas import Compiled

_DEPTH = 8  # references followed from one schema to the next


def number_columns(compiled: Compiled) -> frozenset[str]:
    """Names that the schema types as number or integer and nowhere as string.

    Looked for in `properties` of the schema, of its `allOf` parts and of what local `$ref`s lead to. A property
    that may be text as well stays text: nothing is lost then.
    """
    types: dict[str, set[str]] = {}
    _collect(compiled, compiled.schema, compiled.address, types, 0)
    return frozenset(name for name, found in types.items() if found & {"number", "integer"} and "string" not in found)


def _collect(compiled: Compiled, schema: Any, base: str, types: dict[str, set[str]], depth: int) -> None:
    if not isinstance(schema, dict) or depth > _DEPTH:
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name, sub in properties.items():
            types.setdefault(name, set()).update(_types(compiled, sub, base, depth))
    for part, place in _parts(compiled, schema, base):
        _collect(compiled, part, place, types, depth + 1)


def _types(compiled: Compiled, schema: Any, base: str, depth: int) -> set[str]:
    if not isinstance(schema, dict) or depth > _DEPTH:
        return set()
    given = schema.get("type")
    found = (
        {given}
        if isinstance(given, str)
        else {t for t in given if isinstance(t, str)}
        if isinstance(given, list)
        else set()
    )
    for part, place in _parts(compiled, schema, base):
        found |= _types(compiled, part, place, depth + 1)
    return found


def _parts(compiled: Compiled, schema: dict[str, Any], base: str) -> list[tuple[Any, str]]:
    """The schemas that hold too where `schema` holds: `allOf` and `$ref`, each with the address it is read from."""
    parts = [(part, base) for part in schema["allOf"]] if isinstance(schema.get("allOf"), list) else []
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = _resolve(compiled, reference, base)
        if target is not None:
            parts.append(target)
    return parts


def _resolve(compiled: Compiled, reference: str, base: str) -> tuple[Any, str] | None:
    """What a `$ref` by JSON Pointer leads to; None for anchors and everything that is not easy."""
    address, fragment = urldefrag(reference)
    # urljoin knows no scheme of ours: the address is resolved as if it were http
    place = (
        urljoin(base.replace("workspace:", "http:", 1), address).replace("http:", "workspace:", 1) if address else base
    )
    document = compiled.documents.get(place, compiled.documents.get(address))
    if document is None or (fragment and not fragment.startswith("/")):
        return None
    for part in unquote(fragment).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document, place
