"""Drills: workspaces broken for real, each solved by its procedure alone, in-process, by lines, by keys."""
