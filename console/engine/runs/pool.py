"""Worker processes: they read, judge and stage; they never rename, never write the ledger, never hold the lock.

Forked before the lock is taken, so that they cannot inherit its descriptor; killed by the kernel when their
parent dies (PR_SET_PDEATHSIG, prctl(2)). Nothing that parses releases the GIL, hence processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import mmap
import os
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from console.engine.workspace.shared import open_shared

_PR_SET_PDEATHSIG = 1
_PIPE = 1 << 20  # bytes; what an unprivileged process may ask for (pipe(7), /proc/sys/fs/pipe-max-size)
_SMALL = 1 << 18  # bytes of a pipe below which a worker has one task at a time: sending another might block
_LOAD = 24.0  # weight of the tasks a worker has in hand and waiting: it never idles while a batch is committed

Handler = Callable[[Any], Any]


class TaskError(Exception):
    """A task raised; the text says what, the traceback is in the run's stderr file."""


class WorkerDied(Exception):
    """The worker that had this task was killed twice (out of memory, or a crash of a library)."""


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _pipe() -> tuple[Connection, Connection]:
    """A one-way pipe (reader, writer) that holds as much as it may."""
    reader, writer = Pipe(duplex=False)
    with contextlib.suppress(OSError):
        fcntl.fcntl(writer.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
    return reader, writer


def _serve(
    tasks: Connection, answers: Connection, make_handler: Callable[[], Handler], parent: int, stop: mmap.mmap
) -> None:
    """A worker's life: receive a task, handle it, send the answer; ends with its parent or when the pipe closes."""
    _die_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent decides what a signal means
    os.umask(0)  # what is staged takes its folder's mode
    handler = make_handler()
    gc.collect()
    gc.freeze()
    gc.disable()  # records are trees without cycles; the collector would only walk them
    handled = 0
    while True:
        try:
            task = pickle.loads(tasks.recv_bytes())
        except (EOFError, OSError):
            return
        answer: tuple[bool | None, Any]
        try:
            answer = (None, None) if stop[0] else (True, handler(task))
        except Exception as error:  # noqa: BLE001 - it is sent to the parent, which records and reports it
            traceback.print_exc()  # standard error is the run's own file
            answer = (False, f"{type(error).__name__}: {error}")
        try:
            answers.send_bytes(pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL))
        except OSError:  # the parent has closed the pipe: the run is over
            return
        handled += 1
        if handled % 256 == 0:
            gc.collect()


