"""Durable file operations: scan, stage, publish in batches, back up, recover. Knows no action and no ledger."""
