"""The first pane: healthy? what happened? what is waiting? what needs me?"""

from widgets.overview.overview import OverviewPane

__all__ = ["OverviewPane"]