class _Worker:
    answers: Connection
    _tasks: Connection

    def __init__(self, make_handler: Callable[[], Handler], others: list[_Worker], stop: mmap.mmap) -> None:
        task_reader, self._tasks = _pipe()
        self.answers, answer_writer = _pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                for other in [*others, self]:  # or a pipe would stay open when the parent closes it
                    other.answers.close()
                    other._tasks.close()
                _serve(task_reader, answer_writer, make_handler, parent, stop)
                status = 0
            except BaseException:  # noqa: BLE001 - the process ends here; its stderr is the run's
                traceback.print_exc()
            finally:
                os._exit(status)
        task_reader.close()
        answer_writer.close()
        self.tasks: deque[tuple[int, Any]] = deque()  # in hand and waiting, oldest first
        self._sizes: deque[tuple[float, int]] = deque()  # their weights and bytes
        self._load, self._bytes = 0.0, 0
        size = fcntl.fcntl(self._tasks.fileno(), fcntl.F_GETPIPE_SZ)  # another user's pipes may have left us little
        self._asked = size // 2 if size >= _SMALL else 0  # bytes of tasks on their way: sending never blocks

    @property
    def wants(self) -> bool:
        """Whether it can be given another task without ever blocking the parent."""
        return not self.tasks or (self._load < _LOAD and self._bytes < self._asked)

    def send(self, entry: tuple[int, Any], weight: float) -> None:
        data = pickle.dumps(entry[1], protocol=pickle.HIGHEST_PROTOCOL)
        self.tasks.append(entry)
        self._sizes.append((weight, len(data)))
        self._load += weight
        self._bytes += len(data)
        try:
            self._tasks.send_bytes(data)
        except OSError:  # it has died, or will never get this: either way it is noticed when its answer is awaited
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def receive(self) -> tuple[Any, bool | None, Any]:
        """The oldest task, whether it was handled (None: not begun), and the answer.

        Raises EOFError or OSError when it died.
        """
        good, answer = pickle.loads(self.answers.recv_bytes())
        weight, size = self._sizes.popleft()
        self._load -= weight
        self._bytes -= size
        return self.tasks.popleft()[1], good, answer

    def close(self, *, kill: bool) -> None:
        self._tasks.close()
        self.answers.close()
        if kill:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Pool:
    """`size` worker processes. make_handler runs once in each and returns what handles a task."""

    def __init__(self, size: int, make_handler: Callable[[], Handler]) -> None:
        self._make_handler = make_handler
        self._workers: list[_Worker] = []
        self.before_fork: Callable[[], None] = lambda: None  # a thread of the owner comes to rest, or the child hangs
        self._stop = mmap.mmap(-1, 1)  # shared with the workers: set, they begin nothing more
        for _ in range(max(1, size)):
            self._workers.append(_Worker(make_handler, self._workers, self._stop))

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    def run(
        self,
        tasks: Iterator[Any],
        *,
        tick: Callable[[], bool],
        seconds: float = 0.5,
        weigh: Callable[[Any], float] = lambda task: 1.0,
    ) -> Iterator[tuple[Any, Any | TaskError | WorkerDied]]:
        """Answers as they come, as (task, answer).

        `tick` is called at least every `seconds`; True ends it after the tasks in hand.

        weigh: how much a task is, 1.0 for about a hundredth of a second; a worker gets some 24 of them in advance.
        A task whose worker died is tried once more in a fresh worker, then answered with WorkerDied.
        """
        numbered = enumerate(tasks)
        tried: set[int] = set()
        again: deque[tuple[int, Any]] = deque()
        feeding = True
        self._stop[0] = 0
        while True:
            feeding = self._feed(numbered, again, weigh) if feeding else False
            busy = {worker.answers: worker for worker in self._workers if worker.tasks}
            if not busy:
                return
            for ready in wait(list(busy), timeout=seconds):
                worker = busy[ready]  # type: ignore[index]
                try:
                    task, good, answer = worker.receive()
                except (EOFError, OSError):
                    yield from self._replace(worker, tried, again)
                    feeding = feeding or bool(again)
                    continue
                if good is not None:
                    yield task, answer if good else TaskError(answer)
            if tick():
                self._stop[0] = 1
                feeding = False
                again.clear()

    def _feed(
        self, numbered: Iterator[tuple[int, Any]], again: deque[tuple[int, Any]], weigh: Callable[[Any], float]
    ) -> bool:
        """Give every worker what it can take, turn by turn. False when there is nothing left to give."""
        hungry = [worker for worker in self._workers if worker.wants]
        while hungry:
            for worker in list(hungry):
                entry = again.popleft() if again else next(numbered, None)
                if entry is None:
                    return False
                worker.send(entry, weigh(entry[1]))
                if not worker.wants:
                    hungry.remove(worker)
        return True

    def _replace(
        self, worker: _Worker, tried: set[int], again: deque[tuple[int, Any]]
    ) -> Iterator[tuple[Any, WorkerDied]]:
        """A fresh worker for one that died; only the task it had in hand counts as tried."""
        first, *rest = worker.tasks
        worker.close(kill=True)
        place = self._workers.index(worker)
        del self._workers[place]
        self.before_fork()
        self._workers.insert(place, _Worker(self._make_handler, self._workers, self._stop))
        again.extend(rest)
        if first[0] in tried:
            yield first[1], WorkerDied("the process that read it died twice")
        else:
            tried.add(first[0])
            again.appendleft(first)

    def close(self, *, kill: bool = False) -> None:
        for worker in self._workers:
            worker.close(kill=kill)
        self._workers.clear()


def divert_stderr(path: Path) -> None:
    """A worker's tracebacks go to the run's file, never to the terminal of a foreground run."""
    try:
        descriptor = open_shared(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, 2)


def close_lock(path: str) -> None:
    """A worker that replaces a dead one is forked while the lock is held: it lets go of the descriptor."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}") == path:
                os.close(int(name))
        except OSError:
            continue
