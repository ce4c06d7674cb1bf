"""Rollback: put back what a run replaced, take back what it made, return what it moved."""
