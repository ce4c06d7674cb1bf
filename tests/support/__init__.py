"""What the tests share: tiny workspaces, the real command line, a fixed clock, the corpus beside us."""

from tests.support.cli import run_cli
from tests.support.clock import Clock, fixed_environment
from tests.support.corpus import PROJECT, shared_corpus
from tests.support.workspace import (
    RAW,
    SMALL_SCHEMA,
    VALIDATED,
    invalid_record,
    make_workspace,
    valid_record,
    write_raw,
)

__all__ = [
    "PROJECT",
    "RAW",
    "SMALL_SCHEMA",
    "VALIDATED",
    "Clock",
    "fixed_environment",
    "invalid_record",
    "make_workspace",
    "run_cli",
    "shared_corpus",
    "valid_record",
    "write_raw",
]
