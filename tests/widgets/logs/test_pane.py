"""The log pane through its keys, on real files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import ComposeResult

from console.engine.observe.logs import LogFile
from tests.widgets.logs.demo import Demo, log_file, until
from widgets.logs import LogPane
from widgets.logs.chooser import LogChooser
from widgets.logs.feed import LogFeed
from widgets.pager import Pager

HEAD = "2025-10-30 14:25:12 - migration"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "migration.log"
    lines = [
        f"{HEAD} - {'ERROR' if n % 50 == 0 else 'WARNING' if n % 25 == 0 else 'INFO'} - number {n}"
        for n in range(1, 1001)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def append(path: Path, *lines: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def shows(app: Demo, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in app.screen_lines())


async def test_opens_at_the_end_and_follows(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        assert app.screen_lines()[-1] == f"✗ {HEAD} - ERROR - number 1000"
        assert "● following" in app.bar() and "[all]" in app.bar()
        assert "line 1,000 of 1,000  100 % of" in app.foot()
        append(log, f"{HEAD} - INFO - fresh")
        await until(pilot, shows(app, "fresh"))
        assert "line 1,001 of 1,001" in app.foot()


async def test_moving_up_pauses_and_the_end_follows_again(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await pilot.press("up", "up")
        await until(pilot, lambda: "paused" in app.bar())
        assert "line 999 of 1,000" in app.foot()
        append(log, "a", "b", "c")
        await until(pilot, lambda: "paused, 3 new" in app.bar())
        assert app.screen_lines()[-1].endswith("number 1000")
        await pilot.press("pageup")
        await until(pilot, shows(app, "number 958"))
        await pilot.press("g")
        await until(pilot, lambda: app.screen_lines()[0].endswith("number 1"))
        assert "line 1 of 1,003" in app.foot()
        await pilot.press("G")
        await until(pilot, lambda: app.screen_lines()[-1] == "  c" and "following" in app.bar())
        await pilot.press("f")
        await until(pilot, lambda: "paused" in app.bar())
        await pilot.press("down")
        await until(pilot, lambda: "following" in app.bar())
        following = [said.following for said in app.said if isinstance(said, LogPane.FollowChanged)]
        assert following == [False, True, False, True]


async def test_level_filter(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await pilot.press("l", "l")
        await until(pilot, lambda: app.screen_lines()[0] == f"! {HEAD} - WARNING - number 475")
        assert "[warning+]" in app.bar()
        await pilot.press("l")
        await until(pilot, lambda: all("WARNING" not in line for line in app.screen_lines()))
        append(log, f"{HEAD} - INFO - hidden", f"{HEAD} - ERROR - shown", "  and its traceback")
        await until(pilot, shows(app, "and its traceback"))
        assert not shows(app, "hidden")()
        await pilot.press("L")
        await until(pilot, shows(app, "hidden"))


async def test_nothing_of_that_level_is_said(tmp_path: Path) -> None:
    path = tmp_path / "quiet.log"
    path.write_text(f"{HEAD} - INFO - fine\n")
    app = Demo([log_file(path)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "fine"))
        await pilot.press("l", "l", "l")
        await until(pilot, shows(app, "no record of level error or above"))


async def test_search_next_and_previous(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await pilot.press("slash", *"number 5", "enter")
        await until(pilot, lambda: "line 599 of 1,000" in app.foot())  # upwards from the end
        assert "text number 5" in app.foot()
        await pilot.press("N")
        await until(pilot, lambda: "line 598 of 1,000" in app.foot())
        await pilot.press("g")
        await until(pilot, lambda: "line 1 of 1,000" in app.foot())
        await pilot.press("n")
        await until(pilot, lambda: "line 5 of 1,000" in app.foot())
        await pilot.press("G")
        await until(pilot, lambda: "following" in app.bar())
        await pilot.press("f")
        await until(pilot, lambda: "paused" in app.bar())
        await pilot.press("n")
        await until(pilot, lambda: "no match below" in app.foot())
        await pilot.press("escape")
        await until(pilot, lambda: "text number" not in app.foot())


async def test_an_expression_is_compiled_as_it_is_typed(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await pilot.press("slash", "ctrl+r", *"(num")
        await until(pilot, lambda: "missing ), unterminated subpattern at column 1" in app.bar())
        await pilot.press("enter")  # refused, what was typed stays
        await until(pilot, lambda: "find expression" in app.bar())
        await pilot.press(*"ber) 77$", "enter")
        await until(pilot, lambda: "line 77 of 1,000" in app.foot())
        await pilot.press("q", "slash", "escape")
        await until(pilot, lambda: "find" not in app.bar())
        assert "expression (number) 77$" in app.foot()


async def test_letters_typed_into_the_search_do_nothing_else(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await pilot.press("slash", *"flnoeGgw")
        await until(pilot, lambda: "find text" in app.bar())
        await pilot.press("escape")
        await until(pilot, lambda: "● following" in app.bar() and "[all]" in app.bar())


async def test_next_error(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await pilot.press("e")
        await until(pilot, lambda: "line 1,000 of 1,000" in app.foot() and "paused" in app.bar())
        await pilot.press("E")
        await until(pilot, lambda: "line 950 of 1,000" in app.foot())
        await pilot.press("e")
        await until(pilot, lambda: "line 1,000 of 1,000" in app.foot())
        await pilot.press("e")
        await until(pilot, lambda: "no error below" in app.foot())


async def test_one_record_laid_out(tmp_path: Path) -> None:
    path = tmp_path / "migration.json"
    record = {"level": "ERROR", "message": "[@click=app.quit]x\x1b]52;c;aGk=\x07", "errors": [{"line": 3}]}
    path.write_text(json.dumps(record) + "\n")
    app = Demo([log_file(path, "structured")])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "level"))
        await pilot.press("enter")
        pager = app.query_one(Pager)
        await until(pilot, lambda: bool(pager.display and pager.lines))
        text = [line.replace("\u00a0", " ") for line, _ in pager.lines]
        assert text[0].startswith("level error, ")
        assert '  "message": "[@click=app.quit]x\\u001b]52;c;aGk=\\u0007",' in text
        assert '      "line": 3' in text
        await pilot.press("escape")
        await until(pilot, lambda: not pager.display)
        await pilot.press("g")
        await until(pilot, lambda: "line 1 of 1" in app.foot())


async def test_another_log_is_chosen(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "migration.json"
    other.write_text('{"level": "INFO", "message": "structured"}\n')
    app = Demo([log_file(log), log_file(other, "structured")])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await pilot.press("o")
        await until(pilot, lambda: bool(app.query_one(LogChooser).display))
        await pilot.press("down", "enter")
        await until(pilot, shows(app, "structured"))
        assert "migration.json" in app.bar()


async def test_a_run_is_shown_in_the_structured_log(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "migration.json"
    other.write_text("".join(f'{{"level": "INFO", "run": "run-{n}", "n": {n}}}\n' for n in range(300)))
    own = tmp_path / "stderr"
    own.write_text("boom\n")
    app = Demo([log_file(log), log_file(other, "structured"), log_file(own, "stderr", run="run-x")])
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.show_run("run-77")
        await until(pilot, lambda: "line 78 of 300" in app.foot())
        app.files.pop(1)
        app.pane.show_run("run-x")
        await until(pilot, shows(app, "boom"))
        app.files.clear()
        app.pane.show_run("run-y\x1b")
        await until(pilot, lambda: any(isinstance(said, LogPane.Problem) for said in app.said))
        (problem,) = (said for said in app.said if isinstance(said, LogPane.Problem))
        assert problem.text == "no log names run run-y␛"


async def test_asked_before_it_is_on_the_screen(log: Path, tmp_path: Path) -> None:
    own = tmp_path / "stderr"
    own.write_text("boom\n")

    class Later(Demo):
        def compose(self) -> ComposeResult:
            pane = LogPane(lambda: self.files)
            pane.show_run("run-x")
            yield pane

    app = Later([log_file(log), log_file(own, "stderr", run="run-x")])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "boom"))
        assert "stderr" in app.bar()


async def test_long_lines_sideways_and_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("x" * 100 + "MIDDLE" + "y" * 100 + "\n" + "z" * 1_000_000 + "\n")
    app = Demo([log_file(path)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "zzz"))
        assert app.screen_lines()[1].endswith("1.0 MB line")
        assert not shows(app, "MIDDLE")()
        await pilot.press("right", "right")
        await until(pilot, shows(app, "MIDDLE"))
        await pilot.press("w")
        await until(pilot, lambda: "wrapped" in app.bar())
        await pilot.press("g")
        await until(pilot, lambda: app.screen_lines()[1].startswith("  " + "x" * 22 + "MIDDLE"))


async def test_short_lines_show_the_file_first(tmp_path: Path) -> None:
    path = tmp_path / "migration.json"
    record = {
        "timestamp": "2025-10-30T14:25:12.5",
        "level": "ERROR",
        "message": "Validation failed",
        "file": "data/raw/sff/2024/data.json",
        "detail": "date is missing",
    }
    path.write_text(json.dumps(record) + "\n" + f"{HEAD} - INFO - Copy successful\nneither of them\n")
    app = Demo([log_file(path, "structured")])
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, shows(app, "neither of them"))
        await pilot.press("s")
        await until(pilot, lambda: "short" in app.bar())
        assert app.screen_lines()[:3] == [
            "✗ 14:25:12 ERROR Validation failed: data/raw/sff/2024/data.json – date is missing",
            "  14:25:12 INFO Copy successful",
            "  neither of them",
        ]
        await pilot.press("slash", *"sff", "enter")
        await until(pilot, lambda: "line 1 of 3" in app.foot())
        marked = [s.text for s in app.query_one("#log-rows").render_line(0) if s.style and s.style.reverse]
        assert marked == ["sff"]
        await pilot.press("s")
        await until(pilot, lambda: app.screen_lines()[0].startswith('✗ {"timestamp"'))


async def test_search_brings_a_match_far_to_the_right_into_sight(tmp_path: Path) -> None:
    path = tmp_path / "wide.log"
    path.write_text("short\n" + "x" * 500 + "treasure\n")
    app = Demo([log_file(path)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "xxx"))
        await pilot.press("slash", *"treasure", "enter")
        await until(pilot, shows(app, "treasure"))


async def test_rotation_and_truncation_are_said_in_the_stream(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        os.rename(log, f"{log}.1")
        log.write_text("after rotation\n")
        await until(pilot, shows(app, "after rotation"))
        assert shows(app, "▸ migration.log was rotated; the lines above are in migration.log.1")()
        log.write_text("x\n")
        await until(pilot, shows(app, "was truncated from 15 B to 2 B"))
        assert "line 1 of 1" in app.foot()


async def test_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "migration.log"
    app = Demo([LogFile(str(path), path.name, "text")])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "migration.log does not exist yet"))
        path.write_text("first\n")
        await until(pilot, shows(app, "first"))


HOSTILE = [
    "[@click=app.quit]x[/]",
    "[/foo] [bold]b",
    "\x1b[31mred\x1b]52;c;aGVsbG8=\x07",
    "\x9b31m \u202egnp.exe\u202c \u200b \u2028",
    "\U0001f600 \u4e2d\u6587 e\u0301",
    "tab\tand\x00nul",
]


async def test_nothing_in_a_log_is_interpreted(tmp_path: Path) -> None:
    path = tmp_path / "hostile.log"
    path.write_bytes(b"\n".join(line.encode() for line in HOSTILE) + b"\n\xff\xfe bad bytes\r\n")
    app = Demo([LogFile(str(path), "[@click=app.quit]\x1b.log", "other", mtime=1.0)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "bad bytes"))
        lines = app.screen_lines()
        assert lines[0] == "  [@click=app.quit]x[/]"
        assert lines[2] == "  ␛[31mred␛]52;c;aGVsbG8=␇"
        assert lines[3] == "  \\x9b31m \\u202egnp.exe\\u202c \\u200b \\u2028"
        assert lines[5] == "  tab␉and␀nul"
        assert lines[6] == "  \\xff\\xfe bad bytes"
        assert "␛" in app.bar()
        await pilot.press("g", "enter")
        await until(pilot, lambda: bool(app.query_one(Pager).display))
        await pilot.press("escape", "o")
        await until(pilot, lambda: bool(app.query_one(LogChooser).display))
        await pilot.click(LogChooser, offset=(5, 2))
        await until(pilot, lambda: "● following" in app.bar())
        assert app.is_running
        sent = "".join(segment.text for y in range(22) for segment in app.query_one("#log-rows").render_line(y))
        assert "\x1b" not in sent and "\x07" not in sent and "\x9b" not in sent


async def test_only_rows_that_changed_are_drawn(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        append(log, "one more")
        await until(pilot, shows(app, "one more"))  # the page has moved up by a third: there is room below
        rows = app.query_one("#log-rows")
        drawn: list[int] = []
        original = type(rows).refresh

        def refresh(widget: object, *regions: object, **options: object) -> object:
            if widget is rows:
                drawn.append(len(regions))
            return original(widget, *regions, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(type(rows), "refresh", refresh)
        append(log, "and one")
        await until(pilot, shows(app, "and one"))
        assert drawn == [1]


async def test_hidden_it_leaves_the_file_alone(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        feed: LogFeed = app.pane._feed
        app.pane.display = False
        await until(pilot, lambda: not feed._visible)
        polls: list[int] = []
        view = feed._view
        assert view is not None
        original = view.poll
        view.poll = lambda: polls.append(1) or original()  # type: ignore[method-assign, func-returns-value]
        done: list[bool] = []
        append(log, "meanwhile")
        feed.do(lambda: done.append(True))
        await until(pilot, lambda: bool(done))
        feed.do(lambda: done.append(True))
        await until(pilot, lambda: len(done) == 2)
        assert not polls
        app.pane.display = True
        await until(pilot, shows(app, "meanwhile"))


async def test_leaving_ends_the_thread(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        feed = app.pane._feed
    assert feed.join(5)


def test_every_key_is_explained() -> None:
    for binding in LogPane.BINDINGS:
        assert getattr(binding, "description", "")
    shown = {"slash": "/", "ampersand": "&", "apostrophe": "'", "question_mark": "?", "escape": "Esc", "enter": "Enter"}
    keys = [key for binding in LogPane.BINDINGS for key in binding.key.split(",")]  # type: ignore[union-attr]
    words = LogPane.HELP.replace(";", " ").replace(":", " ").split()
    for key in keys:
        assert shown.get(key, key).lower() in [word.lower() for word in words], key


async def test_a_page_that_was_under_way_does_not_undo_a_key(log: Path) -> None:
    app = Demo([log_file(log)])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, shows(app, "number 1000"))
        await until(pilot, lambda: app.pane._page.done == app.pane._feed.given)
        late = app.pane._page
        assert late.follow
        app.pane.action_cursor(-1)
        app.pane.action_cursor(-1)
        app.pane._post_page(late)  # read before the feed had heard of the keys
        await until(pilot, lambda: "paused" in app.bar() and "line 999 of" in app.foot())
        await pilot.pause()
        assert "line 999 of" in app.foot()
        await pilot.press("G")
        await until(pilot, lambda: "following" in app.bar())
