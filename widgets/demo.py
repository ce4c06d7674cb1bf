"""What every demo is: an app that leaves when its terminal goes away, as the console does."""

from __future__ import annotations

import sys

from textual.app import App

from widgets import leaving


class DemoApp(App[None]):
    """Subclasses compose one widget; Textual calls on_mount of every class, so theirs is called too."""

    def on_mount(self) -> None:
        if not self.is_headless:
            leaving.install(self._leave)

    def _leave(self, status: int) -> None:
        leaving.leave_for_certain(lambda: status)
        self.exit(return_code=status)


def show(app: DemoApp) -> None:
    """Run it; this process ends with its exit status."""
    app.run()
    sys.exit(app.return_code or 0)
