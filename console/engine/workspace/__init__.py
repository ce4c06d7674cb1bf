"""Where everything is, and the confinement of paths to the root."""

from console.engine.workspace.layout import Workspace, open_workspace

__all__ = ["Workspace", "open_workspace"]
