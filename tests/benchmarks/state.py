"""The State pane on a ledger of a million files: shown, paged, filtered, grouped; and the console's memory."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.benchmarks.console import latency
from tests.benchmarks.corpora import PRODUCT
from tests.benchmarks.measure import BenchError, Ratio, spread
from tests.benchmarks.migrate import Sizes
from tests.benchmarks.report import Report
from tests.benchmarks.terminal import Terminal

FILES, FAILED = 1_000_000, 40_000
QUICK_FILES, QUICK_FAILED = 20_000, 4_000
PAGE_DOWN, PAGE_UP, END, HOME, ESCAPE = "\x1b[6~", "\x1b[5~", "\x1b[F", "\x1b[H", "\x1b"
LINE_START, PASTE, PASTED = "\x1b[1;2H", "\x1b[200~", "\x1b[201~"  # the first selects what was typed
# All files have it, thousands, a hundred, one, none. Capitals to be found whatever their case.
FILTERS = ("data", "src123", "PART-00000", "part-0000007", "zzzz")
# The last letter changes what is listed: from one folder to another, from ten files to one, from none to none.
LAST_LETTERS = ("src123", "part-0000007", "zzzz")
NOWHERE = "qqqq"


def _floor(ledger: Path, text: str) -> float:
    """Seconds of SQLite alone: one look at every path, nothing around it."""
    began = time.perf_counter()
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro&immutable=1", uri=True)) as connection:
        connection.execute("SELECT count(*) FROM files WHERE path LIKE ?", [f"%{text}%"]).fetchone()
    return time.perf_counter() - began


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _memory(pid: int) -> float:
    """Peak resident MiB of a process; VmHWM of proc(5)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(report: Report, ground: Path, sizes: Sizes) -> None:
    from tests.support.large_ledger import make_large

    quick = sizes.rounds < 3
    files, failed = (QUICK_FILES, QUICK_FAILED) if quick else (FILES, FAILED)
    report.title(f"State pane, 120x40, {files:,} files, {failed:,} of them failing")
    root = make_large(ground / "state", files, failed)
    _engine(report, root, sizes)
    terminal = Terminal([*PRODUCT, "--root", str(root)], root)
    try:
        terminal.until(lambda text: "Last run" in text and "Migrate" in text, "the first frame")
        terminal.settle()
        _pane(report, terminal)
        _until_alone(terminal)
        _filter(report, terminal, root / ".opsconsole/ledger.sqlite", sizes)
        _causes(report, terminal)
        report.target("console, peak memory, MiB", f"{_memory(terminal.pid):.0f}", _memory(terminal.pid), 110, " MiB")
    finally:
        terminal.close()


def _engine(report: Report, root: Path, sizes: Sizes) -> None:
    """The lists alone, in CPU seconds beside the bare query: what another process does meanwhile does not count."""
    from console.engine.context import open_context
    from console.engine.observe.files_page import FileQuery, Listing

    ctx = open_context(root, read_only=True)
    ledger = ctx.workspace.ledger
    for text in FILTERS:
        ours, theirs = [], []
        for _ in range(sizes.rounds):
            theirs.append(_cpu(partial(_floor, ledger, text)))
            firsts: list[float] = []
            listing, began = Listing(ctx, FileQuery(filter=text)), time.process_time()

            def shown(it: Listing, firsts: list[float] = firsts, began: float = began) -> None:
                firsts.append(time.process_time() - began)

            listing.survey(shown)
            ours.append(firsts[0])
        ratio = Ratio.of(ours, theirs)
        words = f"filter {text!r} ({listing.count:,} hits), first rows"
        report.figure(f"{words}, CPU s", spread(ours, 3))
        if listing.count > 10_000 or ledger.stat().st_size < 100e6:
            report.figure("  / SELECT count(*) … LIKE", str(ratio))  # few files: the overhead is all there is
        else:
            report.target("  / SELECT count(*) … LIKE", str(ratio), ratio.median, 1.6)
    for order in ("errors", "at"):
        listing = Listing(ctx, FileQuery(order=order, descending=True))
        report.figure(f"in the order of {order}, CPU s", f"{_cpu(listing.survey):.2f}")
        report.figure("  a page from its middle, CPU s", f"{_cpu(partial(listing.rows, listing.count // 2, 50)):.4f}")


