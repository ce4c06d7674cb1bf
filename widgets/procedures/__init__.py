"""Procedures: which there are and which are on their way; one of them, step by step, with what is true now."""

from widgets.procedures.pane import ProceduresPane

__all__ = ["ProceduresPane"]
