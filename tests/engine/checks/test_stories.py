"""Each probe for procedures on workspaces where it passes, where it does not, and where it cannot tell.

Made for real; the machine's cron and disks are handed in.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.engine.checks.probes import device, suspects
from console.engine.checks.probes.declared import PROBES
from console.engine.errors import ConfigurationError
from tests.engine.checks import stories_books, stories_files, stories_rules
from tests.engine.checks.site import Site, snapshot
from tests.engine.checks.stories import CRON, STORIES, asked, broken_ledger, disk, fresh, published

BEFORE = [
    "backups",
    "disk",
    "other-run",
    "schemas",
    "sample",
    "errors",
    "run-log",
    "counts",
    "spot-check",
    "checksums",
]  # test_probes.py
TOLD = (stories_books, stories_files, stories_rules)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where somebody without rights can come; what cron is told and which disks there are lies beside."""
    with tempfile.TemporaryDirectory(prefix="opsconsole-test-") as name:
        folder = Path(name).resolve()
        os.chmod(folder, 0o755)
        disk(folder, folder)
        monkeypatch.setattr(suspects, "CRON", (str(folder / CRON),))
        monkeypatch.setattr(suspects, "UNITS", (str(folder / "systemd"),))
        monkeypatch.setattr(suspects, "USER_UNITS", str(folder / "systemd-user"))
        monkeypatch.setattr(suspects, "CRONTAB", ("false",))
        monkeypatch.setattr(device, "SBIN", "")
        monkeypatch.setattr(device, "SYS", str(folder / "sys"))
        monkeypatch.setenv("PATH", f"{folder}/bin")
        yield folder


def test_each_declared_probe_has_its_story() -> None:
    assert set(STORIES) == set(PROBES) - set(BEFORE)
    assert {STORIES[probe].__module__ for probe in STORIES} == {module.__name__ for module in TOLD}


def seen(site: Site) -> dict[str, tuple[int, int, int, int]]:
    """Everything but the index that readers of a ledger share with its writer."""
    return {path: facts for path, facts in snapshot(site.root).items() if not path.endswith("-shm")}


@pytest.mark.parametrize("probe", STORIES)
def test_a_probe_says_what_is_so_and_changes_nothing(probe: str, place: Path) -> None:
    verdicts = set()
    for scene in STORIES[probe](place):
        before = seen(scene.site)
        result = asked(scene.site, probe, scene.given, read_only=scene.read_only)
        assert str(result.verdict) == scene.verdict and scene.part in result.evidence, (
            f"{scene.verdict}: {scene.part!r}, not {result.verdict}: {result.evidence!r}"
        )
        assert result.evidence and "\n" not in result.evidence and "broke" not in result.evidence
        assert seen(scene.site) == before, "it wrote"
        verdicts.add(scene.verdict)
    assert {"pass", "unknown"} <= verdicts and verdicts & {"warn", "fail"}


GIVEN = {
    "zone": {"zone": "validated"},
    "source": {"source": "alpha"},
    "published": {"source": "alpha"},
    "verified": {"since": "2020-01-01T00:00:00Z"},
    "foreign-writer": {"since": "2020-01-01T00:00:00Z"},
    "alert": {"rule": "errors"},
    "device": {"zone": "validated"},
    "new-version": {"file": "alpha/1.json"},
    "raw-whole": {"file": "alpha/1.json"},
}
OF_THE_DISK = ("maintenance", "source", "permissions")  # these need no ledger
SLOW = [
    "settled",
    "ledger",
    "permissions",
    "source",
    "waiting",
    "published",
    "by-hand",
    "foreign-writer",
    "stale",
    "impact",
    "preflight",
    "postflight",
]


def test_where_the_ledger_is_destroyed_no_probe_passes_that_needs_it(place: Path) -> None:
    site = published(place / "ws")
    with broken_ledger(site):
        for probe in STORIES:
            result = asked(site, probe, {"on": False} if probe == "maintenance" else GIVEN.get(probe, {}))
            expected = "pass" if probe in OF_THE_DISK else "fail" if probe == "ledger" else "unknown"
            assert str(result.verdict) == expected or probe in ("preflight", "postflight"), (probe, result)
            assert str(result.verdict) != "pass" or probe in OF_THE_DISK


def test_what_takes_long_ends_when_nobody_waits_and_has_not_passed(place: Path) -> None:
    site = published(place / "ws")
    for probe in SLOW:
        assert str(asked(site, probe, GIVEN.get(probe, {}), stop=False).verdict) != "", probe
        result = asked(site, probe, GIVEN.get(probe, {}), stop=True)
        assert (str(result.verdict), result.evidence) == ("unknown", "interrupted"), probe


def test_a_list_has_them_too_with_their_parameters(place: Path) -> None:
    """Each can be an item: checked with the configuration, asked, kept."""
    items = [
        {"name": f"my-{probe}", "probe": probe, "parameters": GIVEN.get(probe, {})}
        for probe in STORIES
        if probe not in ("preflight", "postflight")
    ]
    site = published(place / "ws", checklists={"postflight": items})
    for item in items:
        result = site.ask(str(item["name"]), keep=True)
        assert result.verdict is not None and "broke" not in result.evidence, result


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        ({"probe": "zone", "parameters": {"zone": "rw"}}, "must be one of raw, validated, backups"),
        ({"probe": "alert", "parameters": {"rule": "noise"}}, "must be one of mismatch, disk"),
        ({"probe": "run", "parameters": {"run": 7}}, "must be a text in quotes"),
        ({"probe": "waiting", "parameters": {"most": -1}}, "must be a whole number from 0"),
        ({"probe": "maintenance", "parameters": {"on": "yes"}}, "must be true or false"),
        ({"probe": "failing", "parameters": {"sorce": "x"}}, "is no parameter of the probe failing"),
        ({"probe": "postflight"}, "a list cannot look at a list"),
    ],
)
def test_an_item_that_asks_for_what_there_is_not_is_refused(item: dict[str, object], wrong: str, place: Path) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(wrong)):
        fresh(place / "ws", checklists={"preflight": [{"name": "mine", **item}]}).ctx()