def _timed(terminal: Terminal, keys: str, shows: Callable[[str], bool], what: str) -> float:
    return latency(terminal, keys, shows, what, draw_after=0.3)  # all that is measured here comes sooner


def _cursor(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith("▸")), "")


def _pane(report: Report, terminal: Terminal) -> None:
    """Clock and CPU: what another process does meanwhile counts for the one and not for the other."""
    cpu = terminal.cpu(children=False)  # a look that began with the console may end at this moment
    # the CPU until then: behind it the list is still counted
    took = latency(terminal, "3", lambda text: "part-" in _cursor(text), "the State pane", draw_after=0)
    cpu = terminal.cpu(children=False) - cpu
    report.goal("pane asked for until its rows are shown, seconds", f"{took:.3f}", took, 0.2, " s")
    report.target("  CPU seconds of the console", f"{cpu:.2f}", cpu, 0.2, " s")
    terminal.settle()
    waits = []
    keys = (PAGE_DOWN, PAGE_DOWN, PAGE_DOWN, PAGE_UP, PAGE_UP, END, PAGE_UP, PAGE_UP, PAGE_DOWN, HOME)
    cpu = terminal.cpu()
    for key in keys:
        before = _cursor(terminal.text())

        def moved(text: str, before: str = before) -> bool:
            return "part-" in _cursor(text) and _cursor(text) != before

        waits.append(_timed(terminal, key, moved, "another page"))
        terminal.settle(0.3)
    cpu = (terminal.cpu() - cpu) / len(keys)
    report.goal("page up, down, first, last: median seconds", spread(waits, 3), statistics.median(waits), 0.05, " s")
    report.target("  CPU seconds of the console for each", f"{cpu:.3f}", cpu, 0.05, " s")


def _until_alone(terminal: Terminal, seconds: float = 120) -> None:
    """Until the look for hand edits, which every console takes at its start in a process of its own, has ended: two
    threads of a filter and that process do not fit on two cores."""
    end = time.perf_counter() + seconds
    while Path(f"/proc/{terminal.pid}/task/{terminal.pid}/children").read_text().strip():
        if time.perf_counter() > end:
            raise BenchError(f"a process of the console still runs after {seconds} s")
        terminal.read(0.2)


def _shows(text: str) -> Callable[[str], bool]:
    """Whether a page shows the hits of a text, or says that there are none."""

    def there(page: str) -> bool:
        found = next((line for line in page.splitlines() if ".json" in line), "")  # not what stands in the field
        if not found:
            return f"no path here holds {text!r}" in page
        return f"/{text}" in page and (text.lower() in found.lower() or text == "data")

    return there


def _filter(report: Report, terminal: Terminal, ledger: Path, sizes: Sizes) -> None:
    """Where nothing was listed before, so that no letter has prepared anything; then by the last letter."""
    for text in FILTERS:
        _filtered(report, terminal, ledger, sizes, text, NOWHERE, LINE_START, f"{PASTE}{text}{PASTED}", "pasted")
    for text in LAST_LETTERS:
        _filtered(report, terminal, ledger, sizes, text, text[:-1], "", text[-1], "its last letter")


def _filtered(
    report: Report,
    terminal: Terminal,
    ledger: Path,
    sizes: Sizes,
    text: str,
    before: str,
    prepare: str,
    keys: str,
    how: str,
) -> None:
    took, floors = list[float](), list[float]()
    shows = _shows(text)
    for _ in range(sizes.rounds):
        terminal.send("/")
        terminal.settle(0.3)
        terminal.send(before + prepare)
        terminal.settle(1.0)
        if shows(terminal.text()):
            raise BenchError(f"{text!r} is shown before it was asked for:\n{terminal.text()}")
        floors.append(_floor(ledger, text))
        took.append(_timed(terminal, keys, shows, f"hits of {text}"))
        terminal.settle(0.5)
        terminal.send(ESCAPE)
        terminal.settle(1.0)
    median = statistics.median(took)
    report.goal(f"filter {text!r}, {how}, until hits are shown, seconds", spread(took, 3), median, 0.15, " s")
    if sizes.rounds >= 3:
        ratio = Ratio.of(took, floors)
        report.target("  / SQLite alone looks at every path", str(ratio), ratio.median, 1.5)


def _causes(report: Report, terminal: Terminal) -> None:
    took = _timed(terminal, "c", lambda text: "3 causes" in text, "the causes")
    report.figure("from all failed files to their three causes, seconds", f"{took:.3f}")
