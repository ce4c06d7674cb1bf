"""Logs: closed segments archived, old lines trimmed, through the logger's own rotation."""
