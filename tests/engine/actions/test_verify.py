"""What is verified in parts, and what a manifest says."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.engine.actions.verify.items import read_manifest
from console.engine.actions.verify.model import Item, State, VerifyParams, in_part
from console.engine.actions.verify.reader import DISK, DROPPED, MEMORY, FileReader
from console.engine.context import open_context
from console.engine.errors import UsageError

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)


@given(st.text(), st.integers(1, 50))
def test_a_path_is_in_exactly_one_part(path: str, parts: int) -> None:
    assert sum(in_part(path, number, parts) for number in range(1, parts + 1)) == 1


@given(st.text(max_size=8))
def test_a_part_is_one_or_a_usage_error(text: str) -> None:
    try:
        number, parts = VerifyParams(text).part()
    except UsageError:
        return
    assert 1 <= number <= parts


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_what_sha256sum_writes_is_read_as_it_was_meant(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """Names with newlines and backslashes among them; made by coreutils, not by us."""
    root = tmp_path_factory.mktemp("sums")
    folder = root / "raw/_archive/a"
    folder.mkdir(parents=True)
    made = []
    for name in names:
        try:
            (folder / name).write_bytes(name.encode())
        except OSError:  # too long for this file system
            continue
        made.append(f"_archive/a/{name}")
    done = subprocess.run(["sha256sum", "--", *made], cwd=root / "raw", capture_output=True, check=False)
    if not made or done.returncode:
        return
    (root / "SHA256SUMS").write_bytes(done.stdout)

    class Ws:
        @staticmethod
        def path(relative: str) -> Path:
            return root / relative

    class Ctx:
        workspace = Ws

    found = list(read_manifest(Ctx, "SHA256SUMS", "raw"))  # type: ignore[arg-type]
    assert found == [(hashlib.sha256(Path(name).name.encode()).hexdigest(), f"raw/{name}") for name in made]


@pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_readback_gives_the_same_bytes_whatever_their_number(ws: Path, size: int) -> None:
    """Past the cache reads come in whole blocks; the end of a file is none."""
    ctx = open_context(ws)
    data = hashlib.shake_128(str(size).encode()).digest(size)
    path = ws / "data/raw/funding_sources/big.bin"
    path.write_bytes(data)
    item = Item("raw", "data/raw/funding_sources/big.bin", "", hashlib.sha256(data).hexdigest())
    answer = FileReader(ctx, readback=True).read(item)
    assert answer.state == State.WHOLE, answer
    assert answer.how in (DISK, DROPPED, MEMORY)
    assert answer.size == size


def test_a_link_in_the_place_of_a_file_is_damage_and_is_not_followed(ws: Path) -> None:
    ctx = open_context(ws)
    (ws / "secret").write_bytes(b"x")
    place = ws / "data/transformed/validated/a.json"
    place.symlink_to(ws / "secret")
    item = Item("validated", "data/transformed/validated/a.json", "", hashlib.sha256(b"x").hexdigest())
    answer = FileReader(ctx).read(item)
    assert (answer.state, answer.found) == (State.DAMAGED, "")
