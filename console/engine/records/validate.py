"""`opsconsole validate`: any files, by the configuration's rules or one schema. Reads, judges, writes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from console.engine.errors import UsageError
from console.engine.globs import compile_glob
from console.engine.records.judge import Judge
from console.engine.records.model import Verdict
from console.engine.records.rules import Rule, RuleSet, load_rules, single_rule
from console.engine.settings.model import RuleSetting, Settings

_NO_RULE = "no rule of the configuration matches it: name a schema with --schema"


@dataclass(frozen=True, slots=True)
class Validated:
    """What was found of one file.

    path: as it was given, or below the directory that was given. Either verdict (by the rule of that name), or
    error: why it could not be judged, or ignored: why it need not be.
    """

    path: str
    verdict: Verdict | None = None
    rule: str = ""
    error: str = ""
    ignored: str = ""
    warnings_fail: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings count where the configuration says `fail_on_warning`."""
        if self.error:
            return False
        return self.verdict is None or (self.verdict.ok and not (self.warnings_fail and self.verdict.warnings))


def validate_paths(
    root: Path,
    settings: Settings,
    *,
    directory: str = "",
    files: Sequence[str] = (),
    schema: str = "",
    now: Callable[[], datetime] | None = None,
) -> Iterator[Validated]:
    """Judge `files`, or every data file below `directory`, or, with neither, of the validated zone.

    Paths may be absolute or relative to `root` (resolved). A file of the raw or the validated zone is judged by the
    rule for its path in there, any other by the rule for its path below `directory`, or its name. schema: judge
    by this schema instead (`$ref`s beside it); list pointer and `formats` are still those of the file's rule.

    Raises before the first result: UsageError (no such directory or file), ConfigurationError (a schema that does not
    load).
    """
    places = _Places(root, settings)
    chosen = _Chosen(root, settings, schema, now)
    if files:
        given = [_given(root, path, stat.S_ISREG, "file") for path in files]
        return (_one(path, real, places.relative(real, ""), chosen, settings) for path, real in given)
    folder, real = _given(root, directory or settings.zones.validated, stat.S_ISDIR, "folder")
    return _walk(folder, real, places, chosen, settings)


def _given(root: Path, path: str, right: Callable[[int], bool], what: str) -> tuple[str, str]:
    absolute = os.path.join(root, path)
    try:
        mode = os.stat(absolute).st_mode
    except OSError as error:
        raise UsageError(f"the {what} cannot be validated: {error.strerror or error}", file=path) from None
    except ValueError as error:
        raise UsageError(f"the {what} cannot be validated: {error}", file=path) from None
    if not right(mode):
        raise UsageError(f"it is no {what if what == 'folder' else 'regular file'}", file=path)
    return path, os.path.realpath(absolute)


class _Places:
    """Finds the path by which a rule knows a file."""

    def __init__(self, root: Path, settings: Settings) -> None:
        zones = (settings.zones.raw, settings.zones.validated)
        self._zones = [os.path.realpath(root / zone) + "/" for zone in zones]

    def relative(self, real: str, folder: str) -> str:
        """`real` relative to its zone, else to `folder`, else its name."""
        for zone in self._zones:
            if real.startswith(zone):
                return real[len(zone) :]
        if folder and real.startswith(folder + "/"):
            return real[len(folder) + 1 :]
        return os.path.basename(real)


