"""What rollback, archive, repair and withdrawal share: single names of the workspace that change, with an undo."""
