"""jsonschema as the oracle: causes of a record as `VERIFY.json` names them, computed apart from the product."""

from __future__ import annotations

from collections import Counter
from typing import Any


def causes(validator: Any, record: Any) -> Counter[str]:
    """Cause -> errors that jsonschema finds in a record."""
    found: Counter[str] = Counter()
    for error in validator.iter_errors(record):
        path = ["*" if isinstance(part, int) else str(part) for part in error.absolute_path]
        keyword = error.validator
        if keyword is None:
            keyword = "false"
        if keyword == "required":
            missing = error.message.split("'")[1]
            found[":".join(["required", "/".join([*path, missing])])] += 1
            continue
        key = f"{keyword}:{'/'.join(path) or '(root)'}"
        if keyword == "type":
            key += "=" + ("null" if error.instance is None else type(error.instance).__name__)
        found[key] += 1
    return found
