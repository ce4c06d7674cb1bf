"""Actions on what is known of files: clear entries, put those of a checkpoint back, rebuild what was lost."""
