"""Prune: remove backups that a policy does not keep, and nothing that the last good state needs."""
