"""Probes: plain functions that look and change nothing; `declared` names them with their parameters."""
