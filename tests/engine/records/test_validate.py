"""`validate`: any files by the configuration's rules or one schema; nothing is written, nothing silently skipped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from console.engine.errors import ConfigurationError, UsageError
from console.engine.records.validate import Validated, validate_paths
from console.engine.settings.model import IgnoreSetting, Limits, RuleSetting, Settings, SidecarSetting

RAW, VALID = "data/raw/funding_sources", "data/transformed/validated"


def put(root: Path, path: str, content: Any) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "s/number.json", {"type": "object", "properties": {"n": {"type": "integer"}}})
    put(tmp_path, "s/text.json", {"type": "object", "properties": {"n": {"type": "string"}}})
    put(tmp_path, "s/meta.json", {"required": ["source"]})
    put(tmp_path, f"{RAW}/alpha/a.json", [{"n": 1}, {"n": 2}])
    put(tmp_path, f"{RAW}/alpha/_metadata.json", {"source": "alpha"})
    put(tmp_path, f"{RAW}/alpha/README.md", "hello")
    put(tmp_path, f"{RAW}/beta/b.jsonl", '{"n": "x"}\n')
    put(tmp_path, f"{VALID}/beta/c.csv", "n\nx\n")
    put(tmp_path, "elsewhere/alpha/d.json", [{"n": "x"}])
    return tmp_path


def settings(**options: Any) -> Settings:
    rules = (RuleSetting(match="alpha/**", schema="s/number.json"), RuleSetting(match="beta/**", schema="s/text.json"))
    return Settings(path="c.toml", kind="toml", digest="", **{"rules": rules, **options})


def run(root: Path, config: Settings | None = None, **options: Any) -> dict[str, Validated]:
    results = list(validate_paths(root, config or settings(), **options))
    assert len({result.path for result in results}) == len(results)
    return {result.path: result for result in results}


def test_a_directory_of_the_raw_zone(root: Path) -> None:
    found = run(root, directory=RAW)
    assert list(found) == [
        f"{RAW}/alpha/README.md",
        f"{RAW}/alpha/_metadata.json",
        f"{RAW}/alpha/a.json",
        f"{RAW}/beta/b.jsonl",
    ]
    assert found[f"{RAW}/alpha/README.md"].ignored == "documentation"
    assert found[f"{RAW}/alpha/_metadata.json"].ignored == "sidecar"
    verdict = found[f"{RAW}/alpha/a.json"].verdict
    assert verdict is not None
    assert verdict.records == 2
    assert found[f"{RAW}/alpha/a.json"].rule == "s/number.json"
    assert found[f"{RAW}/beta/b.jsonl"].rule == "s/text.json"
    assert all(result.ok for result in found.values())


def test_without_anything_the_validated_zone(root: Path) -> None:
    assert list(run(root)) == [f"{VALID}/beta/c.csv"]


def test_a_part_of_a_zone_keeps_its_rules(root: Path) -> None:
    for given in (f"{RAW}/beta", str(root / RAW / "beta"), f"{RAW}/alpha/../beta"):
        (result,) = run(root, directory=given).values()
        assert result.rule == "s/text.json"
        assert result.path == f"{given}/b.jsonl"


def test_single_files_and_foreign_folders(root: Path) -> None:
    found = run(root, files=[f"{RAW}/alpha/a.json", f"{VALID}/beta/c.csv", "elsewhere/alpha/d.json"])
    assert found[f"{RAW}/alpha/a.json"].ok
    assert found[f"{VALID}/beta/c.csv"].ok
    assert found["elsewhere/alpha/d.json"].error.startswith("no rule of the configuration matches it")
    assert not found["elsewhere/alpha/d.json"].ok
    (result,) = run(root, directory="elsewhere").values()
    assert result.rule == "s/number.json"
    assert not result.ok


def test_one_schema_for_all(root: Path) -> None:
    found = run(root, directory=RAW, schema="s/text.json")
    assert not found[f"{RAW}/alpha/a.json"].ok
    assert found[f"{RAW}/beta/b.jsonl"].ok
    assert run(root, files=["elsewhere/alpha/d.json"], schema=str(root / "s/text.json"))["elsewhere/alpha/d.json"].ok


def test_a_schema_from_outside_of_the_root(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    put(outside, "part.json", {"type": "object"})
    put(outside, "x.json", {"$ref": "part.json"})
    assert run(root, files=[f"{RAW}/alpha/a.json"], schema=str(outside / "x.json"))[f"{RAW}/alpha/a.json"].ok


def test_one_schema_keeps_the_pointer_of_the_rule(root: Path) -> None:
    put(root, f"{RAW}/alpha/a.json", {"list": [{"n": 1}, {"n": 2}]})
    rules = (RuleSetting(match="alpha/**", schema="s/text.json", records="/list", required=("other",)),)
    (result,) = run(root, settings(rules=rules), files=[f"{RAW}/alpha/a.json"], schema="s/number.json").values()
    assert result.verdict is not None
    assert (result.verdict.ok, result.verdict.records) == (True, 2)


def test_sidecar_with_a_schema_is_judged_by_it(root: Path) -> None:
    config = settings(sidecar=SidecarSetting(schema="s/meta.json"))
    assert run(root, config, directory=RAW)[f"{RAW}/alpha/_metadata.json"].ok
    put(root, f"{RAW}/alpha/_metadata.json", {})
    assert not run(root, config, directory=RAW)[f"{RAW}/alpha/_metadata.json"].ok


def test_a_large_file_streams_with_the_same_verdict(root: Path) -> None:
    whole = run(root, directory=RAW)
    assert run(root, settings(limits=Limits(whole_file_bytes=1)), directory=RAW) == whole


def test_warnings_fail_where_the_configuration_says_so(root: Path) -> None:
    put(root, f"{RAW}/alpha/a.json", '[{"n": 1, "n": 2}]')
    for fail in (False, True):
        config = settings(duplicate_keys="warn", fail_on_warning=fail)
        assert run(root, config, files=[f"{RAW}/alpha/a.json"])[f"{RAW}/alpha/a.json"].ok is not fail


def test_what_is_no_regular_file_is_said(root: Path) -> None:
    (root / RAW / "alpha/link.json").symlink_to("a.json")
    os.mkfifo(root / RAW / "alpha/pipe.json")
    put(root, f"{RAW}/alpha/notes.txt", "x")
    found = run(root, settings(ignore=(IgnoreSetting("**/x", "x"),)), directory=f"{RAW}/alpha")
    assert found[f"{RAW}/alpha/link.json"].ignored == "a link"
    assert found[f"{RAW}/alpha/pipe.json"].ignored == "no regular file"
    assert found[f"{RAW}/alpha/notes.txt"].ignored == "unknown suffix .txt"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable(root: Path) -> None:
    (root / RAW / "alpha/a.json").chmod(0)
    (root / RAW / "beta").chmod(0)
    found = run(root, directory=RAW)
    (root / RAW / "beta").chmod(0o700)
    assert "unreadable" in found[f"{RAW}/alpha/a.json"].error
    assert "unreadable" in found[f"{RAW}/beta"].error


def test_wrong_usage_is_said_before_anything_is_judged(root: Path) -> None:
    for options in ({"directory": "none"}, {"directory": "s/text.json"}, {"files": ["none"]}, {"files": ["s"]}):
        with pytest.raises(UsageError):
            validate_paths(root, settings(), **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        validate_paths(root, settings(), directory=RAW, schema="s/none.json")
    with pytest.raises(ConfigurationError):
        validate_paths(root, settings(rules=(RuleSetting(schema="s/none.json"),)), directory=RAW)


def test_nothing_is_written(root: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    run(root, directory=RAW)
    run(root, directory=RAW, schema="s/text.json")
    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == before
