"""Probes, the gate and the brakes."""
