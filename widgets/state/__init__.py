"""State: every file the ledger knows, groups of what fails, one file with the record that fails."""

from widgets.state.detail import FileLook
from widgets.state.pane import StatePane
from widgets.state.scope import Scope

__all__ = ["FileLook", "Scope", "StatePane"]