class _Chosen:
    """The rule and the judge for a file."""

    def __init__(self, root: Path, settings: Settings, schema: str, now: Callable[[], datetime] | None) -> None:
        self._root, self._settings, self._now = root, settings, now
        self._schema = ""
        self._base = root
        self._by_setting: dict[tuple[str, bool], tuple[Rule, Judge]] = {}
        if schema:
            self._place_schema(schema)
            self._matches = [(compile_glob(rule.match), rule) for rule in settings.rules]
            self.find("", is_sidecar=False)  # a schema that does not load is said before the first file
            return
        self._rules = load_rules(root, settings)
        if self._rules.problems:
            raise self._rules.problems[0]
        self._judge = Judge(self._rules, settings, now=now)

    def _place_schema(self, schema: str) -> None:
        """Where references of the schema may lead: below the root if it lies there, else beside it."""
        real = os.path.realpath(os.path.join(self._root, schema))
        root = os.path.realpath(self._root)
        inside = real.startswith(root.rstrip("/") + "/")
        self._base = Path(root if inside else os.path.dirname(real))
        self._schema = os.path.relpath(real, self._base)

    def find(self, relative: str, *, is_sidecar: bool) -> tuple[Rule, Judge] | None:
        """The rule for a path, with a judge that knows it."""
        if not self._schema:
            rule = self._rules.sidecar if is_sidecar else self._rules.rule_for(relative)
            return (rule, self._judge) if rule is not None else None
        setting = next((rule for matches, rule in self._matches if relative and matches(relative)), RuleSetting())
        key = (setting.records, setting.formats)
        if key not in self._by_setting:
            named = RuleSetting(schema=self._schema, records=setting.records, formats=setting.formats)
            rules: RuleSet = single_rule(self._base, self._settings, named)
            self._by_setting[key] = (rules.rules[0], Judge(rules, self._settings, now=self._now))
        return self._by_setting[key]


def _walk(folder: str, real: str, places: _Places, chosen: _Chosen, settings: Settings) -> Iterator[Validated]:
    """Every file below a folder, in the order of names; links are not followed."""
    ignore = [(compile_glob(item.match), item.reason) for item in settings.ignore]
    pending = [""]
    while pending:
        below = pending.pop()
        try:
            with os.scandir(f"{real}/{below}" if below else real) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield Validated(f"{folder}/{below}" if below else folder, error=f"unreadable: {error.strerror or error}")
            continue
        folders = []
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            shown = f"{folder.rstrip('/')}/{path}"
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
                continue
            relative = places.relative(f"{real}/{path}", real)
            reason = _ignored(entry, relative, ignore, settings)
            if reason:
                yield Validated(shown, ignored=reason)
            else:
                yield _one(shown, f"{real}/{path}", relative, chosen, settings)
        pending += reversed(folders)


def _ignored(
    entry: os.DirEntry[str], relative: str, ignore: list[tuple[Callable[[str], bool], str]], settings: Settings
) -> str:
    if not entry.is_file(follow_symlinks=False):
        return "a link" if entry.is_symlink() else "no regular file"
    reason = next((reason for matches, reason in ignore if matches(relative)), "")
    if reason or entry.name == settings.sidecar.name:
        return reason
    suffix = os.path.splitext(entry.name)[1].lower()
    return "" if suffix in settings.suffixes else f"unknown suffix {suffix}".rstrip()


def _one(path: str, real: str, relative: str, chosen: _Chosen, settings: Settings) -> Validated:
    """The verdict on one file, streamed where it is large."""
    sidecar = os.path.basename(real) == settings.sidecar.name
    found = chosen.find(relative, is_sidecar=sidecar)
    if found is None:
        return Validated(path, ignored="sidecar") if sidecar else Validated(path, error=_NO_RULE)
    rule, judge = found
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return Validated(path, error=f"unreadable: {error.strerror or error}")
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return Validated(path, error="it is no regular file")
        suffix = os.path.splitext(real)[1].lower()
        if facts.st_size > settings.limits.whole_file_bytes:
            verdict = judge.judge_stream(rule, lambda size: os.read(descriptor, size), suffix)
        else:
            verdict = judge.judge_bytes(rule, _read_all(descriptor, facts.st_size), suffix)
    except OSError as error:
        return Validated(path, error=f"unreadable: {error.strerror or error}")
    finally:
        os.close(descriptor)
    return Validated(path, verdict, rule.name, warnings_fail=settings.fail_on_warning)


def _read_all(descriptor: int, size: int) -> bytes:
    """The whole file, also where it grows meanwhile."""
    parts = []
    while part := os.read(descriptor, size + 1):
        parts.append(part)
    return b"".join(parts)
