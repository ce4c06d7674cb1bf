"""The tools beside which we are measured. Those of npm and PyPI are installed once into a cache of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.report import Report


def cache() -> Path:
    """Outside the repository; kept between runs."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "opsconsole-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tried(report: Report, name: str, *command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        report.skip(f"{name}: {error}")
        return False
    if done.returncode != 0:
        report.skip(f"{name}: {done.stderr.strip().splitlines()[-1:]}")
    return done.returncode == 0


def rclone(report: Report) -> str:
    """Path of rclone, or '' and said aloud."""
    found = shutil.which("rclone") or ""
    if not found:
        report.skip("rclone is not installed (apt install rclone)")
    return found


def ajv(report: Report) -> str:
    """Path of ajv-cli with the formats plug-in, installed by npm; or ''."""
    place = cache() / "ajv"
    found = place / "node_modules/.bin/ajv"
    if found.exists():
        return str(found)
    npm = shutil.which("npm")
    if npm is None:
        report.skip("ajv-cli: npm is not installed")
        return ""
    place.mkdir(exist_ok=True)
    packages = ("ajv-cli@5", "ajv-formats@2")
    if not _tried(report, "ajv-cli", npm, "install", "--prefix", str(place), "--no-audit", *packages):
        return ""
    return str(found)


def check_jsonschema(report: Report) -> str:
    """Path of check-jsonschema in a virtual environment of its own; or ''."""
    place = cache() / "check-jsonschema"
    found = place / "bin/check-jsonschema"
    if found.exists():
        return str(found)
    if not _tried(report, "check-jsonschema", sys.executable, "-m", "venv", str(place)):
        return ""
    pip = (str(place / "bin/python"), "-m", "pip", "install", "-q", "check-jsonschema")
    return str(found) if _tried(report, "check-jsonschema", *pip) else ""


def lnav(report: Report) -> str:
    """Path of lnav, or '' and said aloud."""
    found = shutil.which("lnav") or ""
    if not found:
        report.skip("lnav is not installed (apt install lnav)")
    return found


def toolong(report: Report) -> str:
    """Path of toolong in a virtual environment of its own, for it wants another Textual; or ''."""
    place = cache() / "toolong"
    found = place / "bin/tl"
    if found.exists():
        return str(found)
    if not _tried(report, "toolong", sys.executable, "-m", "venv", str(place)):
        return ""
    pip = (str(place / "bin/python"), "-m", "pip", "install", "-q", "toolong==1.5.0")
    return str(found) if _tried(report, "toolong", *pip) else ""
