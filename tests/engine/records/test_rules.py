"""Rules: which schema judges which file, what a broken one says, references that stay at home, fingerprints."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.engine.errors import ConfigurationError
from console.engine.records.judge import Judge
from console.engine.records.rules import RuleSet, load_rules, parse_pointer
from console.engine.settings.model import Limits, QualitySetting, RuleSetting, Settings, SidecarSetting


def put(root: Path, path: str, content: Any) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        target.write_bytes(content)
    else:
        target.write_text(content if isinstance(content, str) else json.dumps(content))


def load(root: Path, *rules: RuleSetting, **options: Any) -> RuleSet:
    return load_rules(root, Settings(path="config/console.toml", kind="toml", digest="", rules=rules, **options))


def problem(rules: RuleSet) -> ConfigurationError:
    (error,) = rules.problems
    return error


def judge_one(rules: RuleSet, record: Any, path: str = "a.json") -> bool:
    rule = rules.rule_for(path)
    assert rule is not None
    settings = Settings(path="", kind="toml", digest="")
    return Judge(rules, settings).judge_bytes(rule, json.dumps([record]).encode(), ".json").ok


def test_the_first_rule_that_matches_judges(tmp_path: Path) -> None:
    put(tmp_path, "a.schema", {"type": "string"})
    put(tmp_path, "b.schema", {"type": "integer"})
    rules = load(
        tmp_path,
        RuleSetting(match="x/**", schema="a.schema"),
        RuleSetting(match="**/*.json", schema="b.schema"),
    )
    assert not rules.problems
    assert [rule.name for rule in rules.rules] == ["a.schema", "b.schema"]
    assert judge_one(rules, "text", "x/y/one.json")
    assert not judge_one(rules, "text", "z/one.json")
    assert rules.rule_for("z/one.csv") is None


def test_a_broken_rule_is_a_problem_and_no_other_takes_its_place(tmp_path: Path) -> None:
    put(tmp_path, "good.json", True)
    rules = load(
        tmp_path, RuleSetting(match="x/**", schema="missing.json"), RuleSetting(match="**", schema="good.json")
    )
    assert rules.rule_for("x/a.json") is None
    assert rules.rule_for("y/a.json") is not None
    error = problem(rules)
    assert error.file == "missing.json"
    assert error.key == "rules[0].schema"
    assert "there is no schema missing.json" in error.what


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "is no JSON: .* line 1 column 2"),
    "no UTF-8": (b'{"title": "\xff"}', "not UTF-8: byte 11"),
    "a key twice": ('{"type": "string", "type": "object"}', "the key 'type' twice"),
    "NaN": ('{"minimum": NaN}', "NaN"),
    "no schema": ("[]", "a schema is a JSON object, or true or false"),
    "unknown type": ({"type": "strnig"}, "no valid schema at /type"),
    "bad pattern": ({"properties": {"a": {"pattern": "("}}}, "no valid schema at /properties/a/pattern"),
    "wrong required": ({"$schema": "http://json-schema.org/draft-07/schema#", "required": "a"}, "at /required"),
    "unknown $schema": ({"$schema": "https://json-schema.org/draft-07/schema"}, "no draft known here"),
    "$schema of another kind": ({"$schema": 7}, "no draft known here"),
    "$ref to nothing": ({"$ref": "#/$defs/nothing"}, "cannot be resolved"),
    "$ref to no file": ({"properties": {"a": {"$ref": "other.json"}}}, "cannot be resolved"),
    "$ref to the network": ({"$ref": "https://example.org/x.json"}, "nothing is fetched from a network"),
    "$ref to a file URL": ({"$ref": "file:///etc/hostname"}, "cannot be resolved"),
    "deep": ("[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_schema_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    content, words = BROKEN[name]
    put(tmp_path, "config/schemas/x.json", content)
    error = problem(load(tmp_path, RuleSetting(schema="config/schemas/x.json")))
    assert error.file == "config/schemas/x.json"
    assert error.key == "rules[0].schema"
    import re

    assert re.search(words, error.what), error.what


def test_incumbent_names_its_own_key(tmp_path: Path) -> None:
    settings = Settings(path="c.json", kind="incumbent", digest="", rules=(RuleSetting(schema="none.json"),))
    assert load_rules(tmp_path, settings).problems[0].key == "validation_schema"


@pytest.mark.parametrize("place", ["beside", "above", "by id", "by the own id", "chain", "escaped"])
def test_local_references(place: str, tmp_path: Path) -> None:
    number = {"$defs": {"n": {"type": "number"}}}
    put(tmp_path, "s/in/other.json", number)
    put(tmp_path, "s/above.json", number)
    put(tmp_path, "s/in/named.json", {"$id": "https://example.org/money", **number})
    put(tmp_path, "s/in/step.json", {"$ref": "../above.json#/$defs/n"})
    put(tmp_path, "s/in/with space.json", number)
    put(tmp_path, "s/in/broken.json", "{")
    schema: dict[str, Any] = {
        "beside": {"$ref": "other.json#/$defs/n"},
        "above": {"$ref": "../above.json#/$defs/n"},
        "by id": {"$ref": "https://example.org/money#/$defs/n"},
        "by the own id": {"$id": "https://example.org/schemas/x.json", "$ref": "other.json#/$defs/n"},
        "chain": {"$ref": "step.json"},
        "escaped": {"$ref": "with%20space.json#/$defs/n"},
    }[place]
    put(tmp_path, "s/in/x.json", schema)
    rules = load(tmp_path, RuleSetting(schema="s/in/x.json"))
    assert not rules.problems, problem(rules).what
    assert judge_one(rules, 5)
    assert not judge_one(rules, "5")


def test_references_do_not_leave_the_root(tmp_path: Path) -> None:
    put(tmp_path, "secret.json", {"type": "number"})
    root = tmp_path / "root"
    put(root, "x.json", {"$ref": "../secret.json"})
    assert "cannot be resolved" in problem(load(root, RuleSetting(schema="x.json"))).what
    put(root, "y.json", {"$ref": "link.json"})
    (root / "link.json").symlink_to(tmp_path / "secret.json")
    assert "outside" in problem(load(root, RuleSetting(schema="y.json"))).what
    assert "outside" in problem(load(root, RuleSetting(schema="../secret.json"))).what


@pytest.mark.parametrize(
    "draft",
    [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-06/schema",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema#",
        None,
    ],
)
def test_formats_are_asserted_in_every_draft_unless_the_rule_says_no(draft: str | None, tmp_path: Path) -> None:
    schema = {"properties": {"url": {"format": "uri"}}, **({"$schema": draft} if draft else {})}
    put(tmp_path, "x.json", schema)
    asserted = load(tmp_path, RuleSetting(schema="x.json"))
    assert not judge_one(asserted, {"url": "no uri"})
    not_asserted = load(tmp_path, RuleSetting(schema="x.json", formats=False))
    assert judge_one(not_asserted, {"url": "no uri"})
    settings = Settings(path="", kind="toml", digest="")
    for rules, says in ((asserted, True), (not_asserted, False)):
        for data in (b"[]", b"[{}]", b'[{"url": 5, "url": 6}]', b""):
            assert Judge(rules, settings).judge_bytes(rules.rules[0], data, ".json").formats_asserted is says


def test_a_rule_without_schema_asks_for_its_columns_only(tmp_path: Path) -> None:
    rules = load(tmp_path, RuleSetting(match="**", required=("a",)))
    assert judge_one(rules, {"a": None, "b": 1})
    assert not judge_one(rules, {"b": 1})
    assert not judge_one(rules, [1])
    assert rules.rules[0].name == "**"
    assert judge_one(load(tmp_path, RuleSetting()), [1])


@pytest.mark.parametrize(
    "draft", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
)
def test_columns_beside_a_reference_that_hides_what_the_schema_asks_for(draft: str, tmp_path: Path) -> None:
    """Up to draft 7 a `$ref` makes its neighbours mean nothing: the rule's own columns still count."""
    put(
        tmp_path,
        "x.json",
        {"$schema": draft, "$ref": "#/definitions/any", "required": ["a"], "definitions": {"any": {}}},
    )
    rules = load(tmp_path, RuleSetting(schema="x.json", required=("a",)))
    assert not judge_one(rules, {})
    assert judge_one(rules, {"a": 1})


