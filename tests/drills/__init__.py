"""Drills: workspaces broken for real, each solved by following its procedure alone, in-process, by lines and by keys."""
