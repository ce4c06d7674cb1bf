"""Work in a process of its own: judging or reading much holds Python's lock, and a console must answer keys meanwhile.

`ask` runs in a thread of the console and starts `python -m console.tui.helper`; both speak pickles over pipes: the
request in, then ("progress", …) again and again and ("alive",) in between, and last ("answer", what), ("error", what,
file, untouched, next step) or ("crash", text).
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from console.engine.context import Context, open_context
from console.engine.errors import EngineError

PROGRESS_SECONDS = 0.3
_PR_SET_PDEATHSIG = 1

Tell = Callable[..., None]


def ask(
    ctx: Context, job: str, *given: object, progress: Callable[..., None], cancelled: Callable[[], bool]
) -> Any | None:
    """The answer of JOBS[job]; None when cancelled() became true. progress(…) a few times a second.

    Raises EngineError as the job does, RuntimeError with the helper's traceback when that crashed.
    """
    request = pickle.dumps((str(ctx.workspace.root), ctx.settings.path, job, given))
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "console.tui.helper"],
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


def _listen(stream: IO[bytes], progress: Callable[..., None], cancelled: Callable[[], bool]) -> Any | None:
    while not cancelled():
        try:
            kind, *rest = pickle.load(stream)
        except EOFError:
            raise RuntimeError("the process that does it ended without an answer") from None
        if kind == "progress":
            progress(*rest)
        elif kind == "answer":
            return rest[0]
        elif kind == "error":
            what, file, untouched, next_step = rest
            raise EngineError(what, file=file, untouched=untouched, next_step=next_step)
        elif kind == "crash":
            raise RuntimeError(rest[0])
    return None


# ── in the helper ─────────────────────────────────────────────────────────────────────────────────────────────────


def _judge(ctx: Context, tell: Tell, params: Any) -> object:
    from console.engine.actions.migrate.plan import plan_migrate

    return plan_migrate(ctx, params, depth="full", progress=tell)


def _adopt(ctx: Context, tell: Tell) -> object:
    from console.engine.actions.adopt.plan import plan_adopt

    return plan_adopt(ctx, progress=tell)


def _leave(ctx: Context, tell: Tell) -> object:
    from console.engine.actions.leave.plan import plan_leave

    return plan_leave(ctx)


def _changes(ctx: Context, tell: Tell, action: str, params: Any) -> object:
    from console.engine.actions.planning import plan_action

    return plan_action(ctx, action, params, progress=tell)


def _state_file(ctx: Context, tell: Tell) -> object:
    from console.engine.observe.state_file import look_at_state_file

    return look_at_state_file(ctx)


def _by_hand(ctx: Context, tell: Tell) -> object:
    from console.engine.observe.hand_alerts import hand_alerts, look_by_hand

    return hand_alerts(look_by_hand(ctx))


def _rules(ctx: Context, tell: Tell) -> object:
    from console.engine.checks.alerts.look import SLOW, look

    return look(ctx, SLOW).readings


UNASKED = ("by hand", "rules")  # nobody waits for them: whatever somebody asks for goes first
JOBS: dict[str, Callable[..., object]] = {
    "judge": _judge,
    "adopt": _adopt,
    "leave": _leave,
    "changes": _changes,
    "state file": _state_file,
    "by hand": _by_hand,
    "rules": _rules,
}


class _Voice:
    """What the helper says. It is heard from every now and then, so that whoever listens can think again."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._turn = threading.Lock()
        self._last = 0.0

    def say(self, *message: object) -> None:
        with self._turn:
            pickle.dump(message, self._out)
            self._out.flush()

    def progress(self, *done: object) -> None:
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._last = time.monotonic()
            self.say("progress", *done)

    def breathe(self) -> None:
        with suppress(OSError, ValueError):
            while True:
                time.sleep(PROGRESS_SECONDS)
                self.say("alive")


def main() -> None:
    """The helper's life: one request, its answer. Ends with its console."""
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(5)
    if os.getppid() != parent:
        return
    voice = _Voice(sys.stdout.buffer)
    threading.Thread(target=voice.breathe, name="alive", daemon=True).start()
    try:
        root, config, job, given = pickle.load(sys.stdin.buffer)
        if job in UNASKED:
            os.nice(5)
        ctx = open_context(root, config, read_only=True)
        voice.say("answer", JOBS[job](ctx, voice.progress, *given))
    except EngineError as error:
        voice.say("error", error.what, error.file, error.untouched, error.next_step)
    except BrokenPipeError:
        return
    except Exception:  # noqa: BLE001 - the console shows it; here is nobody to
        voice.say("crash", traceback.format_exc())


if __name__ == "__main__":
    main()