def test_sidecar_rule(tmp_path: Path) -> None:
    put(tmp_path, "meta.json", {"required": ["name"]})
    rules = load(tmp_path, sidecar=SidecarSetting(schema="meta.json"))
    assert rules.sidecar is not None
    verdict = Judge(rules, Settings(path="", kind="toml", digest="")).judge_bytes(rules.sidecar, b"{}", ".json")
    assert verdict.reason() == "1 of 1 record fails: name is missing (1)"
    assert problem(load(tmp_path, sidecar=SidecarSetting(schema="no.json"))).key == "sidecar.schema"


def test_custom_meta_schema_among_the_documents_handed_in(tmp_path: Path) -> None:
    meta = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.org/meta"}
    put(tmp_path, "x.json", {"$schema": "https://example.org/meta", "type": "integer"})
    settings = Settings(path="", kind="toml", digest="", rules=(RuleSetting(schema="x.json"),))
    assert load_rules(tmp_path, settings).problems
    rules = load_rules(tmp_path, settings, {"https://example.org/meta": meta})
    assert not rules.problems
    assert not judge_one(rules, "x")


# --- fingerprints -----------------------------------------------------------------------------------------------


def fingerprint(root: Path, setting: RuleSetting, **options: Any) -> str:
    rules = load(root, setting, **options)
    assert not rules.problems
    return rules.rules[0].fingerprint


