"""A scan of the workspace's folders: how much lies where, counted by processes of its own while others look at it.

The processes (disk_walker) do what is slow; here what they find is put together, and folders are dealt out so that
none of them waits. Files are only looked at, links are not followed, and another file system is not entered unless
a zone lies there.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from marshal import loads
from pathlib import Path
from typing import Any

from console.engine.context import Context
from console.engine.errors import EngineError
from console.engine.observe import disk_walker
from console.engine.observe.disk_tree import ROOT, FolderTree
from console.engine.observe.files_list import timestamp
from console.engine.workspace.layout import below

TURN_SECONDS = 0.05  # of a portion, before its rest is dealt out anew
SHORT_SECONDS = 0.005  # while somebody has nothing to do
PORTION = 256  # folders
MOVED_SECONDS = 0.25  # between two calls of `moved`
_LOOK_SECONDS = 0.1  # how often at least `cancelled` is asked

_Task = tuple[int, str, int, list[str] | None]  # folder, path, device, names


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    descriptor: int
    unread: bytearray = field(default_factory=bytearray)
    tasks: list[_Task] | None = None  # what it is at; None: it has nothing to do
    made: list[tuple[int, str]] = field(default_factory=list)  # folders of its records, with their paths


class DiskScan:
    """One scan; `tree` grows while `run` is at work in a thread, and may be read meanwhile.

    root: where the tree begins; by default the workspace, with the zones that lie outside of it beside its folders.
    workers: processes; 0: as many as cores, at least two and at most eight. nice: how much they give way to others.
    """

    def __init__(self, ctx: Context, root: str = "", *, workers: int = 0, nice: int = 0) -> None:
        self._env = ctx.env
        self.tree = FolderTree(root or str(ctx.workspace.root))
        places = zone_places(ctx)
        self._outer = {} if root else _outside(str(ctx.workspace.root), places)
        self._enter = frozenset(_with_those_above(places.values()))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._count = workers or min(8, max(2, cores))
        self._nice = nice
        self._workers: list[_Worker] = []
        self._queue: list[_Task] = []
        self._cancelled = False

    def cancel(self) -> None:
        """From any thread: end at once. What was found stays."""
        self._cancelled = True
        for worker in self._workers:
            worker.process.kill()

    def run(self, *, cancelled: Callable[[], bool] = lambda: False, moved: Callable[[], None] = lambda: None) -> bool:
        """Scan to the end; whether that was reached. moved: called a few times a second, the first time soon.

        Raises EngineError where the root cannot be looked at, or a process of it ended by itself.
        """
        began = self._env.monotonic()
        self._begin()
        try:
            for _ in range(self._count):
                self._workers.append(self._start())
            self._listen(cancelled, moved)
        finally:
            for worker in self._workers:
                _end(worker)
        if self._cancelled:
            return False
        self.tree.finished(timestamp(self._env.now()), self._env.monotonic() - began)
        return True

    def _begin(self) -> None:
        root = self.tree.root
        try:
            device = os.stat(root).st_dev
        except OSError as error:
            raise EngineError(f"the folder cannot be looked at: {error.strerror}", file=root) from error
        self._queue = [(ROOT, root, device, None)]
        for name, path in self._outer.items():
            try:
                device = os.stat(path).st_dev
            except OSError:
                continue  # `disk.zone_disks` says so
            self._queue.append((self.tree.add(ROOT, name, path), path, device, None))

    def _start(self) -> _Worker:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(disk_walker.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # a ctrl+c is ours to answer
        )
        assert process.stdin is not None and process.stdout is not None
        worker = _Worker(process, process.stdout.fileno())
        self._write(worker, tuple(self._enter), self._nice)
        return worker

    @staticmethod
    def _write(worker: _Worker, *message: object) -> None:
        assert worker.process.stdin is not None
        try:
            disk_walker.write_message(worker.process.stdin, *message)  # type: ignore[arg-type]
        except OSError:
            pass  # it has ended; its output says so

    def _listen(self, cancelled: Callable[[], bool], moved: Callable[[], None]) -> None:
        poll = select.poll()
        by_descriptor = {worker.descriptor: worker for worker in self._workers}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        next_moved = 0.0
        self._deal()
        while any(worker.tasks is not None for worker in self._workers):
            ready = poll.poll(_LOOK_SECONDS * 1000)
            if self._cancelled or cancelled():
                self.cancel()
                return
            for descriptor, _ in ready:
                self._take(by_descriptor[descriptor])
            self._deal()
            now = self._env.monotonic()
            if now >= next_moved and len(self.tree) > 1:
                moved()
                # summing up a large tree takes a while: never more than a tenth of the time
                after = self._env.monotonic()
                next_moved = after + max(MOVED_SECONDS, 10 * (after - now))

    def _deal(self) -> None:
        """Give every process that has nothing to do its part of what waits."""
        free = [worker for worker in self._workers if worker.tasks is None]
        while free and self._queue:
            worker = free.pop()
            share = min(PORTION, -(-len(self._queue) // (len(free) + 1)))
            tasks = self._queue[-share:]
            del self._queue[-share:]
            scarce = bool(free) and not self._queue
            worker.tasks, worker.made = tasks, []
            seconds = SHORT_SECONDS if scarce or len(self._queue) < len(self._workers) else TURN_SECONDS
            self._write(worker, seconds, [task[1:] for task in tasks])

    def _take(self, worker: _Worker) -> None:
        """Read what a process says."""
        data = os.read(worker.descriptor, 1 << 20)
        if not data:
            if self._cancelled:
                return
            raise EngineError("a process that counts folders has ended by itself", next_step="scan again")
        unread = worker.unread
        unread += data
        while len(unread) >= 4:
            end = 4 + int.from_bytes(unread[:4], "little")
            if len(unread) < end:
                break
            records, left, hungry = loads(memoryview(unread)[4:end])
            del unread[:end]
            self._merge(worker, records, left)
            if hungry:
                worker.tasks = None

    def _merge(self, worker: _Worker, records: list[Any], left: list[Any]) -> None:
        tree, tasks, made = self.tree, worker.tasks, worker.made
        assert tasks is not None
        for which, name, blocks, size, files, newest, problem, links in records:
            folder, path = tasks[which][:2] if which >= 0 else made[-which - 1]
            if name is not None:
                folder = tree.add(folder, name)
                path = f"{path}/{name}" if path != "/" else f"/{name}"
            made.append((folder, path))
            tree.count(folder, blocks, size, files, newest, problem)
            if links:
                for link in links:
                    tree.link(folder, *link)
        for which, name, device, names in left:
            folder, path = tasks[which][:2] if which >= 0 else made[-which - 1]
            if name is not None:
                folder = tree.add(folder, name)
                path = f"{path}/{name}" if path != "/" else f"/{name}"
            self._queue.append((folder, path, device, names))


def _end(worker: _Worker) -> None:
    """Let it go without waiting for it: one that hangs in a dead file system cannot be ended."""
    process = worker.process
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        pass


def zone_places(ctx: Context) -> dict[str, str]:
    """Where each zone, the logs and our own folder really lie: name -> absolute path, links resolved."""
    zones = ctx.settings.zones
    named = {name: getattr(zones, name) for name in zones.__dataclass_fields__}
    named |= {"logs": ctx.settings.log_dir, "ledger": ".opsconsole"}
    return {name: os.path.realpath(ctx.workspace.root / place) for name, place in named.items()}


def _outside(root: str, places: dict[str, str]) -> dict[str, str]:
    """The zones that do not lie below the root, nor below each other."""
    outer = {name: path for name, path in places.items() if not below(path, root)}
    return {
        name: path
        for name, path in outer.items()
        if not any(path != other and below(path, other) for other in outer.values())
        and not any(path == outer[earlier] for earlier in list(outer)[: list(outer).index(name)])
    }


def _with_those_above(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        while path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return found
