"""Everything that changes the workspace: one module an action, one registry that all fronts read."""
