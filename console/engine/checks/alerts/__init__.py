"""Rules that say when something needs somebody: plain functions over ledger and disk."""
