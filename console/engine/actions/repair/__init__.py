"""Repair: what verify found damaged or missing is put back from a good copy; the damaged original is kept."""
