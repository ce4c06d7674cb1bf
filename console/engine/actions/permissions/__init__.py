"""Permissions repair: owner and group may work in data and logs again; what was before is kept for the undo."""
