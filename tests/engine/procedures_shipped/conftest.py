"""Mounts and a memory file system, as the fault batteries have them."""

from tests.faults.conftest import ground, mounts, own_mounts, place

__all__ = ["ground", "mounts", "own_mounts", "place"]
