"""What a worker process does with a group: read, judge, hash and stage each file from the same bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from typing import NamedTuple

from console.engine.actions.migrate.model import Candidate, Facts, Group, Staged, facts_of
from console.engine.environment import Failpoints
from console.engine.errors import EngineError
from console.engine.records.judge import Judge
from console.engine.records.model import Verdict
from console.engine.records.rules import Rule, RuleSet
from console.engine.settings import Settings
from console.engine.transfer.filesystem import is_full
from console.engine.transfer.publish import hash_file
from console.engine.transfer.stage import Folders, part_name, remove_if_empty, write_all
from console.engine.transfer.way import Way

_TRIES = 3  # a source that changes while it is read is read again this often
_PAUSE = 0.05  # seconds between two tries: a writer that appends gets time to finish
_TRUST_NS = 50_000_000  # a file younger than this when it was read could change again within one clock tick
_CHUNK = 1 << 20
_NO_FACTS = Facts()


class Changing(Exception):
    """The file was not the same before and after it was read."""


class _Read(NamedTuple):
    identity: tuple[int, int, int]
    sha256: str
    verdict: Verdict | None
    data: bytes | None  # None: streamed into `part` already
    made: list[str]
    dest_identity: tuple[int, int, int]


def _identity(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


class Stager:
    """Reads, judges and stages the files of one run; lives in one worker process."""

    def __init__(self, root: str, settings: Settings, rules: RuleSet, run: str, failpoints: Failpoints) -> None:
        self._folders = Folders(os.path.join(root, settings.zones.validated))
        self._settings, self._rules, self._run = settings, rules, run
        self._judge = Judge(rules, settings)
        self._failpoints = failpoints
        self._source = Way(os.path.join(root, settings.zones.raw))

    def group(self, group: Group, strict: bool) -> list[Staged]:
        """All candidates of a folder, then its sidecar. strict: a confirmed plan, identities must be the plan's."""
        answers: list[Staged] = []
        publishes = group.sidecar_alone
        for candidate in group.candidates:
            answer = self._guarded(candidate, self._data, strict)
            answers.append(answer)
            if answer.kind == "full":
                return answers
            publishes = publishes or answer.kind in ("staged", "revalidated", "unchanged")
        if group.sidecar is not None and publishes:
            answer = self._guarded(group.sidecar, self._sidecar, strict)
            answers.append(answer._replace(kind="sidecar-left") if answer.kind == "unreadable" else answer)
        return answers

    def _guarded(self, candidate: Candidate, work: Callable[[Candidate, bool], Staged], strict: bool) -> Staged:
        """`work`, with what the system refuses turned into an answer about this file."""
        try:
            return work(candidate, strict)
        except OSError as error:
            self._drop_part(candidate.path)
            kind = "full" if is_full(error) else "unreadable"
            where = f" ({error.filename})" if error.filename else ""
            return Staged(candidate.path, kind, *candidate[2:5], reason=f"{error.strerror or error}{where}")
        except EngineError as error:
            return Staged(candidate.path, "unreadable", *candidate[2:5], reason=error.what)

    def _drop_part(self, path: str) -> None:
        """What was staged of a file that is not answered as staged."""
        try:
            os.unlink(self._part_path(path))
        except OSError:
            return

    # --- reading ---------------------------------------------------------------------------------------

    def _open(self, candidate: Candidate) -> int:
        """The file, reached without following a link."""
        folder, _, name = candidate.path.rpartition("/")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        return os.open(name, flags, dir_fd=self._source.open(folder))

    def _read(self, candidate: Candidate, rule: Rule | None, suffix: str) -> _Read:
        """The file's bytes, judged and hashed; a large one goes into its part file on the way. Raises Changing."""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE)
            read: _Read | None = None
            data = b""
            descriptor = self._open(candidate)
            try:
                facts = os.fstat(descriptor)
                if not stat.S_ISREG(facts.st_mode):
                    raise EngineError("it is no longer a regular file")
                before = _identity(facts)
                if before[0] > self._settings.limits.whole_file_bytes and rule is not None:
                    read = self._stream(descriptor, candidate, rule, suffix, before)
                else:
                    data = _read_all(descriptor, before[0])
                after = _identity(os.fstat(descriptor))
            finally:
                os.close(descriptor)
            if before == after and read is not None:
                return read
            if before == after and len(data) == before[0]:
                verdict = None if rule is None else self._judge.judge_bytes(rule, data, suffix)
                return _Read(before, hashlib.sha256(data).hexdigest(), verdict, data, [], (0, 0, 0))
            if read is not None:
                self._discard(candidate, read)
        raise Changing

    def _stream(
        self, descriptor: int, candidate: Candidate, rule: Rule, suffix: str, before: tuple[int, int, int]
    ) -> _Read:
        """Judge, hash and stage in one pass of constant memory."""
        made: list[str] = []
        digest = hashlib.sha256()
        part = self._create(candidate.path, made)

        def read(size: int) -> bytes:
            chunk = os.read(descriptor, min(size, _CHUNK) if size > 0 else _CHUNK)
            digest.update(chunk)
            write_all(part, chunk)
            return chunk

        try:
            verdict = self._judge.judge_stream(rule, read, suffix)
            while read(_CHUNK):
                pass
            facts = _identity(os.fstat(part))
        except BaseException:
            self._discard(candidate, _Read(before, "", None, None, made, (0, 0, 0)))
            raise
        finally:
            os.close(part)
        return _Read(before, digest.hexdigest(), verdict, None, made, facts)

    def _discard(self, candidate: Candidate, read: _Read) -> None:
        if read.data is None:
            try:
                os.unlink(self._part_path(candidate.path))
            except FileNotFoundError:
                pass
            self._folders.close()
            remove_if_empty(self._folders.zone, read.made)

    # --- staging ---------------------------------------------------------------------------------------

    def _part(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        part = part_name(name, self._run)
        return f"{folder}/{part}" if folder else part

    def _part_path(self, path: str) -> str:
        return f"{self._folders.zone}/{self._part(path)}"

    def _create(self, path: str, made: list[str]) -> int:
        folder, _, name = path.rpartition("/")
        self._folders.open_making(folder, made)
        part = part_name(name, self._run)
        try:
            return self._folders.create(part)
        except FileExistsError:  # ours: a worker of this run died over it
            os.unlink(self._part_path(path))
            return self._folders.create(part)

    def _write(self, path: str, data: bytes, made: list[str]) -> tuple[int, int, int]:
        descriptor = self._create(path, made)
        try:
            write_all(descriptor, data)
            return _identity(os.fstat(descriptor))
        except BaseException:
            os.unlink(self._part_path(path))
            raise
        finally:
            os.close(descriptor)

    def _standing(self, candidate: Candidate, made: list[str]) -> tuple[str, tuple[int, int, int]]:
        """SHA-256 and identity of what stands at the destination; '' for nothing. Makes its folder: `made`."""
        folder, _, name = candidate.path.rpartition("/")
        descriptor = self._folders.open_making(folder, made)
        if self._folders.fresh:
            return "", (0, 0, 0)
        try:
            facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return "", (0, 0, 0)
        path = f"{self._folders.zone}/{candidate.path}"
        if stat.S_ISDIR(facts.st_mode):
            raise EngineError("a folder stands where this file would be published", file=path)
        if stat.S_ISLNK(facts.st_mode):
            return "link", _identity(facts)
        if candidate.known_dest == _identity(facts) and candidate.known_sha256:
            return candidate.known_sha256, _identity(facts)
        return hash_file(path), _identity(facts)

    def _data(self, candidate: Candidate, strict: bool) -> Staged:
        path = candidate.path
        try:
            path.encode()
        except UnicodeEncodeError:
            return Staged(path, "failed", *candidate[2:5], reason="the file name is not UTF-8: give it a new name")
        rule = self._rules.rule_for(path)
        if rule is None:
            return Staged(path, "failed", *candidate[2:5], reason="no rule of the configuration matches it any more")
        try:
            read = self._read(candidate, rule, os.path.splitext(path)[1].lower())
        except Changing:
            return Staged(path, "changed-while-read", *candidate[2:5], reason="it changes while it is read")
        if strict and read.identity != candidate[2:5]:
            self._discard(candidate, read)
            return Staged(path, "changed-since-plan", *read.identity, reason="it changed after the plan was made")
        return self._judged(candidate, read)

    def _judged(self, candidate: Candidate, read: _Read) -> Staged:
        """A file that was read: refuse, revalidate or stage it."""
        verdict = read.verdict
        assert verdict is not None
        size, mtime_ns, inode = read.identity
        facts = facts_of(verdict)
        if time.time_ns() - mtime_ns < _TRUST_NS:
            inode = -1
        answer = Staged(candidate.path, "", size, mtime_ns, inode, read.sha256, facts)
        if candidate.known_sha256:
            if (why := _damage(candidate, read)) != "":
                self._discard(candidate, read)
                return answer._replace(kind="damaged", reason=why)
            moved = candidate.status == "changed" and candidate.known_identity not in (None, read.identity)
            if candidate.known_sha256 == read.sha256 and (moved or candidate.status == "check"):  # it stands there
                self._discard(candidate, read)
                return answer._replace(kind="unchanged")
        if not verdict.ok or (self._settings.fail_on_warning and verdict.warnings):
            self._discard(candidate, read)
            reason = verdict.reason() or _first_warning(verdict)
            return answer._replace(kind="failed", reason=reason, verdict=verdict)
        made = read.made
        standing, dest_identity = self._standing(candidate, made)
        if standing == read.sha256:
            self._discard(candidate, read)
            return answer._replace(kind="revalidated", dest_identity=dest_identity, replaces=standing)
        identity = read.dest_identity if read.data is None else self._write(candidate.path, read.data, made)
        self._failpoints.reach("stage.written")
        said = (size, mtime_ns, inode, read.sha256, facts, None)
        return Staged(candidate.path, "staged", *said, self._part(candidate.path), identity, standing, tuple(made))

    def _sidecar(self, candidate: Candidate, strict: bool) -> Staged:
        """A sidecar travels as it is; what its own schema says of it is kept as a problem, not a failure.

        strict: no matter here, it goes with its data.
        """
        if candidate.size > self._settings.limits.record_bytes:
            return Staged(candidate.path, "unreadable", *candidate[2:5], reason="larger than a record may be")
        try:
            read = self._read(candidate, None, ".json")
        except Changing:
            return Staged(candidate.path, "unreadable", *candidate[2:5], reason="it changes while it is read")
        assert read.data is not None
        if (why := _damage(candidate, read)) != "":
            return Staged(candidate.path, "unreadable", *candidate[2:5], reason=why)
        problem = ""
        if self._rules.sidecar is not None:
            verdict = self._judge.judge_bytes(self._rules.sidecar, read.data, ".json")
            problem = verdict.reason()
        made: list[str] = []
        standing, identity = self._standing(candidate, made)
        part = ""
        if standing != read.sha256:
            identity = self._write(candidate.path, read.data, made)
            part = self._part(candidate.path)
        said = (*read.identity, read.sha256, _NO_FACTS, None)
        return Staged(candidate.path, "sidecar", *said, part, identity, standing, tuple(made), "", problem)


def _damage(candidate: Candidate, read: _Read) -> str:
    """Why a file is not to be believed: the same one as at first sight, and other bytes. '' where that is not so."""
    if not candidate.known_sha256 or candidate.known_sha256 == read.sha256 or candidate.known_identity != read.identity:
        return ""
    return (
        f"Checksum mismatch: the ledger has {candidate.known_sha256}, the file now {read.sha256} at the same size,"
        " time and inode; it is not published, its published copy stays"
    )


def _first_warning(verdict: Verdict) -> str:
    text, records = verdict.warnings[0]
    return f"warnings count as errors: {text} ({records})"


def _read_all(descriptor: int, size: int) -> bytes:
    """Up to one byte more than `size`, so that a file that grows is noticed."""
    first = os.read(descriptor, size + 1)
    if len(first) >= size:
        return first
    chunks = [first]
    while len(first) and (chunk := os.read(descriptor, size + 1)):
        chunks.append(chunk)
    return b"".join(chunks)
