"""`opsconsole keys`: what the terminal sends for each key, and what the console makes of it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from console.cli.session import given

if TYPE_CHECKING:
    from console.tui.keymap import Reading
    from console.tui.sequences import Sequences

CTRL_C = "\x03"
SENT = 18  # columns for the bytes
ESCAPE_SECONDS = 0.6  # as the console waits for what may follow Esc; ESCDELAY says another, in ms
# What the console asks the terminal for, in its order: mouse, focus, paste, the protocol that tells all keys apart.
_MOUSE = ("\x1b[?1000h\x1b[?1006h", "\x1b[?1000l\x1b[?1006l")
_OTHERS = ("\x1b[?1004h\x1b[?2004h\x1b[>25u", "\x1b[<u\x1b[?2004l\x1b[?1004l")


class _Left(Exception):
    """A signal asked us to end."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number


@click.command("keys")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
def command(no_mouse: bool) -> int:
    """Show what the terminal sends for each key, and what the console does with it.

    For terminals that keep keys for themselves, and lines that split them. q ends it, and so does Ctrl+C twice.

    \b
    Examples:
      opsconsole keys
      opsconsole keys --no-mouse
    """
    from console.cli.output import note, out
    from console.engine.errors import EXIT_USAGE

    if sys.stdin is None or not (sys.stdin.isatty() and out().terminal):
        note().line("keys shows what a terminal sends for each key, and this is none: start it in one, without pipes.")
        return EXIT_USAGE
    try:
        with _raw(mouse=not (no_mouse or given("no_mouse"))):
            _show(mouse=not (no_mouse or given("no_mouse")))
    except _Left as left:
        return left.status
    return 0


