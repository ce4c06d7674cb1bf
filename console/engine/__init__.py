"""The engine: everything that knows the pipeline. It draws nothing, prints nothing and holds no global state."""
