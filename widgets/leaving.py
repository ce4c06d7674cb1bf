"""Hang-up, termination, a terminal that went away: leave cleanly, and never leave the terminal in our mode. For the
console and for every demo.

Textual's driver handles none of these. Exit statuses 129 and 143 are 128 + the signal's number, as shells say it.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading
from collections.abc import Callable

LEAVE_SECONDS = 5.0  # a thread that does not end in this time does not keep the app


def install(leave: Callable[[int], None]) -> None:
    """Call `leave(exit status)` on SIGHUP, SIGTERM, and when the terminal on standard input hangs up.

    To be called on the event loop's thread. SIGHUP that nohup ignores is caught by the watch on the terminal: else
    Textual's reader would spin on end of file.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGTERM):
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        loop.add_signal_handler(number, leave, 128 + number)

    def gone() -> None:
        try:
            loop.call_soon_threadsafe(leave, 128 + signal.SIGHUP)
        except RuntimeError:  # the loop has ended already
            pass

    threading.Thread(target=_wait_for_hangup, args=(gone,), name="hangup", daemon=True).start()


def _wait_for_hangup(gone: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(0, 0)  # no event asked for: only hang-up and error are reported, and nothing wakes us before
    while True:
        if any(flags & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, flags in poll.poll()):
            gone()
            return


def leave_for_certain(status: Callable[[], int]) -> None:
    """Start the clock after which this process ends whatever its threads do. Called once leaving has begun."""

    def end() -> None:
        os._exit(status())

    timer = threading.Timer(LEAVE_SECONDS, end)
    timer.daemon = True
    timer.start()
