"""Verify (scrub): every byte that the ledger vouches for, read and compared; where good copies lie."""