# ── the terminal ──────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _raw(mouse: bool) -> Iterator[None]:
    """Keys as they come, unechoed, in the modes that the console asks for; all put back whatever ends it."""
    smart = os.environ.get("TERM", "") not in ("", "dumb")
    modes = [_OTHERS, *([_MOUSE] if mouse else [])] if smart else []
    before = termios.tcgetattr(0)
    raw = termios.tcgetattr(0)
    raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    handlers = _end_by_signal()
    try:
        termios.tcsetattr(0, termios.TCSADRAIN, raw)
        _write("".join(on for on, _ in modes))
        yield
    finally:
        for number in handlers:  # while we tidy up no signal may end us half way
            signal.signal(number, signal.SIG_IGN)
        with suppress(OSError, termios.error):  # the terminal may be gone
            _write("".join(off for _, off in reversed(modes)))
        with suppress(OSError, termios.error):
            termios.tcsetattr(0, termios.TCSAFLUSH, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end_by_signal() -> dict[int, Callable[[int, FrameType | None], Any] | int | None]:
    """Handlers that end us in good order; what was ignored (`nohup`) stays ignored. What was there before."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise _Left(number)

    wanted = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in wanted}
    for number in wanted:
        if before[number] != signal.SIG_IGN:
            signal.signal(number, leave)
    return {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}


def _write(text: str) -> None:
    sys.stdout.flush()
    if text:
        os.write(1, text.encode("ascii"))


# ── what comes, and what it is ────────────────────────────────────────────────────────────────────────────────────


def _show(mouse: bool) -> None:
    """Show each piece until q or Ctrl+C twice, or until the terminal has nothing more."""
    from console.cli.output import out
    from console.tui.sequences import GNU_SCREEN, WHO_ARE_YOU, may_be_screen

    term = os.environ.get("TERM", "")
    out().line(f"TERM={term or '(not set)'}. Press keys; q ends, and so does Ctrl+C twice.")
    out().line(("dim", f"{'sent':<{SENT}}  {'key':<21}  in the console"))
    reading = _reading()
    before = ""
    if mouse and may_be_screen(os.environ):
        _write(WHO_ARE_YOU)
    for piece, names, split in _pieces(reading):
        if piece.startswith(GNU_SCREEN):
            _write(_MOUSE[1])
            names = [("GNU screen", "the mouse is off, here and in the console: while on, screen holds Esc back")]
        elif piece.startswith("\x1b[>") and piece.endswith("c"):
            continue  # another terminal's answer to the same question
        key = names[0][0] if names else ""
        _show_piece(piece, names, split, known=reading is not None)
        if key == "q" or piece == "q" or before == key == "ctrl+c" or before == piece == CTRL_C:
            return
        before = piece if piece == CTRL_C else key


def _reading() -> Reading | None:
    """The console's own parser and bindings; None where they cannot be loaded: then bytes are shown alone."""
    try:
        from console.tui.keymap import Reading
    except ImportError:
        return None
    return Reading()


def _pieces(reading: Reading | None) -> Iterator[tuple[str, list[tuple[str, str]], str]]:
    """(what came, what the console makes of it, how it was split); ends with the terminal."""
    import codecs

    from console.tui.sequences import Sequences

    delay = os.environ.get("ESCDELAY", "")
    sequences = Sequences(int(delay) / 1000 if delay.isdigit() and int(delay) else ESCAPE_SECONDS)
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    reads: list[float] = []
    pasted: list[str] = []
    while True:
        text = _read(sequences, decode)
        now = time.monotonic()
        if text == "":
            return
        if text is None:
            pieces = sequences.expire(now)
        else:
            reads.append(now)
            pieces = sequences.feed(text, now)
        split = f"came in {len(reads)} parts within {reads[-1] - reads[0]:.1f} s" if len(reads) > 1 else ""
        for piece in _whole_pastes(pieces, pasted):
            clean = piece.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            yield piece, _messages(reading, clean), split
            split = ""
        if pieces or sequences.due is None:
            reads.clear()


def _read(sequences: Sequences, decode: Callable[[bytes], str]) -> str | None:
    """What was sent; None when it is time to look at what is held back; '' when the terminal is gone."""
    while True:
        wait = None if sequences.due is None else max(0.0, sequences.due - time.monotonic())
        if not select.select([0], [], [], wait)[0]:
            return None
        try:
            data = os.read(0, 4096)
        except OSError:
            return ""
        text = decode(data)
        if text or not data:  # else: the first byte of a longer character
            return text


def _whole_pastes(pieces: list[str], pasted: list[str]) -> Iterator[str]:
    """Pieces, a paste as one; pasted: what there is of one that has not ended."""
    from console.tui.sequences import PASTE_BEGINS, PASTE_ENDS

    for piece in pieces:
        if pasted or piece == PASTE_BEGINS:
            pasted.append(piece)
            if piece != PASTE_ENDS:
                continue
            piece = "".join(pasted)
            pasted.clear()
        yield piece


def _messages(reading: Reading | None, piece: str) -> list[tuple[str, str]]:
    from console.tui.sequences import PASTE_BEGINS

    if reading is None:
        return []
    if piece.startswith(PASTE_BEGINS):
        return [(f"a paste, {len(piece) - 12} long", "text for the field one is in")]
    return reading.of(piece)


def _show_piece(piece: str, names: list[tuple[str, str]], split: str, *, known: bool) -> None:
    from console.cli.output import fit, out

    sent = "".join(
        chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else "\\\\" if byte == 0x5C else f"\\x{byte:02x}"
        for byte in piece.encode("utf-8", "surrogateescape")
    )
    if not names:
        names = [("nothing" if known else "", "the console does not know it" if known else "")]
    room = max(20, shutil.get_terminal_size().columns - 43)
    for name, does in names:
        words = textwrap.wrap("; ".join(part for part in (does, split) if part), room) or [""]
        out().line(f"{fit(sent, SENT):<{SENT}}  {name:<21}  {words[0]}".rstrip())
        for more in words[1:]:
            out().line(" " * (SENT + 25) + more)
        sent, split = "", ""
    sys.stdout.flush()
