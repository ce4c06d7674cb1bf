"""Runs: the lock, the process of its own, following, cancelling, recovery."""
