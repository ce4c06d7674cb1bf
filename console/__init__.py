"""opsconsole: a terminal operations console for a file-based data pipeline."""

__version__ = "0.1.0"
