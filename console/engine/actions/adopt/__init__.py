"""Adopt: take over what another program published, without judging, moving or rewriting a byte of it."""
