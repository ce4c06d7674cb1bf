"""Leave: give the workspace back to the scripts that were here before."""
