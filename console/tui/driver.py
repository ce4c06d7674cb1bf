"""The terminal as the console uses it: Textual's driver, with input cut into whole sequences, and a mouse that can be
switched. What it overrides is private to Textual, which is pinned for that.
"""

from __future__ import annotations

import os
import select
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable

from textual import constants, events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from console.tui.sequences import ESC, GNU_SCREEN, WHO_ARE_YOU, Sequences, may_be_screen

LOOK_SECONDS = 0.1  # how often the reader looks whether it is to end


class WholeParser(XTermParser):
    """Textual's parser, fed one whole piece at a time: it never has to wait for more."""

    def whole(self, piece: str) -> list[Message]:
        """What one piece of `Sequences` is. What Textual does not know is nothing, not a row of keys."""
        if piece == ESC:
            return [events.Key("escape", ESC)]
        if len(piece) == 2 and piece[0] == ESC and not isinstance(ANSI_SEQUENCES_KEYS.get(piece), tuple):
            return [events.Key(f"alt+{piece[1]}", None)]  # Textual would type the sign that a Mac has there
        messages = list(self.feed(piece))
        if self._timeout_time is not None:  # it waits for more, and there is no more
            self._timeout_time = 0.0
            list(self.tick())
            return []
        if piece.startswith("\x1b[") and piece.endswith("~"):  # never text, whatever number Textual finds a letter for
            return [message for message in messages if not (isinstance(message, events.Key) and message.is_printable)]
        return messages


class ConsoleDriver(LinuxDriver):
    """LinuxDriver for slow lines, with a mouse that can be off from the start.

    in_screen: the terminal is GNU screen, which keeps an Esc to itself until the next key comes while the mouse is
    reported (measured with 4.09): no dialog could be left. So the mouse is off there until somebody asks for it.
    """

    in_screen = False
    _asked = False

    @property
    def mouse(self) -> bool:
        """Whether the terminal is asked to report the mouse."""
        return self._mouse

    def set_mouse(self, on: bool) -> None:
        """Mouse reports on or off, here and when the console comes back from the shell."""
        if on:
            self._mouse = True
            self._enable_mouse_support()
        else:
            self._disable_mouse_support()
            self._mouse = False

    def run_input_thread(self) -> None:
        """Read until asked to end; every message in the order in which its last byte came."""
        decode = getincrementaldecoder("utf-8")("replace").decode
        sequences, parser = Sequences(constants.ESCAPE_DELAY), WholeParser(self._debug)

        def handle(pieces: Iterable[str]) -> None:
            for piece in pieces:
                if piece.startswith(GNU_SCREEN) and not self.in_screen:
                    self.in_screen = True
                    self.set_mouse(False)
                for message in parser.whole(piece):
                    self.process_message(message)

        if self._mouse and not self._asked and may_be_screen(os.environ):
            self._asked = True
            self.write(WHO_ARE_YOU)
            self.flush()
        while not self.exit_event.is_set():
            begun, due = time.monotonic(), sequences.due
            wait = LOOK_SECONDS if due is None else min(LOOK_SECONDS, max(0.0, due - begun))
            if select.select([self.fileno], [], [], wait)[0]:
                handle(sequences.feed(decode(os.read(self.fileno, 4096)), time.monotonic()))
            else:  # by the clock as it was: a process that was held up meanwhile has not looked since
                handle(sequences.expire(begun + wait))
