"""Generated corpora of real grant records, and workspaces around them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.measure import BenchError

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared"
MAKER = SHARED / "tools/make_corpus.py"
SCHEMA = PROJECT / "config/schemas/funding_data_v1.json"
RAW = "data/raw/funding_sources"
VALIDATED = "data/transformed/validated"
PYTHON = [sys.executable, "-P"]
PRODUCT = [*PYTHON, "-m", "console"]


def available() -> bool:
    """The generator and the records it draws from lie beside the project."""
    return MAKER.exists() and (SHARED / "corpus/funding").exists()


def _records(folder: Path) -> Path:
    """The real corpus without the files in which a URL is none: the generator knows no formats."""
    corpus = SHARED / "corpus/funding"
    if not folder.exists():
        verified = json.loads((corpus / "VERIFY.json").read_bytes())["files"]
        for entry in verified:
            if not any(reason.startswith("format:") for reason in entry["errors"]):
                link = folder / "raw/funding_sources" / entry["file"]
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(corpus / "raw/funding_sources" / entry["file"])
    return folder


def make(folder: Path, files: int, records: int, formats: str = "json") -> Path:
    """`files` valid data files of `records` records, each with a sidecar; the folder of the sources."""
    if not folder.exists():
        real = _records(folder.parent / "real")
        command = [sys.executable, str(MAKER), "--quiet", "--out", str(folder), "--files", str(files)]
        command += ["--records-per-file", str(records), "--invalid-rate", "0", "--formats", formats]
        command += ["--corpus", str(real)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(done.stderr)
    return folder / RAW


def workspace(root: Path, corpus: Path) -> Path:
    """A workspace with the sample's configuration that takes `corpus` over as its raw zone (moved, not copied)."""
    shutil.copytree(PROJECT / "config", root / "config")
    for folder in (VALIDATED, "data/_backups", "logs/migration"):
        (root / folder).mkdir(parents=True)
    (root / RAW).parent.mkdir(parents=True, exist_ok=True)
    corpus.rename(root / RAW)
    return root


def give_back(root: Path, corpus: Path) -> None:
    """The raw zone goes where it came from, its files untouched."""
    (root / RAW).rename(corpus)


def warm(folder: Path) -> int:
    """Read everything once, so that every contender finds it in the page cache; its bytes."""
    size = 0
    for path in folder.rglob("*"):
        if path.is_file():
            size += len(path.read_bytes())
    return size
