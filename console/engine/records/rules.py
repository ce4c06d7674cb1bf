"""Rules: which schema and options judge which file, each with a fingerprint that changes when a verdict could."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from console.engine.errors import ConfigurationError
from console.engine.globs import compile_glob
from console.engine.records.columns import number_columns
from console.engine.records.schemas import Compiled, SchemaFolder
from console.engine.settings.model import RuleSetting, Settings

# Part of every fingerprint: raised when the same bytes under the same rule could get another verdict than before.
_JUDGE = 1


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What a file is judged by.

    index: its place in the configuration, -1 for the sidecar's. name: what an operator calls it, the schema's path
    or its glob. fingerprint: SHA-256 (hex) over schema text, referenced texts and all options that change a
    verdict. document: all of that as JSON data, for the ledger. pointer: `setting.records` taken apart.
    numbers: properties that a CSV cell becomes a number for, and whether an integer alone will do.
    """

    index: int
    name: str
    fingerprint: str
    schema_sha256: str
    setting: RuleSetting
    document: dict[str, Any]
    compiled: Compiled
    pointer: tuple[str, ...]
    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of a configuration. problems: rules that cannot judge, each as what is wrong and where."""

    rules: tuple[Rule, ...]
    sidecar: Rule | None
    problems: tuple[ConfigurationError, ...]
    _matches: tuple[tuple[Callable[[str], bool], Rule | None], ...] = ()

    def rule_for(self, path: str) -> Rule | None:
        """The first rule whose glob matches `path` (relative to the raw zone).

        None: no rule matches, or the one that does is among the problems; a later rule never takes its place.
        """
        for matches, rule in self._matches:
            if matches(path):
                return rule
        return None


def load_rules(root: Path, settings: Settings, documents: Mapping[str, Any] | None = None) -> RuleSet:
    """Load and compile every rule of `settings`; what cannot is in `problems`, nothing is raised.

    documents: further JSON documents that a `$ref` or `$schema` may name, by absolute address.
    """
    folder = SchemaFolder(root, documents)
    problems: list[ConfigurationError] = []
    matches: list[tuple[Callable[[str], bool], Rule | None]] = []
    for index, setting in enumerate(settings.rules):
        key = "validation_schema" if settings.kind == "incumbent" else f"rules[{index}].schema"
        rule: Rule | None = None
        try:
            rule = make_rule(folder, settings, setting, index=index, key=key)
        except ConfigurationError as problem:
            problems.append(problem)
        matches.append((compile_glob(setting.match), rule))
    sidecar: Rule | None = None
    if settings.sidecar.schema:
        setting = RuleSetting(match=settings.sidecar.name, schema=settings.sidecar.schema)
        try:
            sidecar = make_rule(folder, settings, setting, index=-1, key="sidecar.schema")
        except ConfigurationError as problem:
            problems.append(problem)
    rules = tuple(rule for _, rule in matches if rule is not None)
    return RuleSet(rules, sidecar, tuple(problems), tuple(matches))


def single_rule(
    base: Path,
    settings: Settings,
    setting: RuleSetting,
    *,
    key: str = "--schema",
    documents: Mapping[str, Any] | None = None,
    schema: Any = None,
) -> RuleSet:
    """A rule set of one rule that judges every file, its schema's path relative to `base`.

    schema: the schema itself, instead of a file at that path. Raises ConfigurationError.
    """
    folder = SchemaFolder(base, documents)
    rule = make_rule(folder, settings, replace(setting, match="**"), index=0, key=key, schema=schema)
    return RuleSet((rule,), None, (), ((compile_glob("**"), rule),))


def make_rule(
    folder: SchemaFolder, settings: Settings, setting: RuleSetting, *, index: int, key: str, schema: Any = None
) -> Rule:
    """Compile one rule. Raises ConfigurationError."""
    pointer = parse_pointer(setting.records, settings.path, key.replace("schema", "records"))
    compiled = folder.compile(
        setting.schema, key=key, formats=setting.formats, required=setting.required, schema=schema
    )
    # Only what changes a verdict; not the glob, the schema's path or how many failing records are kept.
    options = {
        "judge": _JUDGE,
        "draft": compiled.draft,
        "records": setting.records,
        "required": sorted(setting.required),
        "formats": setting.formats,
        "quality": asdict(setting.quality),
        "duplicate_keys": settings.duplicate_keys,
        "fail_on_warning": settings.fail_on_warning,
        "record_bytes": settings.limits.record_bytes,
        "nesting": settings.limits.nesting,
    }
    digests = [
        compiled.sha256,
        *sorted(_digest(text) for path, text in compiled.texts.items() if path != setting.schema),
    ]
    document = {"schema": setting.schema, "texts": compiled.texts, "options": options}
    if compiled.marked:
        document["marked"] = list(compiled.marked)  # with it the files can be had again byte for byte
    return Rule(
        index=index,
        name=setting.schema or setting.match,
        fingerprint=_digest(json.dumps([digests, options], sort_keys=True)),
        schema_sha256=compiled.sha256,
        setting=setting,
        document=document,
        compiled=compiled,
        pointer=pointer,
        numbers=number_columns(compiled),
    )


def parse_pointer(text: str, file: str, key: str) -> tuple[str, ...]:
    """The parts of a JSON Pointer (RFC 6901), unescaped; () for ''. Raises ConfigurationError."""
    if not text:
        return ()
    if not text.startswith("/"):
        raise ConfigurationError(
            f"`{key}` is {text!r}, which is no JSON Pointer", file=file, key=key, next_step='such as "/grants"'
        )
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
