"""opsconsole: a terminal operations console for a file-based data pipeline."""

import gc

# Importing makes some hundred thousand objects that stay; by default the collector walks them dozens of times,
# a tenth of what a command that does little takes.
gc.set_threshold(20_000, 20, 20)

__version__ = "0.1.0"
