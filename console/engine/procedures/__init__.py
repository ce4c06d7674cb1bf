"""Guided procedures: their definitions, and sessions that take an operator through one, step by step."""
