"""Archive: raw files out of the raw zone into a labelled place beside it, and back; nothing is copied or lost."""
