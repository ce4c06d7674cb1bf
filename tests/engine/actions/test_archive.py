"""The archive's small parts: names that are kept, dates in paths, lines of a manifest, labels."""

from __future__ import annotations

import os
import subprocess
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.actions.archive.manifest import name_of, sums_line
from console.engine.actions.archive.model import ArchiveParams, check_params, place_in_archive
from console.engine.actions.archive.select import day_of_metadata, day_of_path
from console.engine.actions.change.model import Change, packed, unpacked
from console.engine.errors import UsageError
from console.engine.settings.model import Settings, Zones
from console.engine.text import keepable, on_disk, visible

NAMES = st.binary(min_size=1, max_size=40).map(os.fsdecode)
SHA = "ab" * 32


@given(NAMES)
def test_any_name_is_kept_as_text_and_found_again(name: str) -> None:
    kept = keepable(name)
    kept.encode()  # any database and JSON can hold it
    assert on_disk(kept) == name


@given(NAMES, NAMES)
def test_two_names_are_kept_apart(one: str, other: str) -> None:
    assert (keepable(one) == keepable(other)) == (one == other)


@pytest.mark.parametrize("name", ["x\udcff", "\udcf4\udc8f\udcbf\udcbf", "\U0010ff80", "a\udc80\U0010ffffb"])
def test_bytes_that_are_no_text_are_kept_and_shown(name: str) -> None:
    assert on_disk(keepable(name)) == os.fsdecode(os.fsencode(name))
    assert visible(keepable(name)).isascii()


@given(NAMES, NAMES)
def test_a_change_survives_its_intent(one: str, other: str) -> None:
    change = Change("take", one, other, "", SHA, "", 1, "archived", one, "", [("archived", keepable(other), None)])
    assert unpacked(packed(change)) == change


@given(NAMES.filter(lambda name: "\0" not in name))
def test_a_line_of_the_manifest_is_read_as_it_was_written(name: str) -> None:
    line = sums_line(SHA, name)
    assert b"\n" not in line
    assert name_of(line) == name


@given(st.binary(max_size=120))
def test_no_line_of_others_breaks_the_reading(line: bytes) -> None:
    name_of(line.replace(b"\n", b""))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(NAMES.filter(lambda n: "\0" not in n and "/" not in n and n not in (".", "..")), min_size=1, unique=True)
)
def test_sha256sum_writes_the_same_lines(tmp_path: Path, names: list[str]) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    for name in names:
        (tmp_path / name).write_bytes(b"")
    done = subprocess.run(["sha256sum", "--", *names], cwd=tmp_path, capture_output=True, check=True)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert done.stdout == b"".join(sums_line(empty, name) + b"\n" for name in names)


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("sff/dumps/2023-10-14_055643/data.json", date(2023, 10, 14)),
        ("sff/2023-10-14.json", date(2023, 10, 14)),
        ("sff/dumps/2023-10-14_055643/grants-2019-01-01.json", date(2023, 10, 14)),  # what it begins with counts more
        ("sff/2021-01-01/2022-02-02/x.json", date(2022, 2, 2)),
        ("sff/grants_2019.01.31.json", date(2019, 1, 31)),
        ("sff/12023-10-14.json", None),
        ("sff/2023-10-141.json", None),
        ("sff/2023-02-30.json", None),
        ("sff/2023/data.json", None),
        ("sff/\u0662\u0660\u0662\u0663-10-14.json", None),
    ],
)
def test_the_date_in_a_path(path: str, day: date | None) -> None:
    assert day_of_path(path) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        (b'{"extraction_date": "2019-01-11T00:53:48Z"}', date(2019, 1, 11)),
        (b'{"extraction_date": "2019-01-11T00:53:48+05:00"}', date(2019, 1, 10)),
        (b'{"extraction_date": "2019-01-11"}', date(2019, 1, 11)),
        (b'{"extraction_date": 5}', None),
        (b"[]", None),
        (b"{", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_the_date_of_a_sidecar(text: bytes, day: date | None) -> None:
    assert day_of_metadata(text) == day


@given(st.text(max_size=12))
def test_a_label_is_one_plain_folder_name(label: str) -> None:
    try:
        check_params(ArchiveParams(match="**", label=label, reason="because"))
    except UsageError:
        return
    assert label == os.path.basename(label)
    assert label[0] not in ".-"
    assert visible(label) == label


@pytest.mark.parametrize("label", ["", ".", "..", "a/b", "-x", "a b", "moved-1", "SHA256SUMS", "a\n", "x" * 101])
def test_such_labels_are_refused(label: str) -> None:
    with pytest.raises(UsageError):
        check_params(ArchiveParams(match="**", label=label, reason="because"))


def test_places_keep_their_paths_wherever_the_zones_lie() -> None:
    usual = Settings("", "toml", "")
    assert (
        place_in_archive(usual, "x", "data/raw/funding_sources/a/b.json")
        == "data/raw/_archive/x/funding_sources/a/b.json"
    )
    apart = Settings("", "toml", "", zones=Zones(raw="/mnt/in/raw", archive="store/archive"))
    assert place_in_archive(apart, "x", "/mnt/in/raw/a/b.json") == "store/archive/x/raw/a/b.json"
