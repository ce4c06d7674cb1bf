"""A full plan in a process of its own: judging holds Python's lock, and a console must answer keys meanwhile.

`judge` runs in a thread of the console and starts `python -m console.tui.planner`; both speak pickles over pipes:
the request in, then ("progress", done, total) …, and last ("plan", Plan), ("error", what, file, untouched,
next step) or ("crash", text).
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from console.engine.context import Context, open_context
from console.engine.errors import EngineError
from console.engine.model import MigrateParams, Plan

PROGRESS_SECONDS = 0.3
_PR_SET_PDEATHSIG = 1


def judge(
    ctx: Context,
    params: MigrateParams,
    *,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> Plan | None:
    """The full plan; None when cancelled() became true. progress(files done, files in all) a few times a second.

    Raises EngineError as plan_migrate does, RuntimeError with the helper's traceback when that crashed.
    """
    request = pickle.dumps((str(ctx.workspace.root), ctx.settings.path, params))
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "console.tui.planner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(request)
            process.stdin.close()
            return _listen(process.stdout, progress, cancelled)
        finally:
            process.kill()


def _listen(stream: IO[bytes], progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> Plan | None:
    while not cancelled():
        try:
            kind, *rest = pickle.load(stream)
        except EOFError:
            raise RuntimeError("the process that judges ended without an answer") from None
        if kind == "progress":
            progress(*rest)
        elif kind == "plan":
            plan: Plan = rest[0]
            return plan
        elif kind == "error":
            what, file, untouched, next_step = rest
            raise EngineError(what, file=file, untouched=untouched, next_step=next_step)
        elif kind == "crash":
            raise RuntimeError(rest[0])
    return None


def main() -> None:
    """The helper's life: one request, its answer. Ends with its console."""
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(5)
    if os.getppid() != parent:
        return
    out = sys.stdout.buffer
    last = 0.0

    def send(*message: object) -> None:
        pickle.dump(message, out)
        out.flush()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            send("progress", done, total)

    try:
        root, config, params = pickle.load(sys.stdin.buffer)
        from console.engine.actions.migrate.plan import plan_migrate

        ctx = open_context(root, config, read_only=True)
        send("plan", plan_migrate(ctx, params, depth="full", progress=progress))
    except EngineError as error:
        send("error", error.what, error.file, error.untouched, error.next_step)
    except BrokenPipeError:
        return
    except Exception:  # noqa: BLE001 - the console shows it; here is nobody to
        send("crash", traceback.format_exc())


if __name__ == "__main__":
    main()
