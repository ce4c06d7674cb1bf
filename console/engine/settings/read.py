"""The configuration file as bytes and as a document: small, regular, well-formed, or an error."""

from __future__ import annotations

import datetime
import json
import math
import os
import stat
from pathlib import Path
from typing import Any

from console.engine.errors import ConfigurationError

# A configuration is written by people; parsers of nested text are not linear in it.
LARGEST = 256 * 1024  # bytes
_DEEPEST = 20
_MOST_DOTS = 200  # on one line: tomllib takes time in the square of a.b.c…


def read_bytes(file: Path, name: str) -> bytes:
    """The bytes of `file`; `name` is what errors call it. Raises ConfigurationError."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigurationError("there is no such configuration", file=name, next_step=_missing_step(file)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"the configuration cannot be read: {reason}", file=name) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigurationError("the configuration is not a regular file", file=name)
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"the configuration cannot be read: {error.strerror}", file=name) from None
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise ConfigurationError(f"too large for a configuration: more than {LARGEST:,} bytes", file=name)
    return data


def _missing_step(file: Path) -> str:
    """What helps where the default configuration is not there; `file` is absolute."""
    root = file.parent.parent
    step = f"make one: opsconsole init {root}"
    if file.name == "console.toml" and (root / "scripts/migration/config.json").is_file():
        step += "   or use the incumbent's: --config scripts/migration/config.json"
    return step


def parse(data: bytes, kind: str, name: str) -> dict[str, Any]:
    """The document: `kind` is toml or incumbent (JSON). Raises ConfigurationError with line and column."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"not a text in UTF-8: byte {error.start + 1}, line {line}", file=name) from None
    if kind == "toml" and any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ConfigurationError("nested too deeply", file=name)
    if kind == "incumbent" and not text.strip():
        raise ConfigurationError("the configuration is empty", file=name)
    try:
        if kind == "toml":
            import tomllib

            document = tomllib.loads(text)
        else:
            document = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise ConfigurationError("nested too deeply", file=name) from None
    except ValueError as error:
        language = "TOML" if kind == "toml" else "JSON"
        raise ConfigurationError(f"not {language}: {error}", file=name) from None
    if not isinstance(document, dict):
        raise ConfigurationError("the configuration is not an object of keys", file=name)
    _plain(document, "", name, 0)
    return document


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} is there twice")
    return document


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _plain(value: Any, key: str, name: str, depth: int) -> None:
    """Refuse what TOML can say and JSON Schema cannot judge: dates, nan, inf, integers outside 64 bits."""
    if depth > _DEEPEST:
        raise ConfigurationError("nested too deeply", file=name, key=key)
    if isinstance(value, dict):
        for inner, item in value.items():
            _plain(item, f"{key}.{inner}" if key else inner, name, depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _plain(item, f"{key}[{number}]", name, depth + 1)
    elif isinstance(value, datetime.date | datetime.time):
        raise ConfigurationError(f"`{key}` is a date or time; write it in quotes", file=name, key=key)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"`{key}` is {value}, which is not a number to count with", file=name, key=key)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ConfigurationError(f"`{key}` is too large a number", file=name, key=key)
