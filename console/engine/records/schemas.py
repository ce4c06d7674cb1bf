"""JSON Schemas from the disk, with their local references, compiled; never anything from a network.

A schema is read once, strictly (UTF-8, no key twice). Its `$ref`s to other documents are looked up here, in this
order: documents handed in; a file beside it, by the path relative to the schema; a file of the same folder by its
own `$id`. Nothing outside of the base folder is read. Whatever cannot be found is a ConfigurationError of the rule.
"""

from __future__ import annotations

import codecs
import decimal  # noqa: F401 - the validator loads it when first used, and panics where no file can be opened by then
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urlsplit

import jsonschema_rs

from console.engine.errors import ConfigurationError

# The address of a file relative to the base folder. A scheme of our own: nothing could ever be asked for it.
_SCHEME = "workspace:///"
_SIBLINGS = 500  # files of a folder that are looked into for an `$id`
_SCHEMA_BYTES = 32 * 1024 * 1024

# `$schema` -> name and compiler of the draft; https://json-schema.org/specification-links
DRAFTS: dict[str, tuple[str, Callable[..., jsonschema_rs.Validator]]] = {
    "http://json-schema.org/draft-04/schema": ("draft 4", jsonschema_rs.Draft4Validator),
    "http://json-schema.org/draft-06/schema": ("draft 6", jsonschema_rs.Draft6Validator),
    "http://json-schema.org/draft-07/schema": ("draft 7", jsonschema_rs.Draft7Validator),
    "https://json-schema.org/draft/2019-09/schema": ("draft 2019-09", jsonschema_rs.Draft201909Validator),
    "https://json-schema.org/draft/2020-12/schema": ("draft 2020-12", jsonschema_rs.Draft202012Validator),
}
_REF_ALONE = ("draft 4", "draft 6", "draft 7")  # there a `$ref` hides every keyword beside it
_PLAIN = ("$comment", "$defs")
DEFAULT_DRAFT = "https://json-schema.org/draft/2020-12/schema"  # without `$schema`, as both libraries have it


@dataclass(slots=True)
class Compiled:
    """A schema ready to judge.

    record: the schema itself, for one record; it lists errors. valid: whether one record is good, the rule's
    required properties included; all_valid: whether all of a list are, at once where the schema allows that.
    """

    draft: str
    schema: Any
    record: jsonschema_rs.Validator
    valid: Callable[[Any], bool]
    all_valid: Callable[[list[Any]], bool]
    sha256: str  # of the schema's own text
    texts: dict[str, str]  # path or address -> text, the schema first and then what it refers to
    documents: dict[str, Any]  # address -> document, everything that was loaded
    address: str
    required_by_schema: frozenset[str] = field(default_factory=frozenset)
    marked: tuple[str, ...] = ()  # of `texts` the files that begin with a byte order mark, which the text has not


class SchemaFolder:
    """Finds schema documents below one base folder, and among documents handed in."""

    def __init__(self, base: Path, documents: Mapping[str, Any] | None = None) -> None:
        self._base = Path(os.path.realpath(base))
        self._given = dict(documents or {})

    def compile(
        self, path: str, *, key: str, formats: bool, required: tuple[str, ...] = (), schema: Any = None
    ) -> Compiled:
        """Load and compile the schema at `path` (relative to the base), or `schema` itself as if it stood there.

        required: properties that every record needs beside what the schema says. path '' and no schema: a
        schema that allows everything, with `required`.
        Raises ConfigurationError with the schema's path as `file` and `key` as its key.
        """
        loader = _Loader(self._base, self._given, path, key)
        if schema is not None:
            text = json.dumps(schema)
        elif path:
            text = loader.text_of(path)
            schema = loader.parse(text, path)
        else:
            text, schema = "true", True
        loader.texts[path] = text
        return _compile(loader, schema, text, formats, required)


