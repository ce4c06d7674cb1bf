"""Checklists: what is looked at before and after a migration, with verdict, age and evidence; who answers for what."""

from widgets.checklists.pane import ChecklistsPane

__all__ = ["ChecklistsPane"]