def test_fingerprint_changes_with_whatever_changes_a_verdict(tmp_path: Path) -> None:
    put(tmp_path, "x.json", {"$ref": "part.json"})
    put(tmp_path, "part.json", {"type": "object"})
    setting = RuleSetting(schema="x.json", required=("a",))
    base = fingerprint(tmp_path, setting)
    assert len(base) == 64
    others = [
        fingerprint(tmp_path, replace(setting, formats=False)),
        fingerprint(tmp_path, replace(setting, records="/a")),
        fingerprint(tmp_path, replace(setting, required=("a", "b"))),
        fingerprint(tmp_path, replace(setting, quality=QualitySetting(future_date="warn"))),
        fingerprint(tmp_path, setting, duplicate_keys="warn"),
        fingerprint(tmp_path, setting, fail_on_warning=True),
        fingerprint(tmp_path, setting, limits=Limits(record_bytes=5)),
        fingerprint(tmp_path, setting, limits=Limits(nesting=5)),
    ]
    put(tmp_path, "part.json", {"type": "array"})
    others.append(fingerprint(tmp_path, setting))
    put(tmp_path, "x.json", {"title": "other", "$ref": "part.json"})
    others.append(fingerprint(tmp_path, setting))
    assert len({base, *others}) == len(others) + 1


def test_fingerprint_stays_where_no_verdict_changes(tmp_path: Path) -> None:
    put(tmp_path, "x.json", {"type": "object"})
    put(tmp_path, "elsewhere/y.json", {"type": "object"})
    base = fingerprint(tmp_path, RuleSetting(schema="x.json", required=("a", "b")))
    assert fingerprint(tmp_path, RuleSetting(schema="x.json", required=("b", "a"))) == base
    assert fingerprint(tmp_path, RuleSetting(match="a/**", schema="elsewhere/y.json", required=("a", "b"))) == base
    assert (
        fingerprint(
            tmp_path,
            RuleSetting(schema="x.json", required=("a", "b")),
            limits=Limits(failing_records_kept=1, whole_file_bytes=1),
            workers=9,
        )
        == base
    )


def test_document_is_json_and_holds_the_texts(tmp_path: Path) -> None:
    put(tmp_path, "x.json", {"$ref": "part.json"})
    put(tmp_path, "part.json", {"type": "object"})
    rule = load(tmp_path, RuleSetting(schema="x.json")).rules[0]
    document = json.loads(json.dumps(rule.document))
    assert json.loads(document["texts"]["x.json"]) == {"$ref": "part.json"}
    assert json.loads(document["texts"]["part.json"]) == {"type": "object"}
    assert document["options"]["draft"] == "draft 2020-12"
    assert rule.schema_sha256 != rule.fingerprint


def test_pointers() -> None:
    assert parse_pointer("", "f", "k") == ()
    assert parse_pointer("/a~1b/~01/0", "f", "k") == ("a/b", "~1", "0")
    with pytest.raises(ConfigurationError, match="no JSON Pointer"):
        parse_pointer("a", "f", "k")