class _Loader:
    """Answers the compiler's questions for one schema, and remembers what it answered."""

    def __init__(self, base: Path, given: dict[str, Any], path: str, key: str) -> None:
        self._base, self._given, self._path, self._key = base, given, path, key
        self.address = _SCHEME + quote(path)
        self.documents: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        self.marked: set[str] = set()
        self._own_id = ""
        self._siblings: dict[str, str] | None = None

    def wrong(self, what: str, next_step: str = "") -> ConfigurationError:
        return ConfigurationError(what, file=self._path, key=self._key, next_step=next_step)

    def text_of(self, path: str) -> str:
        """The text of a schema file. Raises ConfigurationError."""
        real = os.path.realpath(self._base / path)
        if not (real + "/").startswith(str(self._base).rstrip("/") + "/"):
            raise self.wrong(f"the schema {path} lies outside of {self._base}", "keep schemas below the root")
        try:
            with open(real, "rb") as stream:
                data = stream.read(_SCHEMA_BYTES + 1)
        except FileNotFoundError:
            raise self.wrong(f"there is no schema {path}", "correct the path, or restore the schema") from None
        except OSError as error:
            raise self.wrong(f"the schema {path} cannot be read: {error.strerror or error}") from None
        if len(data) > _SCHEMA_BYTES:
            raise self.wrong(f"the schema {path} is larger than {_SCHEMA_BYTES} bytes")
        if data.startswith(codecs.BOM_UTF8):
            self.marked.add(path)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self.wrong(f"the schema {path} is not UTF-8: byte {error.start}: {error.reason}") from None

    def parse(self, text: str, path: str) -> Any:
        """A schema document: JSON without NaN and without a key that is there twice. Raises ConfigurationError."""

        def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
            keys = dict(items)
            if len(keys) < len(items):
                names = [name for name, _ in items]
                twice = next(name for name in keys if names.count(name) > 1)
                raise self.wrong(f"the schema {path} has the key {twice!r} twice in one object")
            return keys

        def constant(word: str) -> Any:
            raise self.wrong(f"the schema {path} holds {word}, which is no JSON")

        try:
            return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno} column {error.colno}"
            raise self.wrong(f"the schema {path} is no JSON: {error.msg} at {place}") from None
        except RecursionError:
            raise self.wrong(f"the schema {path} is nested too deeply") from None

    def retrieve(self, address: str) -> Any:
        """What the compiler asks for: the document at an absolute address. Raises LookupError."""
        address = urldefrag(address).url
        if address in self.documents:
            return self.documents[address]
        if address in self._given:
            self.documents[address] = self._given[address]
            self.texts[address] = json.dumps(self._given[address], sort_keys=True)
            return self._given[address]
        path = self._path_of(address) or self._by_id(address)
        if not path or not (self._base / path).is_file():
            raise LookupError(f"there is no local document for {address}, and nothing is fetched from a network")
        text = self.text_of(path)
        document = self.parse(text, path)
        self.documents[address] = document
        self.texts[path] = text
        return document

    def own_id(self, schema: Any) -> None:
        """Remember the schema's own address, by which its relative references are written."""
        if isinstance(schema, dict):
            given = schema.get("$id", schema.get("id"))
            self._own_id = given if isinstance(given, str) else ""

    def _path_of(self, address: str) -> str:
        """The file that an address means, relative to the base; '' for none."""
        if address.startswith(_SCHEME):
            return unquote(urlsplit(address).path).lstrip("/")
        folder = self._own_id.rpartition("/")[0]
        if folder and address.startswith(folder + "/"):  # beside the schema, by the address it gives itself
            return os.path.join(os.path.dirname(self._path), unquote(address[len(folder) + 1 :]))
        return ""

    def _by_id(self, address: str) -> str:
        """The file of the schema's folder that gives itself this address; '' for none."""
        if self._siblings is None:
            self._siblings = {}
            folder = self._base / os.path.dirname(self._path)
            for name in sorted(os.listdir(folder) if folder.is_dir() else ())[:_SIBLINGS]:
                if not name.endswith(".json"):
                    continue
                path = os.path.join(os.path.dirname(self._path), name)
                try:
                    document = self.parse(self.text_of(path), path)
                except ConfigurationError:
                    continue  # a broken neighbour is its own rule's error, not this one's
                given = document.get("$id", document.get("id")) if isinstance(document, dict) else None
                if isinstance(given, str):
                    self._siblings.setdefault(urldefrag(given).url, path)
        return self._siblings.get(address, "")

    def draft(self, schema: Any, seen: int = 0) -> str:
        """The address of the draft that `schema` is written in, through meta-schemas of its own if need be."""
        given = schema.get("$schema") if isinstance(schema, dict) else None
        if given is None:
            return DEFAULT_DRAFT
        if isinstance(given, str):
            address = given.removesuffix("#")
            if address in DRAFTS:
                return address
            if seen < 5:
                try:
                    return self.draft(self.retrieve(address), seen + 1)
                except LookupError:
                    pass
        known = ", ".join(DRAFTS)
        raise self.wrong(f"`$schema` is {given!r}, which is no draft known here", f"known are: {known}")


