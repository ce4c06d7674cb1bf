"""Disk: how full each zone's file system is and when it is full; what lies where, live while it is scanned."""

from widgets.disk.pane import DiskPane

__all__ = ["DiskPane"]
