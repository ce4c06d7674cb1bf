"""Every case of the public JSON Schema suite, as a record that our judge judges, for every draft that we claim."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from console.engine.records.judge import Judge
from console.engine.records.rules import single_rule
from console.engine.settings.model import RuleSetting, Settings
from tests.parity.known_differences import SUITE
from tests.support import PROJECT, shared_corpus

pytestmark = pytest.mark.corpus

DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
SETTINGS = Settings(path="config/console.toml", kind="toml", digest="")


@lru_cache
def remotes() -> dict[str, Any]:
    folder = shared_corpus("json-schema-test-suite") / "remotes"
    return {
        f"http://localhost:1234/{path.relative_to(folder).as_posix()}": json.loads(path.read_text())
        for path in folder.rglob("*.json")
    }


def suite_files() -> list[Any]:
    """(draft, file); one skipped stand-in where the suite is not beside the project."""
    folder = PROJECT.parent / "shared" / "corpus" / "json-schema-test-suite" / "tests"
    if not folder.exists():
        return [pytest.param("", "", id="suite")]
    return [
        pytest.param(draft, path.relative_to(folder / draft).as_posix(), id=f"{draft}/{path.stem}")
        for draft in DRAFTS
        for path in sorted((folder / draft).rglob("*.json"))
    ]


def asserts_formats(file: str) -> bool:
    """The suite expects formats to be annotations but for its own tests of formats."""
    return file.startswith("optional/format")


@pytest.mark.parametrize(("draft", "file"), suite_files())
def test_suite(draft: str, file: str, tmp_path: Path) -> None:
    folder = shared_corpus("json-schema-test-suite") / "tests"
    wrong, named = [], set()
    for group in json.loads((folder / draft / file).read_text()):
        schema = group["schema"]
        if isinstance(schema, dict) and "$schema" not in schema:
            schema = {"$schema": DRAFTS[draft], **schema}
        rules = single_rule(
            tmp_path,
            SETTINGS,
            RuleSetting(schema="schema.json", formats=asserts_formats(file)),
            documents=remotes(),
            schema=schema,
        )
        rule = rules.rules[0]
        judge = Judge(rules, SETTINGS)
        for case in group["tests"]:
            key = (draft, file, group["description"], case["description"])
            data = json.dumps([case["data"]]).encode()
            verdict = judge.judge_bytes(rule, data, ".json")
            assert verdict.records == 1
            if not verdict.ok:
                assert verdict.failed_records == 1
                assert verdict.failing[0].errors
            if verdict.ok != case["valid"]:
                named.add(key)
                if key not in SUITE:
                    wrong.append((key, verdict.reason()))
            elif key in SUITE:
                wrong.append((key, "is named as a difference and is none"))
    assert not wrong


def test_every_named_difference_exists() -> None:
    folder = shared_corpus("json-schema-test-suite") / "tests"
    for draft, file, group, case in SUITE:
        groups = json.loads((folder / draft / file).read_text())
        assert any(g["description"] == group and any(t["description"] == case for t in g["tests"]) for g in groups), (
            draft,
            file,
            group,
            case,
        )
