"""The judge: bytes and a rule in, a verdict out. Fast where all is well, exact and talkative where it is not."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import orjson

from console.engine.environment import Environment
from console.engine.records.csv_file import read_csv
from console.engine.records.events import Batch, Broken, Event, Unreadable
from console.engine.records.json_file import parse, read_json
from console.engine.records.jsonl_file import read_json_lines
from console.engine.records.model import RecordError, Verdict
from console.engine.records.proof import proven
from console.engine.records.quality import QualityChecks, wanted
from console.engine.records.reading import CHUNK, Reading, begin
from console.engine.records.rules import Rule, RuleSet
from console.engine.records.schema_errors import causes_of, errors_of
from console.engine.records.schemas import Compiled
from console.engine.records.tally import NO_RECORDS, Tally
from console.engine.records.window import Window
from console.engine.records.words import EXCERPT_SHOWN, as_json, cause_in_words
from console.engine.settings.model import Settings

_BLOCK = 64  # records looked at together where one of a batch fails
_CACHED = 4096  # verdicts of small good files that are shared
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}  # every other suffix is JSON


def format_of(suffix: str) -> str:
    """json, jsonl or csv, by a file's suffix (`.JSON` too)."""
    return _FORMATS.get(suffix.lower(), "json")


class Judge:
    """Judges files by the rules of one rule set. Cheap to call; holds compiled schemas and nothing of any file.

    now: the clock, asked only where a rule looks for dates in the future; by default the environment's.
    chunk: bytes parsed at once.
    """

    def __init__(
        self,
        rules: RuleSet,
        settings: Settings,
        *,
        now: Callable[[], datetime] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._reading = Reading.of(settings, chunk)
        self._kept = settings.limits.failing_records_kept
        self._now = now or (lambda: Environment().now())
        self._whole = 2 * self._reading.chunk
        self._shared: dict[tuple[str, int, bool], Verdict] = {}

    def judge_bytes(self, rule: Rule, data: bytes, suffix: str) -> Verdict:
        """The verdict on a whole file in memory. suffix: the file's, such as `.json`."""
        if len(data) <= self._whole and suffix == ".json" and not wanted(rule.setting.quality):
            verdict = self._at_once(rule, data)
            if verdict is not None:
                return verdict
        return self.judge_stream(rule, io.BytesIO(data).read, suffix)

    def judge_stream(self, rule: Rule, read: Callable[[int], bytes], suffix: str) -> Verdict:
        """The verdict on what `read(n)` gives, at most n bytes a call and b'' at the end.

        Reads to the end always, whatever is wrong, and keeps no more than a few records in memory.
        """
        # Records make no circles, and they are many: looking for circles would take longer than parsing them.
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._verdict(rule, Window(read), format_of(suffix))
        finally:
            if collecting:
                gc.enable()

    def _verdict(self, rule: Rule, window: Window, format: str) -> Verdict:
        tally = Tally(format, self._kept)
        quality = self._quality(rule)
        for event in self.events(rule, window, format):
            if isinstance(event, Batch):
                self._judge(rule, event, tally, quality)
            elif isinstance(event, Unreadable):
                tally.records += 1
                tally.fail(tally.records, event.line, event.excerpt, event.errors)
            elif isinstance(event, Broken):
                tally.fail(0, event.line, "", (event.error,))
            else:
                tally.tell(event)
            del event  # the records of one batch go before those of the next are read
        window.drain()
        return tally.verdict(rule.setting.formats)

    def _at_once(self, rule: Rule, data: bytes) -> Verdict | None:
        """The verdict on a small JSON file in which all is well; None: somebody has to look closer."""
        text = data.strip()
        document = parse(text)
        records = document
        if document.__class__ is not list or rule.pointer:
            if document is orjson.JSONDecodeError:
                return None
            records = _at(document, rule.pointer) if rule.pointer else [document]
            if records is None:
                return None
        if not rule.compiled.all_valid(records):
            return None
        reading = self._reading
        # Around a list at a pointer a key named twice always matters: which list would be meant?
        twice = reading.duplicates != "off" or bool(rule.pointer)
        if not proven(text, document, duplicates=twice, nesting=reading.nesting):
            return None
        key = (rule.fingerprint, len(records), rule.setting.formats)
        verdict = self._shared.get(key)
        if verdict is None:
            notes = () if records else (NO_RECORDS,)
            verdict = Verdict(True, "json", len(records), notes=notes, formats_asserted=rule.setting.formats)
            if len(self._shared) < _CACHED:
                self._shared[key] = verdict
        return verdict

    def events(self, rule: Rule, window: Window, format: str) -> Iterator[Event]:
        """What a file holds, unjudged: batches of records and what is wrong with the text, in the file's order."""
        for event in begin(window):
            yield event
            if isinstance(event, Broken):
                return
        if format == "csv":
            yield from read_csv(window, self._reading, rule.numbers)
        elif format == "jsonl":
            yield from read_json_lines(window, self._reading)
        else:
            yield from read_json(window, self._reading, rule.pointer)

    def _quality(self, rule: Rule) -> QualityChecks | None:
        setting = rule.setting
        if not wanted(setting.quality):
            return None
        required = rule.compiled.required_by_schema | frozenset(setting.required)
        return QualityChecks(setting.quality, required, self._now)

    def _judge(self, rule: Rule, batch: Batch, tally: Tally, quality: QualityChecks | None) -> None:
        """Judge a batch: all at once, and one by one only where that fails."""
        records, compiled = batch.records, rule.compiled
        first = tally.records + 1
        tally.records += len(records)
        failing: Iterator[int] = iter(())
        if not compiled.all_valid(records):
            failing = _failing(compiled, records)
        if quality is None:
            for index in failing:
                self._fail(rule, batch, index, first + index, tally, ())
            return
        bad = set(failing)
        for index, record in enumerate(records):
            found = quality.look(record)
            errors = tuple(error for severity, error in found if severity == "error")
            for severity, error in found:
                if severity != "error":
                    tally.warn(_warning(error), 1)
            if errors or index in bad:
                self._fail(rule, batch, index, first + index, tally, errors)

    def _fail(
        self, rule: Rule, batch: Batch, index: int, number: int, tally: Tally, further: tuple[RecordError, ...]
    ) -> None:
        record = batch.records[index]
        if not tally.keeps:
            causes = causes_of(rule, record)
            for error in further:
                causes[error.cause] = causes.get(error.cause, 0) + 1
            tally.count(causes)
            return
        errors = (*errors_of(rule, record), *further)
        tally.fail(number, batch.line_of(index), as_json(record, EXCERPT_SHOWN), errors)


def _failing(compiled: Compiled, records: list[Any]) -> Iterator[int]:
    """Places of the records that are not valid; blocks that are have cost hardly more than once."""
    for start in range(0, len(records), _BLOCK):
        block = records[start : start + _BLOCK]
        if not compiled.all_valid(block):
            yield from (start + index for index, record in enumerate(block) if not compiled.valid(record))


def _warning(error: RecordError) -> str:
    """A quality rule's warning without the value, so that records group."""
    return cause_in_words(error.cause)


def _at(document: Any, pointer: tuple[str, ...]) -> list[Any] | None:
    """The list at a JSON Pointer; None where there is none."""
    for part in pointer:
        if document.__class__ is dict and part in document:
            document = document[part]
        elif document.__class__ is list and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document if document.__class__ is list else None