def _compile(loader: _Loader, schema: Any, text: str, formats: bool, required: tuple[str, ...]) -> Compiled:
    if not isinstance(schema, dict | bool):
        raise loader.wrong("a schema is a JSON object, or true or false")
    loader.own_id(schema)
    draft = loader.draft(schema)
    name, compiler = DRAFTS[draft]
    by_schema = schema.get("required") if isinstance(schema, dict) else None
    if isinstance(schema, dict) and "$ref" in schema and name in _REF_ALONE:
        by_schema = None
    known = frozenset(n for n in by_schema if isinstance(n, str)) if isinstance(by_schema, list) else frozenset()
    loader.documents[loader.address] = schema
    options: dict[str, Any] = {"validate_formats": formats, "retriever": loader.retrieve}
    record = _build(loader, compiler, schema, {**options, "base_uri": loader.address})
    beside = [n for n in required if n not in known]
    valid, all_valid = _quick(loader, compiler, schema, record, beside, options)
    return Compiled(
        draft=name,
        schema=schema,
        record=record,
        valid=valid,
        all_valid=all_valid,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        texts=loader.texts,
        documents=loader.documents,
        address=loader.address,
        required_by_schema=known,
        marked=tuple(sorted(loader.marked & loader.texts.keys())),
    )


def _quick(
    loader: _Loader,
    compiler: Callable[..., jsonschema_rs.Validator],
    schema: Any,
    record: jsonschema_rs.Validator,
    beside: list[str],
    options: dict[str, Any],
) -> tuple[Callable[[Any], bool], Callable[[list[Any]], bool]]:
    """`valid` and `all_valid` of Compiled. beside: required properties that the schema does not ask for.

    A list is judged at once, a quarter to a half cheaper, by an array schema around the record's; that is the same
    only for a schema in which no address and no reference depends on where it stands.
    """
    one: Callable[[Any], bool] = record.is_valid
    several: Callable[[list[Any]], bool] = lambda records: all(map(one, records))  # noqa: E731 - two of a kind
    bare = schema
    if isinstance(schema, dict) and str(schema.get("$schema", DEFAULT_DRAFT)).removesuffix("#") in DRAFTS:
        # its own address means nothing where nothing refers to an address
        bare = {key: value for key, value in schema.items() if key not in ("$schema", "$id", "id")}
    if not _has_addresses(bare):
        several = _build(loader, compiler, {"type": "array", "items": bare}, options).is_valid
    if not beside:
        return one, several
    needs = {"type": "object", "required": beside}
    has = _build(loader, compiler, needs, options).is_valid
    all_have = _build(loader, compiler, {"type": "array", "items": needs}, options).is_valid
    return lambda value: one(value) and has(value), lambda records: several(records) and all_have(records)


def _has_addresses(schema: Any) -> bool:
    """Whether any key in the schema could be an address, an anchor or a reference, or begins with $ like one."""
    if isinstance(schema, dict):
        return any(
            (key[:1] == "$" and key not in _PLAIN)
            or (key == "id" and isinstance(value, str))  # draft 4; a property of that name has a schema
            or _has_addresses(value)
            for key, value in schema.items()
        )
    return isinstance(schema, list) and any(map(_has_addresses, schema))


def _build(
    loader: _Loader, compiler: Callable[..., jsonschema_rs.Validator], schema: Any, options: dict[str, Any]
) -> jsonschema_rs.Validator:
    try:
        return compiler(schema, **options)
    except ConfigurationError:
        raise
    except jsonschema_rs.ValidationError as error:
        kind = error.kind.name
        if kind == "referencing" or "retrieving" in error.message or "Pointer" in error.message:
            raise loader.wrong(
                f"a `$ref` of the schema cannot be resolved: {error.message}",
                "put the document beside the schema, by the path or the $id that the $ref names",
            ) from None
        place = "/".join(str(part) for part in error.instance_path)
        at = f" at /{place}" if place else ""
        raise loader.wrong(f"it is no valid schema{at}: {error.message}") from None
    except (ValueError, LookupError, jsonschema_rs.ReferencingError) as error:
        raise loader.wrong(f"the schema does not compile: {error}") from None


def read_schema(path: str) -> Any:
    """A schema document from any file, read as strictly as those of the configuration. Raises ConfigurationError."""
    folder, name = os.path.split(os.path.abspath(path))
    loader = _Loader(Path(os.path.realpath(folder)), {}, name, "")
    return loader.parse(loader.text_of(name), path)
