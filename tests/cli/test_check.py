"""`check` as monitoring calls it: read by a parser of Nagios' format, by Prometheus' own, and by its exit status."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from console.engine.checks.alerts.check import Checked, nagios_line
from console.engine.checks.alerts.look import Looked
from console.engine.checks.alerts.model import Measured, Reading
from console.engine.checks.alerts.settle import Settled
from console.engine.model import Check
from console.engine.observe.metrics import Metric, render, write_whole
from console.engine.observe.overview import Overview
from tests.engine.checks.alert_site import Site, flip_a_bit
from tests.support import VALIDATED, invalid_record, run_cli, valid_record

# ── an independent reader of what plugins print (Monitoring Plugins Development Guidelines, 2.6) ──────────────────

WORDS = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
_NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(s|us|ms|%|B|kB|MB|TB|c)?\Z")


@dataclass
class Plugin:
    word: str
    text: str
    data: dict[str, tuple[float, str, list[str]]]


def one_line(text: str) -> bool:
    """Nothing in it that ends a line, moves a cursor or is no text."""
    return not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in text)


def read_plugin(line: str) -> Plugin:
    """One line as Nagios takes it apart; AssertionError where it would not be what its writer meant."""
    assert one_line(line) and len(line.encode()) <= 4096
    head, _, data = line.partition("|")
    service, word, text = re.fullmatch(r"([A-Z]+) ([A-Z]+) - (.+?) ?", head).groups()  # type: ignore[union-attr]
    assert service == "OPSCONSOLE" and word in WORDS.values()
    found = {}
    rest = data.strip()
    while rest:
        # 'label'=value[unit];[warn];[crit];[min];[max]; the quotes are needed for spaces, '' is a quote
        match = re.match(r"'((?:[^'=]|'')+)'=([^ ]+)(?: |\Z)", rest) or re.match(r"([^ '=]+)=([^ ]+)(?: |\Z)", rest)
        assert match, rest
        value, *limits = match[2].split(";")
        number = _NUMBER.match(value)
        assert number and len(limits) <= 4, match[2]
        for limit in limits:
            assert limit == "" or re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", limit), limit
        found[match[1]] = (float(number[1]), number[2] or "", limits)
        rest = rest[match.end() :]
    return Plugin(word, text, found)


def check(root: Path | None, *args: str) -> tuple[int, str]:
    done = run_cli(root, "check", *args)
    assert done.stderr == "" and "Traceback" not in done.stdout
    return done.returncode, done.stdout


# ── exit statuses, from outside ───────────────────────────────────────────────────────────────────────────────────


def test_what_the_shell_sees(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", {f"alpha/{n}.json": [valid_record(n)] for n in range(12)})
    status, out = check(site.root, "--format", "nagios")
    assert (status, read_plugin(out.rstrip("\n")).word) == (3, "UNKNOWN")  # it has not worked here yet
    site.migrate()
    before = {path: path.stat().st_mtime_ns for path in site.root.rglob("*")}
    status, out = check(site.root, "--format", "nagios")
    said = read_plugin(out.rstrip("\n"))
    assert (status, said.word) == (0, "OK") and "12 files published" in said.text
    assert said.data["failures"] == (0.0, "%", ["10", "50", "0", "100"])
    assert said.data["logs"][1] == "B" and out.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in site.root.rglob("*")} == before  # reads only
    site.put("alpha/bad.json", [invalid_record(3)])
    site.migrate()
    status, out = check(site.root)
    assert status == 1 and out.startswith("OPSCONSOLE WARNING - 1 alert: 1 file fails and nobody answered\n")
    flip_a_bit(site.root / VALIDATED / "alpha/3.json")
    site.verify()
    status, out = check(site.root, "--format", "json")
    said_json = json.loads(out)
    assert (status, said_json["status"], said_json["exit_status"]) == (2, "CRITICAL", 2)
    assert [alert["verdict"] for alert in said_json["alerts"]] == ["fail", "warn"]
    assert {rule["rule"]: rule["verdict"] for rule in said_json["rules"]}["mismatch"] == "fail"


@pytest.mark.parametrize("broken", ["configuration", "root", "usage", "ledger"])
def test_what_cannot_be_read_is_unknown_and_never_ok(tmp_path: Path, broken: str) -> None:
    site = Site(tmp_path / "ws", {"alpha/1.json": [valid_record(1)]})
    site.migrate()
    args = ["--format", "nagios"]
    if broken == "configuration":
        (site.root / "config/console.toml").write_text("[alerts]\nerrors = 'many'\n")
    elif broken == "root":
        shutil.rmtree(site.root)
    elif broken == "usage":
        args = ["--format", "telepathy"]
    else:
        for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
            (site.root / ".opsconsole" / name).unlink(missing_ok=True)
        (site.root / ".opsconsole/ledger.sqlite").write_bytes(b"no database" * 100)
    done = run_cli(site.root, "check", *args, cwd=tmp_path)
    assert done.returncode == 3 and done.stderr == ""
    assert read_plugin(done.stdout.rstrip("\n")).word == "UNKNOWN"
    if broken == "configuration":
        assert "alerts.errors" in done.stdout and "console.toml" in done.stdout


# ── whatever names come, the line is one that is read as it was meant ─────────────────────────────────────────────

_TEXTS = st.text(st.sampled_from("ab'=|;\\ \n\x1b\"{},é") | st.characters(), max_size=40)
_NUMBERS = st.floats(0, 1e15) | st.integers(0, 10**15)
_MEASURED = st.builds(
    Measured,
    _TEXTS.filter(bool),
    _NUMBERS,
    st.sampled_from(["", "%", "B", "s", "c"]),
    _NUMBERS | st.none(),
    _NUMBERS | st.none(),
)


@settings(max_examples=50, deadline=None)
@example("a|b\nc", [Measured("a=b|c'd\n", 5.0, "%", 1.0), Measured("'", 1e15)], Check.FAIL)
@given(_TEXTS, st.lists(_MEASURED, max_size=4), st.sampled_from(list(Check)))
def test_any_text_and_any_label_make_one_line(text: str, measured: list[Measured], verdict: Check) -> None:
    seen = Overview("ws", "/srv/ws", "host", True, None, None, (), ())
    reading = Reading("disk", "disk", verdict, text, measured=tuple(measured))
    line = nagios_line(Checked(verdict, text or "x", Settled(seen, Looked((reading,), {}))))
    said = read_plugin(line)
    assert len(said.data) == len({label for label in said.data})
    assert said.word == WORDS[Checked(verdict, "").exit_status]
    for (value, unit, _), one in zip(said.data.values(), measured, strict=False):
        if len(said.data) == len(measured):  # no two labels alike
            assert unit == one.unit and value == pytest.approx(one.value, abs=1e-5, rel=1e-9)


# ── Prometheus ────────────────────────────────────────────────────────────────────────────────────────────────────


def well_named(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Samples by name, after Prometheus' own parser and the rules that `promtool check metrics` has."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    helped = set(re.findall(r"^# HELP (\S+) \S", text, re.M))
    assert text.endswith("\n")
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert family.type in ("gauge", "counter") and family.documentation.strip() and name in helped
        assert re.fullmatch(r"opsconsole_[a-z]+(_[a-z]+)*", name)
        assert not re.search(r"_(gauge|counter|count|sum|bucket|milliseconds|minutes|hours|kilobytes|percent)$", name)
        assert (family.type == "counter") == name.endswith("_total")
        seen = set()
        for sample in family.samples:
            assert sample.timestamp is None and sample.value == sample.value and sample.value >= 0
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in seen
            seen.add(labels)
            assert all(re.fullmatch(r"[a-z]+", label) for label in sample.labels)
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_the_textfile_of_prometheus(tmp_path: Path) -> None:
    site = Site(tmp_path / "ws", {f"alpha/{n}.json": [valid_record(n)] for n in range(3)}, {"off": []})
    site.put("alpha/bad.json", [invalid_record(3)])
    site.migrate()
    folder = tmp_path / "textfiles"
    folder.mkdir()
    place = folder / "opsconsole.prom"
    place.write_text("what stood there\n")
    kept = folder / "old"
    kept.hardlink_to(place)
    umask = os.umask(0o077)
    try:
        status, out = check(site.root, "--format", "prometheus", "--output", str(place))
    finally:
        os.umask(umask)
    assert out.startswith(f"OPSCONSOLE {WORDS[status]} - ")  # for the journal
    # whoever has the old one open reads it to its end; under the name stands the new one, whole
    assert kept.read_text() == "what stood there\n"
    assert sorted(path.name for path in folder.iterdir()) == ["old", "opsconsole.prom"]
    assert place.stat().st_mode & 0o777 == 0o644  # whoever collects it is another user
    found = well_named(place.read_text())
    assert found["opsconsole_workspace_readable"] == [({}, 1)]
    assert found["opsconsole_check_status"] == [({}, status)]
    assert ({"state": "published"}, 3) in found["opsconsole_files"]
    assert ({"state": "failing"}, 1) in found["opsconsole_files"]
    assert ({"action": "migrate", "status": "partial"}, 1) in found["opsconsole_runs_total"]
    assert ({"outcome": "processed"}, 3) in found["opsconsole_run_files_total"]
    assert len(found["opsconsole_rule_status"]) == 9
    assert any("validated" in labels["zones"].split(",") for labels, _ in found["opsconsole_filesystem_avail_bytes"])
    at = found["opsconsole_last_success_timestamp_seconds"]
    assert at == [({"action": "migrate"}, pytest.approx(site.clock.time.timestamp(), abs=60))]
    # a folder that is not there: what is there stays, and it is no success
    status, out = check(site.root, "--format", "prometheus", "--output", str(tmp_path / "no/x.prom"))
    assert status == 3 and out.startswith("OPSCONSOLE UNKNOWN")
    (site.root / "config/console.toml").write_text("torn = ")
    status, out = check(site.root, "--format", "prometheus")
    found = well_named(out)
    assert status == 3 and found["opsconsole_workspace_readable"] == [({}, 0)]
    assert found["opsconsole_check_status"] == [({}, 3)]


def test_a_full_disk_leaves_the_old_textfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "x.prom"
    write_whole(place, "old\n")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("console.engine.observe.metrics.os.fsync", full)
    with pytest.raises(Exception, match="No space left"):
        write_whole(place, "new\n")
    assert place.read_text() == "old\n" and len(list(tmp_path.iterdir())) == 1


@settings(max_examples=50, deadline=None)
@example('a\\n"c', 1.5)
@example("a\nb\x1b", 0)
@given(_TEXTS, st.floats(0, 1e18))
def test_any_label_is_read_as_one(label: str, value: float) -> None:
    text = render([Metric("opsconsole_folder_size_bytes", "gauge", "Size.").add(value, folder=label)])
    ((labels, read),) = well_named(text)["opsconsole_folder_size_bytes"]
    assert read == pytest.approx(value, abs=1e-6) and one_line(labels["folder"])
    if label.isascii() and label.isprintable():
        assert labels["folder"] == label
