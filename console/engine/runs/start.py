"""Starting a run: in a process of its own, which outlives its starter, or in the foreground."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from console.engine import errors
from console.engine.actions.registry import find_action, not_yet
from console.engine.context import Context
from console.engine.errors import EngineError, NotStartedError, ReadOnlyError, UsageError
from console.engine.model import ActionParams, Plan
from console.engine.runs.request import Request, make_private, new_run_id
from console.engine.runs.reserve import make_room
from console.engine.runs.session import ends_with_session
from console.engine.text import recordable
from console.engine.workspace.people import why_not
from console.engine.workspace.shared import open_shared

if TYPE_CHECKING:
    from console.engine.actions.change.model import ChangePlan


@dataclass(slots=True)
class StartedRun:
    """A run that has taken the lock. done_fd: reads to its end when the run's process ends; the caller closes it."""

    run_id: str
    pid: int
    done_fd: int
    process: subprocess.Popen[bytes]


@contextmanager
def told_plainly() -> Iterator[None]:
    """What the system refuses before there is a run, in the operator's words."""
    try:
        yield
    except OSError as error:
        from console.engine.transfer.filesystem import in_words

        place = error.filename if isinstance(error.filename, str) else ""
        reason = why_not(place, os.W_OK) if place else ""
        raise NotStartedError(
            f"the run could not start: {reason or in_words(error)}",
            untouched="everything",
            next_step="free some room, or have the folder made writable, and try again",
        ) from error


def _request(
    ctx: Context,
    action: str,
    params: ActionParams,
    overrides: dict[str, str],
    command: str,
    plan: Plan | ChangePlan | None,
) -> Request:
    found = find_action(action)
    if not found.available:
        raise UsageError(not_yet(found))
    if ctx.read_only:
        raise ReadOnlyError("this session is read-only", untouched="everything", next_step="start without --read-only")
    run = new_run_id(ctx, action)
    if isinstance(plan, Plan):  # files are read when they are changed in any case; these are bound one by one
        _keep_confirmed(ctx, run, plan)
    who = asdict(ctx.env.who)
    return Request(run, action, asdict(params), command, overrides, plan.binding if plan else None, who)


def _keep_confirmed(ctx: Context, run: str, plan: Plan) -> None:
    """The files of a confirmed plan with the identities they had, for the run to hold on to."""
    import orjson  # here and below: a starter that has no use for it does not wait for it

    folder = make_private(ctx, run)
    with open(open_shared(folder / "confirmed.jsonl", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        for item in plan.items:
            document = {
                "path": recordable(item.path),
                **asdict(item.identity),
            }
            file.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))


def start_run(
    ctx: Context,
    action: str,
    params: ActionParams,
    *,
    overrides: dict[str, str] | None = None,
    command: str = "",
    plan: Plan | ChangePlan | None = None,
) -> StartedRun:
    """Start a run in its own session and return when it has taken the lock.

    plan: a confirmed plan; the run then does exactly that or refuses. Raises LockedError, ConfigurationError,
    ReadOnlyError, RefusedError, EngineError as the run process says them.
    """
    with told_plainly():
        request = _request(ctx, action, params, overrides or {}, command, plan)
        make_room(ctx, action)
        folder = make_private(ctx, request.run)
    reader, writer = os.pipe()
    # -P: a folder `console` in the workspace must not be imported instead of ours
    argv = [sys.executable, "-P", "-m", "console.engine.runs.process", "--root", str(ctx.workspace.root)]
    argv += ["--config", ctx.settings.path, "--run", request.run, "--action", action, "--notify", str(writer)]
    try:
        with open(open_shared(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as stderr:
            process = subprocess.Popen(
                [*_outlive_session(), *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=ctx.workspace.root,
                start_new_session=True,
                pass_fds=(writer,),
            )
    except OSError as error:
        from console.engine.transfer.filesystem import in_words

        os.close(reader)
        raise NotStartedError(
            f"the run could not start: {in_words(error)}",
            untouched="everything",
            next_step="put that right and try again: free some room, where the disk is full",
        ) from error
    finally:
        os.close(writer)
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(asdict(request)).encode())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it ended before it read: what it says on the pipe tells why
    first = _first_line(reader)
    if "run" in first:
        return StartedRun(first["run"], first["pid"], reader, process)
    os.close(reader)
    process.wait()
    if not (folder / "stderr").stat().st_size:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
    raise _error(first, folder.relative_to(ctx.workspace.root))


def _first_line(reader: int) -> dict[str, Any]:
    data = b""
    while b"\n" not in data:
        chunk = os.read(reader, 65536)
        if not chunk:
            break
        data += chunk
    line = data.partition(b"\n")[0]
    document: dict[str, Any] = json.loads(line) if line else {}
    return document


def _error(document: dict[str, Any], folder: object) -> EngineError:
    """The run process's error, as the class it was there."""
    kind = getattr(errors, document.get("error", ""), EngineError)
    if not document:
        return EngineError(
            "the run ended before it could start",
            file=f"{folder}/stderr",
            untouched="everything",
            next_step="read that file",
        )
    fields = {name: document.get(name, "") for name in ("file", "untouched", "next_step")}
    if kind in (errors.ConfigurationError, errors.MirrorError):
        fields.pop("untouched")
    error: EngineError = kind(document["what"], **fields)
    return error


def run_foreground(
    ctx: Context,
    action: str,
    params: ActionParams,
    *,
    overrides: dict[str, str] | None = None,
    command: str = "",
    plan: Plan | ChangePlan | None = None,
    started: Any = None,
) -> int:
    """The same run in this process, for systemd and containers. Returns the exit status; raises as `start_run`.

    started(run_id): called once the lock is taken.
    """
    from console.engine.runs.process import run_request  # all of the engine: not what a starter waits for

    with told_plainly():
        request = _request(ctx, action, params, overrides or {}, command, plan)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    umask = os.umask(0o002)
    try:
        with told_plainly():
            return run_request(ctx, request, lambda document: started(document["run"]) if started else None)
    finally:
        os.umask(umask)
        for number, handler in kept.items():
            signal.signal(number, handler)


def _outlive_session() -> list[str]:
    """What to put before the command so that it lives on where logind would end it."""
    if not ends_with_session():
        return []
    import shutil

    if shutil.which("systemd-run"):
        return ["systemd-run", "--user", "--scope", "--quiet", "--collect"]
    return []
